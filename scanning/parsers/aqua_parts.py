"""What Aqua's formats have in common: names of images and packages, findings."""

from __future__ import annotations

import re

from governance.findings.report import Match, PackageAt, severity_of
from scanning.parsers.aqua_model import Found, Resource
from scanning.parsers.image_config import is_reference
from scanning.parsers.packages import identify
from scanning.parsers.scalars import (
    MAX_DESCRIPTION,
    Scalar,
    licenses_of,
    points_of,
    score_of,
    text_of,
    time_text,
)

# `format` where it is no word that others use.
FAMILIES = {"java": "maven", "go": "golang", "nodejs": "npm", "ruby": "gem", "php": "composer", "rust": "cargo"}
# A registry's name in Aqua that can open an image's name; "Docker Hub" and "Host Images" cannot.
REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,250}(?::\d{1,5})?(?:/[a-z0-9._-]{1,100}){0,5}")
JAR = re.compile(r"(?P<name>[^/:]+?)-(?P<version>\d[^/:]*)\.(?:jar|war|ear)")
# Debian's words for what it does not fix, which Aqua passes on (`Fix Version: Postponed`).
STATES = {
    "no dsa": "affected",
    "postponed": "fix_deferred",
    "ignored": "will_not_fix",
    "will not fix": "will_not_fix",
    "end of life": "end_of_life",
    "not affected": "not_affected",
    "undetermined": "under_investigation",
}


def is_set(flag: Scalar) -> bool:
    """Say whether a flag is true: `true`, "true" or 1."""
    return text_of(flag).lower() in {"true", "1"}


def has_host(name: str) -> bool:
    """Say whether an image's name opens with a registry's host."""
    first, slash, _ = name.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def reference_of(image: str, registry: str, pull_name: str = "") -> str:
    """Return the image's name: by which it can be pulled, else with Aqua's name of the registry before it.

    That name is often no host. It keeps apart images of the same name in two registries all the same, and from those
    of Docker Hub.
    """
    if has_host(pull_name):
        return pull_name
    if not is_reference(image):
        return ""
    alone = not REGISTRY.fullmatch(registry) or has_host(image) or image.startswith(f"{registry}/")
    return image if alone else f"{registry}/{image}"


def repository_of(reference: str) -> str:
    """Return a reference without its tag and digest."""
    name = reference.partition("@")[0]
    path, colon, tag = name.rpartition(":")
    return path if colon and "/" not in tag else name


def package_of(resource: Resource, distro: str, ancestor: str = "") -> PackageAt:
    """Return the package; of a file its name is that of the file, of a jar what its file is called after."""
    path, kind = text_of(resource.path), text_of(resource.format).lower()
    name, version = text_of(resource.name), text_of(resource.version)
    if not name or name.startswith("/"):
        name, version, kind = _by_file(resource, name or path, version, kind)
    found = identify(name, version, None, FAMILIES.get(kind, kind), distro)
    listed = resource.licenses if isinstance(resource.licenses, list) else [resource.licenses or resource.license]
    return PackageAt(
        found.name,
        found.version,
        found.type,
        found.namespace,
        path=path,
        source_name=text_of(resource.src_name) or ancestor,
        source_version=text_of(resource.src_version),
        licenses=licenses_of([text_of(one) for one in listed]),
    )


def _by_file(resource: Resource, path: str, version: str, kind: str) -> tuple[str, str, str]:
    """Return name, version and kind of what is called by its file: from `pkg:/java:*:guava:20.0`, else the file."""
    parts = text_of(resource.cpe)[:1_000].split(":")
    if parts[0] == "pkg" and len(parts) >= 5:
        return ":".join(parts[3:-1]), version, kind
    return (*by_file(path, version), kind or ("java" if JAR.fullmatch(last_of(path)) else ""))


def by_file(path: str, version: str = "") -> tuple[str, str]:
    """Return name and version that a file's name tells."""
    last = last_of(path)
    found = JAR.fullmatch(last)
    return (found["name"], version or found["version"]) if found else (last, version)


def last_of(path: str) -> str:
    """Return the last part of a path, which may lead into an archive (`app.war:lib/a.jar`)."""
    return path[-1_000:].rstrip("/").rpartition("/")[2].rpartition(":")[2] or path


def match_of(found: Found, package: PackageAt) -> Match:
    """Return one finding. Aqua's severity may be set by a policy of the user's, and is the one that Aqua shows."""
    word = next(filter(None, map(text_of, _severities(found))), "")
    fix = text_of(found.fix_version)
    vendor = text_of(found.severity_classification).rpartition(":")[2].strip().lower()
    refused = "will_not_fix" if is_set(found.will_not_fix) else STATES.get(vendor, "")
    return Match(
        advisory=text_of(found.name),
        package=package,
        severity=severity_of(word),
        severity_word=word,
        fixed_version=fix,
        status="fixed" if fix else refused,
        description=text_of(found.description)[:MAX_DESCRIPTION],
        url=text_of(found.nvd_url) or text_of(found.vendor_url),
        cvss=score_of(*map(points_of, _scores(found))),
        published=time_text(text_of(found.publish_date)),
    )


def is_acknowledged(found: Found) -> bool:
    """Say whether a user of Aqua accepted it. Its date is that of 1970 where nobody did."""
    date = text_of(found.acknowledged_date)
    dated = bool(date) and not date.startswith(("1970-", "0001-"))
    return is_set(found.acknowledged) or is_set(found.already_acknowledged) or dated


def _severities(found: Found) -> tuple[Scalar, ...]:
    return (
        found.aqua_severity,
        found.vendor_severity_v3,
        found.vendor_cvss3_severity,
        found.nvd_severity_v3,
        found.nvd_cvss3_severity,
        found.vendor_severity,
        found.nvd_severity,
    )


def _scores(found: Found) -> tuple[Scalar, ...]:
    return (
        found.aqua_score,
        found.vendor_score_v3,
        found.vendor_cvss3_score,
        found.nvd_score_v3,
        found.nvd_cvss3_score,
        found.vendor_score,
        found.nvd_score,
        found.nvd_cvss2_score,
    )
