"""Which distribution a scanner means that writes its full name (os-release `PRETTY_NAME`) or a short form of it."""

from __future__ import annotations

import re

# What a name opens with, and the distribution. The longer openings come first.
OPENINGS = (
    ("opensuse", "opensuse"),
    ("suse linux enterprise", "suse"),
    ("sles", "suse"),
    ("red hat", "redhat"),
    ("redhat", "redhat"),
    ("rhel", "redhat"),
    ("oracle", "oracle"),
    ("amazon", "amazon"),
    ("amzn", "amazon"),
    ("alma", "alma"),
    ("rocky", "rocky"),
    ("centos", "centos"),
    ("fedora", "fedora"),
    ("debian", "debian"),
    ("ubuntu", "ubuntu"),
    ("alpine", "alpine"),
    ("wolfi", "wolfi"),
    ("chainguard", "chainguard"),
    ("vmware photon", "photon"),
    ("photon", "photon"),
    ("cbl-mariner", "cbl-mariner"),
    ("common base linux mariner", "cbl-mariner"),
    ("microsoft azure linux", "azurelinux"),
    ("azurelinux", "azurelinux"),
    ("busybox", "busybox"),
)
VERSION = re.compile(r"(?<![\w.])v?(\d{1,9}(?:\.\d{1,9}){0,3})(?![\w])|(?<=rhel)(\d{1,3}(?:\.\d{1,3})?)")
# Names of releases where the number is missing (`Ubuntu-focal`).
RELEASES = {
    "stretch": "9",
    "buster": "10",
    "bullseye": "11",
    "bookworm": "12",
    "trixie": "13",
    "xenial": "16.04",
    "bionic": "18.04",
    "focal": "20.04",
    "jammy": "22.04",
    "noble": "24.04",
}
WORD = re.compile(r"[a-z]+")


def read_system(text: str) -> tuple[str, str]:
    """Return name and version of the distribution; ("", "") where it is none that is known."""
    lowered = text[:200].strip().lower()
    name = next((name for opening, name in OPENINGS if lowered.startswith(opening)), "")
    if not name:
        return "", ""
    found = VERSION.search(lowered)
    if found:
        return name, found[1] or found[2]
    return name, next((RELEASES[word] for word in WORD.findall(lowered) if word in RELEASES), "")
