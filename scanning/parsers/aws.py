"""What Amazon Inspector's findings say alike, wherever they come from: packages, systems, names of images in ECR."""

from __future__ import annotations

import re
from typing import NamedTuple

from governance.findings.report import ImageFacts, PackageAt, Severity, severity_of
from scanning.parsers.packages import identify
from scanning.parsers.scalars import Scalar, text_of

# `ALPINE_LINUX_3_18`: the name, and the version with its dots as underscores.
PLATFORM = re.compile(r"([A-Z]+(?:_[A-Z]+)*?)(?:_(\d+(?:_\d+)*))?")
DISTROS = {
    "alpine_linux": "alpine",
    "amazon_linux": "amazon",
    "opensuse_leap": "opensuse",
    "oracle_linux": "oracle",
    "redhat_enterprise_linux": "redhat",
    "rocky_linux": "rocky",
    "suse_server": "suse",
}
# Package managers whose name is not that of packages.TYPES in capitals.
MANAGERS = {"nodepkg": "npm", "pythonpkg": "pypi", "gradle_lockfile": "gradle", "go": "golang", "ruby": "gem"}
NO_FIX = {"notavailable", "not available", "none", "n/a"}
NO_LAYER = "sha256:"


class System(NamedTuple):
    """A distribution and its version."""

    distro: str = ""
    version: str = ""


class Told(NamedTuple):
    """One vulnerable package, as Inspector names it; `epoch` and `release` stand beside the version."""

    name: Scalar
    version: Scalar
    epoch: Scalar
    release: Scalar
    manager: Scalar
    path: Scalar
    fixed: Scalar


class Place(NamedTuple):
    """An image in ECR: its resource name (ARN) and what stands beside it."""

    arn: str = ""
    account: str = ""
    repository: str = ""
    digest: str = ""
    tags: tuple[str, ...] = ()
    architecture: str = ""


def system_of(platform: str) -> System:
    """Read Inspector's word for a system; of one that it does not know nothing."""
    found = PLATFORM.fullmatch(platform.strip().upper())
    name = found[1].lower() if found else ""
    if name in {"", "unknown", "scratch", "other"}:
        return System()
    return System(DISTROS.get(name, name), (found[2] or "").replace("_", ".") if found else "")


def package_of(told: Told, system: System) -> PackageAt:
    """The package: of the system, or of the language that its manager is of."""
    version, epoch = text_of(told.version), text_of(told.epoch)
    if release := text_of(told.release):
        version = f"{version}-{release}"
    if epoch not in {"", "0"} and ":" not in version:
        version = f"{epoch}:{version}"
    manager = text_of(told.manager).lower()
    is_os = manager in {"os", ""}
    family = system.distro if is_os else MANAGERS.get(manager, manager.replace("_", "-"))
    found = identify(text_of(told.name), version, None, family, system.distro if is_os else "")
    return PackageAt(found.name, found.version, found.type, found.namespace, path=text_of(told.path))


def fix_of(fixed: Scalar) -> str:
    """Return the fixed version, without an epoch of 0."""
    version = text_of(fixed).strip()
    return "" if version.lower() in NO_FIX else version.removeprefix("0:")


def status_of(fixed: str, available: Scalar) -> str:
    """Return the word for `Match.status`; `available` is YES, NO or PARTIAL."""
    return "fixed" if fixed else "affected" if text_of(available).upper() == "NO" else ""


def rated(word: str) -> Severity:
    """Normalise a severity of AWS."""
    return severity_of("info" if word.strip().upper() == "INFORMATIONAL" else word)


def image_of(place: Place, system: System) -> ImageFacts:
    """Name an image as it is pulled: the registry's host follows from account and region.

    Of a resource name that is none of ECR, and without one, only the digest is taken: the repository alone would be
    one of Docker Hub.
    """
    _, partition, service, region, account, resource = (place.arn.split(":", 5) + [""] * 6)[:6]
    named, _, tail = resource.removeprefix("repository/").rpartition("/")
    repository = place.repository or named
    digest = place.digest or (tail if tail.startswith(NO_LAYER) else "")
    account = account or place.account
    suffix = ".cn" if partition == "aws-cn" else ""
    host = f"{account}.dkr.ecr.{region}.amazonaws.com{suffix}" if service == "ecr" and account and region else ""
    name = f"{host}/{repository}" if host and repository else ""
    return ImageFacts(
        references=tuple(f"{name}:{tag}" for tag in place.tags if name and tag),
        repo_digests=(f"{name}@{digest}",) if name and digest else (),
        manifest_digest=digest,
        architecture=place.architecture,
        distro=system.distro,
        distro_version=system.version,
    )
