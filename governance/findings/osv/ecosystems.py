"""Where advisories on a package are found: from package URLs (purl-spec) to OSV's ecosystems (OSV schema, Defined
Ecosystems), and the one spelling of names and releases on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

OS_TYPES = frozenset({"deb", "rpm", "apk", "alpm"})


class Ecosystem(NamedTuple):
    """How an ecosystem's versions are ordered, and whose names its advisories use: source packages', binaries', any."""

    scheme: str
    names: str = "binary"
    # Its first group is the release in a distribution's version (`VERSION_ID` of os-release); "": it has no releases.
    release: str = ""


ECOSYSTEMS = {
    "Debian": Ecosystem("deb", "source", r"(\d+)"),
    "Ubuntu": Ecosystem("deb", "source", r"(\d+\.\d+)"),
    "Alpine": Ecosystem("apk", "source", r"(\d+\.\d+)"),
    "Wolfi": Ecosystem("apk", "source"),
    "Chainguard": Ecosystem("apk", "source"),
    "Red Hat": Ecosystem("rpm", "binary", r"(\d+)"),
    "Rocky Linux": Ecosystem("rpm", "either", r"(\d+)"),
    "AlmaLinux": Ecosystem("rpm", "either", r"(\d+)"),
    "SUSE": Ecosystem("rpm", "either", r"(\d+(?:\.\d+)?)"),
    "openSUSE": Ecosystem("rpm", "either", r"(\d+(?:\.\d+)?)"),
    "PyPI": Ecosystem("pypi"),
    "npm": Ecosystem("semver"),
    "Maven": Ecosystem("maven"),
    "Go": Ecosystem("semver"),
    "crates.io": Ecosystem("semver"),
    "NuGet": Ecosystem("nuget"),
    "RubyGems": Ecosystem("gem"),
    "Packagist": Ecosystem("composer"),
    "Pub": Ecosystem("semver"),
    "Hex": Ecosystem("semver"),
}
# Distributions by purl namespace and by ID of os-release.
DISTRIBUTIONS = {
    "debian": "Debian",
    "ubuntu": "Ubuntu",
    "alpine": "Alpine",
    "wolfi": "Wolfi",
    "chainguard": "Chainguard",
    "redhat": "Red Hat",
    "rhel": "Red Hat",
    "rocky": "Rocky Linux",
    "rocky-linux": "Rocky Linux",
    "alma": "AlmaLinux",
    "almalinux": "AlmaLinux",
    "suse": "SUSE",
    "sles": "SUSE",
    "suse linux enterprise server": "SUSE",
    "opensuse": "openSUSE",
    "opensuse-leap": "openSUSE",
    "opensuse.leap": "openSUSE",
    "opensuse-tumbleweed": "openSUSE",
    "opensuse.tumbleweed": "openSUSE",
}
LANGUAGES = {
    "pypi": "PyPI",
    "npm": "npm",
    "maven": "Maven",
    "golang": "Go",
    "cargo": "crates.io",
    "nuget": "NuGet",
    "gem": "RubyGems",
    "composer": "Packagist",
    "pub": "Pub",
    "hex": "Hex",
}
# A binary package of Debian that was only built again.
REBUILT = re.compile(r"\+b\d+$")
MAINLINE = re.compile(r"enterprise_linux:(\d+)(?:\.\d+)?(?:::|$)")
SERVICE_PACK = re.compile(r"Linux Enterprise .* (\d+)(?: SP(\d+))?")
UNKNOWN_PLACE = ("", "")


def feed_name(ecosystem: str) -> str:
    """What the feed of an ecosystem is called (`osv-debian`)."""
    return "osv-" + re.sub(r"[ .]", "-", ecosystem.lower())


def feed_addresses(wanted: Collection[str], address: str) -> dict[str, str]:
    """{feed: its file's address or path}, with the ecosystem's name for ECOSYSTEM; `off` where it is not wanted."""
    return {
        feed_name(name): address.replace("ECOSYSTEM", name if address.startswith("/") else quote(name))
        if name in wanted
        else "off"
        for name in ECOSYSTEMS
    }


@lru_cache(maxsize=4096)
def split_ecosystem(text: str) -> tuple[str, str]:
    """(`Debian:12`, ...) as (ecosystem, release); ("", "") where its packages are in no list we could match.

    Editions that not every system of a release has (Ubuntu Pro, Red Hat's extended support, SUSE's LTSS) keep names of
    their own, which no image's release has.
    """
    name, _, rest = text.partition(":")
    if name not in ECOSYSTEMS:
        return UNKNOWN_PLACE
    if name == "Ubuntu":
        rest = rest.removesuffix(":LTS")
    elif name == "Red Hat" and (found := MAINLINE.match(rest)):
        rest = found[1]
    elif name == "SUSE" and (found := SERVICE_PACK.fullmatch(rest)):
        rest = f"{found[1]}.{found[2]}" if found[2] else found[1]
    elif name == "openSUSE":
        rest = rest.removeprefix("Leap ")
    return name, rest


@lru_cache(maxsize=4096)
def release_of(distro: str, version: str) -> str:
    """What an image's packages depend on beside themselves: `Debian:12`, or "" where no feed could tell."""
    name = DISTRIBUTIONS.get(distro.lower(), "")
    if not name:
        return ""
    ecosystem = ECOSYSTEMS[name]
    if not ecosystem.release:
        return f"{name}:"
    found = re.match(ecosystem.release, version)
    if not found:
        return ""
    release = found[1]
    if name == "Alpine":
        release = f"v{release}"
    elif name == "openSUSE" and len(release) == len("20260820"):
        release = "Tumbleweed"
    return f"{name}:{release}"


def spell(ecosystem: str, name: str) -> str:
    """The one spelling of a package's name (PEP 503 for PyPI; NuGet and Packagist ignore case)."""
    if ecosystem == "PyPI":
        return re.sub(r"[-_.]+", "-", name).lower()
    return name.lower() if ecosystem in ("NuGet", "Packagist") else name


class Target(NamedTuple):
    """A package as one image's matching needs it."""

    id: int
    type: str
    namespace: str
    name: str
    version: str
    source_name: str
    source_version: str

    def place(self, release: str) -> tuple[str, str] | None:
        """(ecosystem, release) in an image of that release (`release_of`); ("", "") where there is none for it.

        None for what no feed speaks of: files, images, packages of an unknown kind.
        """
        if self.type not in OS_TYPES:
            name = LANGUAGES.get(self.type)
            return (name, "") if name else None
        system, _, number = release.partition(":")
        name = DISTRIBUTIONS.get(self.namespace.lower(), "") if self.namespace else system
        if not name or (name != system and ECOSYSTEMS[name].release):
            return UNKNOWN_PLACE
        return name, number if name == system else ""

    def names(self, ecosystem: str) -> list[tuple[str, str]]:
        """[(name, version)] under which advisories of the ecosystem may speak of it."""
        names = ECOSYSTEMS[ecosystem].names
        found: list[tuple[str, str]] = []
        if names == "source" and not self.source_name:
            found.append((self.name, REBUILT.sub("", self.version)))
        elif names != "source":
            found.append((spell(ecosystem, self.name), self.version))
        if names != "binary" and self.source_name:
            found.append((self.source_name, self._source_version))
        return list(dict.fromkeys((name, version) for name, version in found if version))

    @property
    def _source_version(self) -> str:
        if not self.source_version:
            return REBUILT.sub("", self.version)
        # The file name of a source rpm, all that some know of it, has no epoch; the binary's is the same mostly.
        same = self.type == "rpm" and self.version.partition(":")[2] == self.source_version
        return self.version if same else self.source_version
