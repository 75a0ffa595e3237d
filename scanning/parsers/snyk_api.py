"""Snyk's Issues API (REST: `GET /rest/orgs/ORG/issues`), one page as it answers."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import Check, ImageScan, Match, Outcome, PackageAt, Result, ScanReport, severity_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.packages import identify
from scanning.parsers.sarif_model import word
from scanning.parsers.scalars import MAX_DESCRIPTION, points_of, score_of, text_of, time_text
from scanning.parsers.snyk_model import Attributes, Dependency, Issue, Page, Problem, Relation, Relations, Target
from scanning.parsers.snyk_names import family_of, system_of

NAME = "snyk-api"
DECODER = msgspec.json.Decoder(Page)
# What is no vulnerability of a package, and the kind of check it is.
KINDS = {"license": "licence", "code": "lint", "custom": "policy"}


def recognises(document: Document) -> bool:
    """A document of JSON:API whose data are issues; an empty page is not told apart from any other."""
    if not document.has("jsonapi", "data"):
        return False
    first = document.first_of("data")
    return first.keys() >= {"attributes", "type"} if first else bytes(document.members["data"]).strip()[:1] == b"["


def parse(document: Document) -> ScanReport:
    """Read the issues, one scan for each project. They name no image, and a page may not be all of a project."""
    page = decode(DECODER, document.body)
    issues = page.data or []
    check_amount(len(issues), "issues")
    grouped: dict[str, list[Attributes]] = {}
    for issue in issues:
        grouped.setdefault(project_of(issue), []).append(issue.attributes or Attributes())
    notes = ["the Issues API does not name the image of a project: send the issues of one project with ?image="]
    if word(page.links, "next"):
        notes.append("this is one page of several: what is on the others is not known")
    return ScanReport(
        format=NAME,
        scanner="snyk",
        images=tuple(map(_scan, grouped.values())) or (ImageScan(outcome=Outcome.UNASSESSED),),
        entries=sum(is_vulnerability(one) for found in grouped.values() for one in found),
        notes=tuple(notes),
    )


def project_of(issue: Issue) -> str:
    """Return the project's identifier."""
    relation = (issue.relationships or Relations()).scan_item or Relation()
    return text_of((relation.data or Target()).id)


def is_vulnerability(one: Attributes) -> bool:
    """Say whether an issue is about a package's vulnerability."""
    return text_of(one.type) in {"package_vulnerability", ""}


def is_ignored(one: Attributes) -> bool:
    """Say whether Snyk's users set it aside."""
    return text_of(one.ignored).lower() == "true"


def _scan(found: list[Attributes]) -> ImageScan:
    rows = [(match, is_ignored(one)) for one in found if is_vulnerability(one) for match in _matches(one)]
    return ImageScan(
        matches=tuple(match for match, is_aside in rows if not is_aside),
        suppressed=tuple(match for match, is_aside in rows if is_aside),
        checks=tuple(_check(one) for one in found if not is_vulnerability(one)),
    )


def _check(one: Attributes) -> Check:
    is_open = text_of(one.status) != "resolved"
    result = Result.INFO if is_ignored(one) else Result.FAIL if is_open else Result.PASS
    kind = KINDS.get(text_of(one.type), "misconfiguration")
    return Check(kind, text_of(one.key), result, text_of(one.title), severity_of(text_of(one.effective_severity_level)))


def _matches(one: Attributes) -> Iterable[Match]:
    """Yield one match for each package that an issue names."""
    names = [text_of(problem.id) for problem in one.problems or () if text_of(problem.source) != "CWE"]
    advisory = next((name for name in names if name.startswith(("SNYK-", "npm:"))), "") or text_of(one.key)
    word = text_of(one.effective_severity_level)
    for package in dict.fromkeys(packages_of(one, advisory)) or (PackageAt(name=""),):
        yield Match(
            advisory=advisory,
            package=package,
            severity=severity_of(word),
            severity_word=word,
            status="resolved" if text_of(one.status) == "resolved" else "",
            aliases=tuple(name for name in dict.fromkeys(names) if name and name != advisory)[:100],
            title=text_of(one.title),
            description=text_of(one.description)[:MAX_DESCRIPTION],
            url=text_of(next((problem for problem in one.problems or () if problem.url), Problem()).url),
            cvss=score_of(*(points_of(rating.score) for rating in one.severities or ())),
            published=time_text(text_of(one.created_at)),
        )


def packages_of(one: Attributes, advisory: str) -> Iterable[PackageAt]:
    """Yield the packages that an issue's coordinates name."""
    distro = system_of(advisory)
    for coordinate in one.coordinates or ():
        for representation in coordinate.representations or ():
            dependency = representation.dependency or Dependency()
            name = text_of(dependency.package_name)
            if not name:
                continue
            source, _, binary = name.rpartition("/") if distro else ("", "", name)
            version = text_of(dependency.package_version)
            found = identify(binary, version, None, family_of(advisory), distro)
            yield PackageAt(found.name, found.version, found.type, found.namespace, source_name=source)
