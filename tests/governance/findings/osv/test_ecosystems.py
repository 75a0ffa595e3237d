"""From a package in an image to where its advisories are."""

import pytest

from governance.findings.osv.ecosystems import UNKNOWN_PLACE, Target, release_of, spell, split_ecosystem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Debian:12", ("Debian", "12")),
        ("Ubuntu:22.04:LTS", ("Ubuntu", "22.04")),
        ("Ubuntu:23.10", ("Ubuntu", "23.10")),
        ("Ubuntu:Pro:18.04:LTS", ("Ubuntu", "Pro:18.04")),
        ("Alpine:v3.19", ("Alpine", "v3.19")),
        ("Red Hat:enterprise_linux:9::appstream", ("Red Hat", "9")),
        ("Red Hat:rhel_eus:9.2::baseos", ("Red Hat", "rhel_eus:9.2::baseos")),
        ("SUSE:Linux Enterprise Module for Basesystem 15 SP4", ("SUSE", "15.4")),
        ("SUSE:Linux Enterprise Server 15 SP1-LTSS", ("SUSE", "Linux Enterprise Server 15 SP1-LTSS")),
        ("openSUSE:Leap 15.5", ("openSUSE", "15.5")),
        ("npm", ("npm", "")),
        ("Android", UNKNOWN_PLACE),
        ("", UNKNOWN_PLACE),
    ],
)
def test_names_of_ecosystems(text: str, expected: tuple[str, str]) -> None:
    assert split_ecosystem(text) == expected


@pytest.mark.parametrize(
    ("distro", "version", "expected"),
    [
        ("debian", "12.11", "Debian:12"),
        ("debian", "trixie/sid", ""),
        ("ubuntu", "22.04", "Ubuntu:22.04"),
        ("alpine", "3.19.1", "Alpine:v3.19"),
        ("wolfi", "20230201", "Wolfi:"),
        ("redhat", "9.4", "Red Hat:9"),
        ("rhel", "8.10", "Red Hat:8"),
        ("rocky", "9.3", "Rocky Linux:9"),
        ("almalinux", "8.9", "AlmaLinux:8"),
        ("sles", "15.4", "SUSE:15.4"),
        ("opensuse-leap", "15.5", "openSUSE:15.5"),
        ("opensuse-tumbleweed", "20260820", "openSUSE:Tumbleweed"),
        ("photon", "4.0", ""),
        ("", "", ""),
    ],
)
def test_releases_of_images(distro: str, version: str, expected: str) -> None:
    assert release_of(distro, version) == expected


def package(kind: str, name: str, version: str = "1.0", namespace: str = "", source: str = "", of: str = "") -> Target:
    """A package."""
    return Target(1, kind, namespace, name, version, source, of)


@pytest.mark.parametrize(
    ("target", "release", "expected"),
    [
        (package("deb", "openssl", namespace="debian"), "Debian:12", ("Debian", "12")),
        (package("deb", "openssl"), "Debian:12", ("Debian", "12")),
        (package("deb", "openssl", namespace="debian"), "Ubuntu:22.04", UNKNOWN_PLACE),
        (package("deb", "openssl", namespace="debian"), "", UNKNOWN_PLACE),
        (package("rpm", "openssl", namespace="amazon"), "", UNKNOWN_PLACE),
        (package("apk", "openssl", namespace="wolfi"), "", ("Wolfi", "")),
        (package("npm", "@a/b"), "", ("npm", "")),
        (package("golang", "stdlib"), "Debian:12", ("Go", "")),
        (package("generic", "python"), "Debian:12", None),
        (package("", "what"), "Debian:12", None),
    ],
)
def test_places(target: Target, release: str, expected: tuple[str, str] | None) -> None:
    assert target.place(release) == expected


@pytest.mark.parametrize(
    ("ecosystem", "target", "expected"),
    [
        ("Debian", package("deb", "libssl3", "3.0.15-1", source="openssl"), [("openssl", "3.0.15-1")]),
        ("Debian", package("deb", "libgcc", "12.2-1+b3", source="gcc-12", of="12.2-1"), [("gcc-12", "12.2-1")]),
        ("Debian", package("deb", "libc6", "2.36-9+b2", source="glibc"), [("glibc", "2.36-9")]),
        ("Debian", package("deb", "openssl", "3.0.15-1+b1"), [("openssl", "3.0.15-1")]),
        ("Alpine", package("apk", "libcrypto3", "3.1.4-r5", source="openssl"), [("openssl", "3.1.4-r5")]),
        (
            "Red Hat",
            package("rpm", "openssl-libs", "1:3.0.7-27.el9", source="openssl"),
            [("openssl-libs", "1:3.0.7-27.el9")],
        ),
        (
            "Rocky Linux",
            package("rpm", "openssl-libs", "1:3.0.7-27.el9", source="openssl", of="3.0.7-27.el9"),
            [("openssl-libs", "1:3.0.7-27.el9"), ("openssl", "1:3.0.7-27.el9")],
        ),
        ("SUSE", package("rpm", "a", "1-1", source="b", of="2-2"), [("a", "1-1"), ("b", "2-2")]),
        ("PyPI", package("pypi", "Zope.Interface__x"), [("zope-interface-x", "1.0")]),
        ("NuGet", package("nuget", "Newtonsoft.Json"), [("newtonsoft.json", "1.0")]),
        ("npm", package("npm", "@Scope/Name"), [("@Scope/Name", "1.0")]),
        ("npm", package("npm", "nothing", ""), []),
    ],
)
def test_names_that_advisories_use(ecosystem: str, target: Target, expected: list[tuple[str, str]]) -> None:
    assert target.names(ecosystem) == expected


def test_both_sides_spell_alike() -> None:
    assert spell("PyPI", "Flask_Login") == spell("PyPI", "flask-login")
    assert spell("Maven", "com.Invented:Core") == "com.Invented:Core"
