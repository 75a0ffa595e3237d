"""Anchore's vulnerability reports as structs (anchore/anchore-engine swagger of release 1.1, Anchore Enterprise API 2).

The API writes `package_name`, its command line tool `packageName`: each member is read by either name.
"""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar, points_of, score_of, text_of


class Points(msgspec.Struct, gc=False):
    """One CVSS rating; -1 is "not rated"."""

    snake: Scalar = field(default=None, name="base_score")
    camel: Scalar = field(default=None, name="baseScore")


class Rating(msgspec.Struct, gc=False):
    """One item of `nvd_data` or `vendor_data`."""

    id: Scalar = None
    v3: Points | None = field(default=None, name="cvss_v3")
    v2: Points | None = field(default=None, name="cvss_v2")
    camel_v3: Points | None = field(default=None, name="cvssV3")
    camel_v2: Points | None = field(default=None, name="cvssV2")

    @property
    def points(self) -> float:
        """The base score, of version 3 if there is one."""
        third, second = self.v3 or self.camel_v3 or Points(), self.v2 or self.camel_v2 or Points()
        return score_of(points_of(third.snake), points_of(third.camel)) or score_of(
            points_of(second.snake), points_of(second.camel)
        )


class Extra(msgspec.Struct, gc=False):
    """`extra`, which Anchore 2 adds on request."""

    description: Scalar = None


class Found(msgspec.Struct, gc=False):
    """One item of `vulnerabilities`."""

    vuln: Scalar = None
    severity: Scalar = None
    fix: Scalar = None
    package: Scalar = None
    url: Scalar = None
    description: Scalar = None
    extra: Extra | None = None
    package_name: Scalar = None
    camel_name: Scalar = field(default=None, name="packageName")
    package_version: Scalar = None
    camel_version: Scalar = field(default=None, name="packageVersion")
    package_type: Scalar = None
    camel_type: Scalar = field(default=None, name="packageType")
    package_path: Scalar = None
    camel_path: Scalar = field(default=None, name="packagePath")
    feed_group: Scalar = None
    camel_group: Scalar = field(default=None, name="feedGroup")
    will_not_fix: Scalar = None
    camel_will_not: Scalar = field(default=None, name="willNotFix")
    nvd_data: list[Rating] | None = None
    camel_nvd: list[Rating] | None = field(default=None, name="nvdData")
    vendor_data: list[Rating] | None = None
    camel_vendor: list[Rating] | None = field(default=None, name="vendorData")

    @property
    def group(self) -> str:
        """The feed: `debian:12` for a distribution's packages."""
        return told(self.feed_group) or told(self.camel_group)

    @property
    def family(self) -> str:
        """The kind of package."""
        return (told(self.package_type) or told(self.camel_type)).lower()

    @property
    def is_given_up(self) -> bool:
        """The vendor will not fix it."""
        return "true" in (text_of(self.will_not_fix).lower(), text_of(self.camel_will_not).lower())

    @property
    def points(self) -> float:
        """The base score: NVD's, else the vendor's."""
        nvd = [one.points for one in self.nvd_data or self.camel_nvd or ()]
        return score_of(*nvd) or score_of(*(one.points for one in self.vendor_data or self.camel_vendor or ()))


class Answer(msgspec.Struct, gc=False):
    """The whole answer; `image_digest` and `imageFullTag` are of Anchore 2."""

    vulnerabilities: list[Found] | msgspec.UnsetType | None = msgspec.UNSET
    image_digest: Scalar = None
    camel_digest: Scalar = field(default=None, name="imageDigest")
    image_tag: Scalar = field(default=None, name="image_full_tag")
    camel_tag: Scalar = field(default=None, name="imageFullTag")
    kind: Scalar = field(default=None, name="vulnerability_type")
    camel_kind: Scalar = field(default=None, name="vulnerabilityType")


class Metadata(msgspec.Struct, gc=False):
    """`metadata` of an export."""

    registry: Scalar = None
    repository: Scalar = None
    tag: Scalar = None
    digest: Scalar = field(default=None, name="imageDigest")
    timestamp: Scalar = None


class Row(msgspec.Struct, gc=False, rename="camel"):
    """One item of `securityEvaluation`. `package` is name and version, joined by a hyphen."""

    vulnerability_id: Scalar = None
    cves: Scalar | list[Scalar] = None
    severity: Scalar = None
    package_type: Scalar = None
    path: Scalar = None
    package: Scalar = None
    fix_available: Scalar = None
    link: Scalar = None
    nvd_cvss_base_score: Scalar = None
    will_not_fix: Scalar = None


class Export(msgspec.Struct, gc=False):
    """What the console of Anchore Enterprise exports."""

    metadata: Metadata | None = None
    rows: list[Row] | msgspec.UnsetType | None = field(default=msgspec.UNSET, name="securityEvaluation")


def told(value: Scalar) -> str:
    """Return a text; what is not known Anchore writes as "None"."""
    text = text_of(value).strip()
    return "" if text in {"None", "N/A"} else text
