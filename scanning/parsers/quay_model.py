"""Quay's security report as structs (quay/quay `data/secscan_model/datatypes.py`, Clair 1's `api/v1/models.go`)."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class Score(msgspec.Struct, gc=False):
    """One CVSS rating; Quay writes "" where there is none."""

    score: Scalar = field(default=None, name="Score")

    @property
    def points(self) -> float | None:
        """The score, if it is a number."""
        return float(self.score) if isinstance(self.score, int | float) and abs(self.score) <= 10 else None


class Nvd(msgspec.Struct, gc=False):
    """`NVD` of the metadata."""

    v3: Score | None = field(default=None, name="CVSSv3")
    v2: Score | None = field(default=None, name="CVSSv2")


class Metadata(msgspec.Struct, gc=False, rename="pascal"):
    """`Metadata` of a vulnerability."""

    distro_name: Scalar = None
    distro_version: Scalar = None
    repo_name: Scalar = None
    nvd: Nvd | None = field(default=None, name="NVD")


class Found(msgspec.Struct, gc=False, rename="pascal"):
    """One item of `Vulnerabilities`."""

    name: Scalar = None
    link: Scalar = None
    severity: Scalar = None
    fixed_by: Scalar = None
    description: Scalar = None
    metadata: Metadata | None = None


class Feature(msgspec.Struct, gc=False, rename="pascal"):
    """One package. `AddedBy` is a compressed layer, so it is not read."""

    name: Scalar = None
    version: Scalar = None
    version_format: Scalar = None
    namespace_name: Scalar = None
    vulnerabilities: list[Found] | None = None


class Layer(msgspec.Struct, gc=False, rename="pascal"):
    """`Layer`: the whole image, named by its manifest."""

    name: Scalar = None
    features: list[Feature] | None = None


class Data(msgspec.Struct, gc=False, rename="pascal"):
    """`data`."""

    layer: Layer | None = None


class Answer(msgspec.Struct, gc=False):
    """The answer, or its data alone."""

    status: Scalar = None
    data: Data | None = None
    layer: Layer | None = field(default=None, name="Layer")
