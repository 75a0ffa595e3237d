"""Which image a Trivy report is about: `Metadata`, the artifact's name, the target of the package result."""

from __future__ import annotations

from collections.abc import Iterable

from governance.findings.report import ImageFacts, ImageScan, Outcome
from scanning.parsers.image_config import ImageConfig, config_digest, is_reference
from scanning.parsers.scalars import size_of
from scanning.parsers.trivy_model import Metadata, Result, System
from scanning.parsers.trivy_results import Contents

# Distributions that Trivy recognises and has no advisories of (`pkg/fanal/types/const.go`, `pkg/detector/ospkg`).
WITHOUT_ADVISORIES = {"fedora"}
# The family of a system that Trivy does not know.
NO_SYSTEM = "none"


def facts_of(metadata: Metadata, names: Iterable[str]) -> ImageFacts:
    """Gather the image's identity. `names` are what else the report calls it, the one asked for first."""
    config = metadata.config or ImageConfig()
    repo_digests = tuple(digest for digest in metadata.repo_digests or () if digest)
    diff_ids = tuple(metadata.diff_ids or ()) or config.diff_ids
    system = metadata.os or System()
    written = (*names, metadata.reference or "", *(metadata.repo_tags or ()))
    return ImageFacts(
        references=tuple(dict.fromkeys(name for name in written if is_reference(name))),
        config_digest=config_digest(metadata.image_id or "", repo_digests),
        repo_digests=repo_digests,
        os=config.os or "",
        architecture=config.architecture or "",
        variant=config.variant or "",
        created=config.created_at,
        size=size_of(metadata.size),
        diff_ids=diff_ids,
        history=config.history_of(diff_ids),
        distro=(system.family or "") if known_system(system) else "",
        distro_version=(system.name or "") if known_system(system) else "",
        end_of_life=system.end_of_life,
        config=config.facts,
    )


def known_system(system: System | None) -> bool:
    """Say whether Trivy recognised the distribution: an unknown one is absent or of the family "none"."""
    return system is not None and bool(system.family) and system.family != NO_SYSTEM


def split_target(target: str) -> tuple[str, str, str]:
    """Split an os-pkgs target, `name:tag (debian 12.1)`, into name, family, version; the name is "" if it is none."""
    name, bracket, system = target.partition(" (")
    if not bracket or not target.endswith(")"):
        return "", "", ""
    family, _, version = system[:-1].partition(" ")
    return (name if is_reference(name) else ""), family, version


def named_in(results: Iterable[Result]) -> str:
    """Return the image's name from the first result that has one in its target."""
    return next(filter(None, (split_target(result.target or "")[0] for result in results)), "")


def outcome_of(contents: Contents, system: System | None, bare: bool) -> Outcome:
    """Say what a report proves; `bare` means that it has no results at all.

    Trivy writes a package result for every distribution it scans, even without findings. So where all results are of
    secrets, licences or configuration, only those were asked for; where there are none, the recognised distribution is
    the proof, and the family "none" says that there is none.
    """
    looked = contents.assessed or bare
    if looked and not contents.matches and system is not None and system.family in WITHOUT_ADVISORIES:
        return Outcome.UNSUPPORTED
    if contents.assessed or (bare and known_system(system)):
        return Outcome.ASSESSED
    return Outcome.UNSUPPORTED if bare and system is not None and system.family else Outcome.UNASSESSED


def scan_of(image: ImageFacts, contents: Contents, outcome: Outcome) -> ImageScan:
    """Put the image and what was found in it together."""
    return ImageScan(
        image=image,
        outcome=outcome,
        matches=tuple(contents.matches),
        suppressed=tuple(contents.suppressed),
        packages=contents.listed(),
        inventory=contents.inventory,
        checks=tuple(contents.checks),
    )
