"""JFrog Xray's artifact summary (`POST /xray/api/v1/summary/artifact`): issues of artifacts by their digests."""

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
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import is_reference, with_algorithm
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, text_of
from scanning.parsers.xray_component import (
    IMAGES,
    Component,
    Cve,
    component_of,
    fixes_of,
    names_of,
    package_of,
    score,
)

NAME = "jfrog-xray-summary"
INDEX = "list.manifest.json"
# A file that is a package: its name, its version and what kind of package that is.
FILE = re.compile(r"(?P<name>.+?)-(?P<version>\d[^/]*?)\.(?P<kind>jar|war|ear|tgz|whl|gem|nupkg)")
KINDS = {"jar": "maven", "war": "maven", "ear": "maven", "tgz": "npm", "whl": "pypi", "gem": "gem", "nupkg": "nuget"}
# What a component of a distribution opens with.
RELEASES = (
    ("deb", re.compile(r"(?:debian|ubuntu):[^:]+:[^:]+:")),
    ("alpine", re.compile(r"\d+\.\d+:[^:]+:")),
    ("rpm", re.compile(r"(?:el)?\d+:[^:]+:")),
)
LAYER = re.compile(r"sha256__[0-9a-f]{64}\.tar(?:\.gz)?/")


class Affected(msgspec.Struct, gc=False):
    """One item of an issue's `components`, in newer versions."""

    component_id: Scalar = None
    fixed_versions: list[Scalar] | None = None


class Issue(msgspec.Struct, gc=False):
    """One item of `issues`."""

    issue_id: Scalar = None
    issue_type: Scalar = None
    severity: Scalar = None
    summary: Scalar = None
    description: Scalar = None
    created: Scalar = None
    cves: list[Cve | None] | None = None
    impact_path: list[Scalar] | None = None
    components: list[Affected | None] | None = None


class License(msgspec.Struct, gc=False):
    """One item of `licenses`, and the components under it."""

    components: list[Scalar] | None = None


class General(msgspec.Struct, gc=False):
    """`general`: the artifact; of an image `sha256` is that of its manifest."""

    name: Scalar = None
    path: Scalar = None
    pkg_type: Scalar = None
    sha256: Scalar = None


class Artifact(msgspec.Struct, gc=False):
    """One item of `artifacts`."""

    general: General | None = None
    issues: list[Issue | None] | None = None
    licenses: list[License | None] | None = None


class Problem(msgspec.Struct, gc=False):
    """One item of `errors`: an artifact that Xray does not know or did not scan."""

    identifier: Scalar = None
    error: Scalar = None


class Report(msgspec.Struct, gc=False):
    """The answer."""

    artifacts: list[Artifact | None] | None = None
    errors: list[Problem | None] | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Artifacts with what is said of each in general."""
    return "general" in document.first_of("artifacts")


def parse(document: Document) -> ScanReport:
    """Read the summaries: one scan for each artifact. An issue is one entry, however many packages it concerns."""
    report = decode(DECODER, document.body)
    artifacts = [artifact for artifact in report.artifacts or () if artifact is not None]
    scans = tuple(map(_scan, artifacts))
    check_amount(sum(len(scan.matches) for scan in scans), "vulnerabilities")
    issues = [issue for artifact in artifacts for issue in artifact.issues or () if issue is not None]
    problems = [one for one in report.errors or () if one is not None]
    notes = [f"not scanned: {text_of(one.identifier)} ({text_of(one.error)})" for one in problems[:5]]
    if any(scan.image.references for scan in scans):
        notes.append("images are named without their registry, as Xray writes them")
    return ScanReport(
        format=NAME,
        scanner="jfrog-xray",
        images=scans,
        entries=sum(map(is_security, issues)),
        notes=tuple(notes),
    )


def is_security(issue: Issue) -> bool:
    """Say whether it is a vulnerability, not a licence or an operational risk."""
    return text_of(issue.issue_type).lower() in {"", "security"}


def _scan(artifact: Artifact) -> ImageScan:
    issues = [issue for issue in artifact.issues or () if issue is not None]
    listed = (name for one in artifact.licenses or () if one is not None for name in one.components or ())
    known = {name.partition("://")[2]: name for name in map(text_of, listed)}
    found = [pair for issue in issues if is_security(issue) for pair in _matches(issue, known)]
    system = next((component for component, _ in found if component.distro), Component("", "", "", "", ""))
    return ImageScan(
        image=_facts(artifact.general or General(), system),
        outcome=Outcome.UNASSESSED if artifact.issues is None else Outcome.ASSESSED,
        matches=tuple(match for _, match in found),
        checks=tuple(_check(issue) for issue in issues if not is_security(issue)),
    )


def _facts(general: General, system: Component) -> ImageFacts:
    if text_of(general.pkg_type).lower() not in IMAGES:
        return ImageFacts()
    name, digest = text_of(general.name), with_algorithm(text_of(general.sha256))
    is_index = text_of(general.path).rstrip("/").endswith(INDEX)
    repository = name.rpartition(":")[0]
    return ImageFacts(
        references=(name,) if is_reference(name) and repository else (),
        manifest_digest="" if is_index else digest,
        repo_digests=(f"{repository}@{digest}",) if is_index and repository else (),
        distro=system.distro,
        distro_version=system.release,
    )


def _matches(issue: Issue, known: dict[str, str]) -> Iterable[tuple[Component, Match]]:
    """Yield the issue at each package that it names, else at those at the ends of its paths."""
    summary = text_of(issue.summary)
    advisory, aliases = names_of(issue.issue_id, issue.cves, summary)
    named = [(component_of(text_of(one.component_id)), "", one) for one in issue.components or () if one is not None]
    at_ends = [(*_end(text_of(path), known), Affected()) for path in issue.impact_path or ()]
    places = {(component, path): affected for component, path, affected in named or at_ends}
    for (component, path), affected in (places or {(component_of(""), ""): Affected()}).items():
        fixed = fixes_of(affected.fixed_versions)
        yield (
            component,
            Match(
                advisory=advisory,
                package=package_of(component, path),
                severity=severity_of(text_of(issue.severity)),
                severity_word=text_of(issue.severity),
                fixed_version=fixed,
                status="fixed" if fixed else "",
                aliases=aliases,
                title=summary,
                description=text_of(issue.description)[:MAX_DESCRIPTION],
                cvss=score(issue.cves),
                published=text_of(issue.created),
            ),
        )


def _end(path: str, known: dict[str, str]) -> tuple[Component, str]:
    """Return the component at the end of an impact path, and where it lies in the image.

    The end is a file, or a component without its type, which the licences or the release may tell.
    """
    inside = LAYER.split(path)[-1]
    end = inside.rpartition("/")[2]
    if end in known:
        return component_of(known[end]), ""
    if file := FILE.fullmatch(end[:300]):
        return Component(KINDS[file["kind"]], "", "", file["name"], file["version"]), inside
    kind = next((kind for kind, release in RELEASES if release.match(end)), "")
    return (component_of(f"{kind}://{end}"), "") if kind else (Component("", "", "", end, ""), inside)


def _check(issue: Issue) -> Check:
    return Check(
        kind="licence" if text_of(issue.issue_type).lower() == "license" else "policy",
        id=text_of(issue.issue_id) or text_of(issue.summary),
        result=Result.WARN,
        title=text_of(issue.summary),
        severity=severity_of(text_of(issue.severity)),
    )
