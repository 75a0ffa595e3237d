"""Snyk's CLI: `snyk container test` and `snyk test`, one project or a list of them (snyk/cli)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ReportError,
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.image_config import is_reference
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, points_of, score_of, text_of, time_text
from scanning.parsers.snyk_model import Filtered, Project, Reference, Vulnerability
from scanning.parsers.snyk_names import OS_MANAGERS, family_of, is_licence, system_of

NAME = "snyk"
DECODER = msgspec.json.Decoder(list[Project] | Project)
TELLING = {"dependencyCount", "packageManager", "projectName", "licensesPolicy", "uniqueCount", "isPrivate"}
IMAGE = re.compile(r"docker-image\|(?P<name>[^@\s]+)@(?P<tag>.+)")
# Identifiers that are no names of the vulnerability.
NO_NAMES = {"CWE", "ALTERNATIVE"}


def recognises(document: Document) -> bool:
    """A test result or a failed one, alone or first in a list."""
    members = document.first() if document.shape == Shape.LIST else document.members
    if "ok" not in members:
        return False
    return ("vulnerabilities" in members and bool(members.keys() & TELLING)) or members.keys() >= {"error", "path"}


def parse(document: Document) -> ScanReport:
    """Read every project: those that name one image are one scan, those that name none are another."""
    if document.shape not in (Shape.LIST, Shape.OBJECT):
        raise ReportError("Snyk's report is a JSON object or a list of them")
    read = decode(DECODER, document.body)
    projects = [part for project in (read if isinstance(read, list) else [read]) for part in parts_of(project)]
    check_amount(sum(len(listed(one)) + len(aside(one)) for one, _ in projects), "vulnerabilities")
    grouped: dict[str, list[tuple[Project, tuple[str, ...]]]] = {}
    for project, names in projects:
        grouped.setdefault(names[0] if names else "", []).append((project, names))
    scans = tuple(_scan(together) for together in grouped.values())
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=scans,
        entries=sum(len(scan.matches) for scan in scans),
        notes=tuple(dict.fromkeys(note for one, _ in projects for note in _notes(one))),
    )


def parts_of(project: Project) -> Iterable[tuple[Project, tuple[str, ...]]]:
    """Yield the project and the applications in it, all with the names of the one image they lie in."""
    inside = project.applications or []
    names = tuple(dict.fromkeys(names_of(project, inside)))
    yield project, names
    for one in inside:
        yield one, names


def names_of(project: Project, inside: list[Project]) -> Iterable[str]:
    """Yield the image's names: as asked for, as the dependency paths begin; a project on disk has none."""
    starts = {text_of(one.origin[0]) for one in listed(project)[:100] if one.origin}
    found = [match for match in map(IMAGE.fullmatch, (start[:500] for start in sorted(starts))) if match]
    if not (found or project.docker is not None or text_of(project.project_name).startswith("docker-image|")):
        return
    # With a project's name given, the path ends with it.
    paths = [text_of(one.path) for one in (project, *inside)]
    written = [path for path in paths if ":" in path.rpartition("/")[2] or "@" in path]
    joined = [f"{one['name']}{'@' if one['tag'].startswith('sha256:') else ':'}{one['tag']}" for one in found]
    yield from filter(is_reference, [*written, *joined] or paths[:1])


def listed(project: Project) -> list[Vulnerability]:
    """Return the project's own issues."""
    return project.vulnerabilities if isinstance(project.vulnerabilities, list) else []


def aside(project: Project) -> list[Vulnerability]:
    """Return what its policy ignores or has patched."""
    filtered = project.filtered or Filtered()
    return [*(filtered.ignore or ()), *(filtered.patch or ())]


def _notes(project: Project) -> Iterable[str]:
    threshold = text_of(project.severity_threshold)
    if threshold and threshold != "low":
        yield f"only vulnerabilities of severity {threshold} and above were asked for"
    ignored = len(aside(project))
    if ignored:
        yield f"issues that Snyk's policy of {text_of(project.project_name)[:100]} sets aside: {ignored:,}"


def _scan(together: list[tuple[Project, tuple[str, ...]]]) -> ImageScan:
    projects = [project for project, _ in together]
    errors = [text_of(one.error) for one in projects if one.error]
    looked = any(isinstance(one.vulnerabilities, list) for one in projects)
    outcome = Outcome.ASSESSED if looked else Outcome.UNASSESSED
    matches = [(match, one) for one in projects for match in listed(one)]
    operating, _, rest = next((text_of(one.platform) for one in projects if one.platform), "").partition("/")
    architecture, _, variant = rest.partition("/")
    systems = (text_of(one.package_manager).partition(":") for one, _ in matches)
    distro, _, version = next((parts for parts in systems if parts[1]), ("", "", ""))
    return ImageScan(
        image=ImageFacts(
            references=tuple(dict.fromkeys(name for _, names in together for name in names)),
            repo_digests=tuple(dict.fromkeys(name for _, names in together for name in names if "@sha256:" in name)),
            os=operating,
            architecture=architecture,
            variant=variant,
            distro=distro,
            distro_version=version,
        ),
        outcome=Outcome.FAILED if errors else outcome,
        error="; ".join(errors)[:1_000],
        matches=tuple(_match(one, project) for one, project in matches if not _is_licence(one)),
        suppressed=tuple(_match(one, project) for project in projects for one in aside(project)),
        checks=tuple(_check(one) for one, _ in matches if _is_licence(one)),
    )


def _is_licence(one: Vulnerability) -> bool:
    return text_of(one.type) == "license" or is_licence(text_of(one.id))


def _check(one: Vulnerability) -> Check:
    target = f"{text_of(one.name) or text_of(one.package_name)}@{text_of(one.version)}"
    return Check("licence", text_of(one.id), Result.FAIL, text_of(one.title), severity_of(_word(one)), target)


def _word(one: Vulnerability) -> str:
    return text_of(one.severity_with_critical) or text_of(one.severity)


def _match(one: Vulnerability, project: Project) -> Match:
    advisory = text_of(one.id)
    fixes = (
        [text_of(one.nearest_fixed_in_version)] if one.nearest_fixed_in_version else map(text_of, one.fixed_in or ())
    )
    names = dict.fromkeys(
        text_of(name)
        for scheme, listed in (one.identifiers or {}).items()
        if scheme not in NO_NAMES
        for name in listed or ()
    )
    return Match(
        advisory=advisory,
        package=package_of(one, project),
        severity=severity_of(_word(one)),
        severity_word=_word(one),
        fixed_version=", ".join(filter(None, map(text_of, fixes))),
        aliases=tuple(name for name in names if name and name != advisory)[:100],
        title=text_of(one.title),
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=text_of(next(iter(one.references or ()), Reference()).url),
        cvss=score_of(points_of(one.cvss_score)),
        published=time_text(text_of(one.publication_time)),
    )


def package_of(one: Vulnerability, project: Project) -> PackageAt:
    """Return the package; one of the system is written `source/binary`, its manager `debian:12`."""
    advisory, manager = text_of(one.id), text_of(one.package_manager) or text_of(project.package_manager)
    distro, colon, _ = manager.partition(":")
    is_system = bool(colon) or manager in OS_MANAGERS or bool(system_of(advisory))
    name = text_of(one.name) or text_of(one.package_name)
    source, _, binary = name.rpartition("/") if is_system else ("", "", name)
    distro = distro if colon else system_of(advisory)
    family = distro or family_of(advisory, manager)
    found = identify(binary, text_of(one.version), None, family, distro)
    path = "" if is_system else text_of(project.display_target_file) or text_of(project.target_file)
    return PackageAt(found.name, found.version, found.type, found.namespace, path=path, source_name=source)
