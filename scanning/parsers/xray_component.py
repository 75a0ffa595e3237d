"""How JFrog Xray names packages, advisories and fixes, alike in all of its formats (JFrog documentation, Component ID).

A component is `type://name:version`; those of distributions carry the release before the name (`alpine://3.18:busybox:1`,
`deb://debian:bookworm:openssl:3.0.15-1`, `rpm://8:openssl:1:1.1.1k-9.el8`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from governance.findings.report import PackageAt
from scanning.parsers.advisories import IDENTIFIER
from scanning.parsers.packages import identify
from scanning.parsers.scalars import Scalar, points_of, score_of, text_of

# The purl type for Xray's; the others are spelt alike.
TYPES = {"gav": "maven", "go": "golang", "rubygems": "gem", "php": "composer", "alpine": "apk"}
IMAGES = ("docker", "oci")
RELEASE = re.compile(r"(?:el)?\d[\w.]*")
MAX_ALIASES = 100
MAX_FIXES = 20


class Cve(msgspec.Struct, gc=False):
    """One item of `cves`; old formats write score and vector as one text (`7.5/CVSS:3.1/…`)."""

    cve: Scalar = None
    cvss_v2: Scalar = None
    cvss_v3: Scalar = None
    cvss_v2_score: Scalar = None
    cvss_v3_score: Scalar = None


class Component(NamedTuple):
    """A component's identifier, taken apart."""

    type: str
    distro: str
    release: str
    name: str
    version: str

    @property
    def reference(self) -> str:
        """The image's name if it is an image, else "".

        One platform of an image lies under its digest in place of a tag, `sha256__` before it.
        """
        if self.type not in IMAGES or not self.name or not self.version:
            return ""
        algorithm, is_digest, digest = self.version.partition("__")
        return (
            f"{self.name}@{algorithm}:{digest}"
            if is_digest and algorithm == "sha256"
            else f"{self.name}:{self.version}"
        )


def component_of(identifier: str) -> Component:
    """Take a component's identifier apart; what has no type is a name."""
    kind, scheme, rest = identifier.strip().partition("://")
    if not scheme:
        kind, rest = "", identifier.strip()
    kind = TYPES.get(kind.lower(), kind.lower())
    if kind in ("apk", "deb", "rpm"):
        return _of_distribution(kind, rest.split(":"))
    name, _, version = rest.rpartition(":")
    return Component(kind, "", "", name or version, version if name else "")


def _of_distribution(kind: str, parts: list[str]) -> Component:
    """The distribution (not for Alpine, seldom for rpm), its release (at times not for rpm), the name, the version."""
    distro, release = "alpine" if kind == "apk" else "", ""
    is_rpm_of_none = kind == "rpm" and not RELEASE.fullmatch(parts[0])
    if kind == "deb" or (is_rpm_of_none and len(parts) > 3):
        distro, *parts = parts
    if len(parts) > 1 and (distro or not is_rpm_of_none):
        release, *parts = parts
    return Component(kind, distro, release, parts[0] if parts else "", ":".join(parts[1:]))


def package_of(found: Component, path: str = "") -> PackageAt:
    """The package of a component."""
    kind = identify(found.name, found.version, None, found.type, found.distro)
    # Types that are no purl's (generic, build, terraform) say nothing that another scanner would.
    return PackageAt(kind.name, kind.version, kind.type, kind.namespace, path=path)


def names_of(issue: Scalar, cves: list[Cve | None] | None, summary: str) -> tuple[str, tuple[str, ...]]:
    """Return the advisory and its other names.

    The CVE where there is one; of several, which an advisory of a distribution covers, what the summary opens with
    (`RHSA-2099:0001: …`), else Xray's own number; a text where it has neither.
    """
    named = dict.fromkeys(text_of(one.cve) for one in cves or () if one is not None)
    found = [name for name in named if name]
    headline = IDENTIFIER.match(summary)
    number = text_of(issue)
    own = [name for name in (headline[0] if headline else "", number) if name]
    ordered = found + own if len(found) == 1 else own + found
    ordered = list(dict.fromkeys(ordered)) or [summary]
    return ordered[0], tuple(ordered[1 : MAX_ALIASES + 1])


def score(cves: list[Cve | None] | None) -> float:
    """Return the highest base score, of version 3 where there is one."""
    told = [one for one in cves or () if one is not None]
    third = [points_of(_number(value)) for one in told for value in (one.cvss_v3_score, one.cvss_v3)]
    second = [points_of(_number(value)) for one in told for value in (one.cvss_v2_score, one.cvss_v2)]
    return score_of(*third) or score_of(*second)


def _number(value: Scalar) -> Scalar:
    return value.partition("/")[0] if isinstance(value, str) else value


def fixes_of(versions: list[Scalar] | None) -> str:
    """Return the fixed versions without Xray's signs for "from here on" (`≥ 1.2`, `[1.2]`)."""
    cleaned = (text_of(version).strip(" []()≥>=") for version in (versions or ())[:MAX_FIXES])
    return ", ".join(dict.fromkeys(filter(None, cleaned)))
