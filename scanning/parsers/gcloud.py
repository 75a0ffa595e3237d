"""Google Artifact Analysis (Container Analysis): gcloud's description of an image, and lists of occurrences."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.gcloud_model import (
    Assessment,
    Described,
    Discovered,
    Discovery,
    Found,
    Image,
    Issue,
    Occurrence,
    Problem,
    Score,
    Version,
    Vulnerability,
)
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, points_of, score_of, text_of

NAME = "google-artifact-analysis"
SUMMARIES = {"package_vulnerability_summary", "discovery_summary"}
SYSTEM = re.compile(r"cpe:/o:([^:]*):([^:]*):?([^:]*)")
DISTROS = {"canonical": "ubuntu", "alpinelinux": "alpine", "almalinux": "alma"}
TYPES = {"go_stdlib": "golang", "go": "golang", "rubygems": "gem", "rust": "cargo", "python": "pypi"}
# What Go calls its own library everywhere else.
STDLIB = {"go_stdlib": "stdlib"}
UNSUPPORTED = "FINISHED_UNSUPPORTED"
FAILED, LOOKED = {"FINISHED_FAILED"}, {"", "FINISHED_SUCCESS", "COMPLETE"}
ASIDE = {"NOT_AFFECTED", "FIXED"}

DECODER = msgspec.json.Decoder(Described | list[Occurrence | None])


def recognises(document: Document) -> bool:
    """The description with one of its summaries; occurrences of vulnerabilities or of the discovery."""
    if document.shape == Shape.LIST:
        return _is_occurrence(document.first())
    if document.has("image_summary"):
        return bool(document.members.keys() & SUMMARIES) or "fully_qualified_digest" in document.inside("image_summary")
    return _is_occurrence(document.first_of("occurrences"))


def _is_occurrence(members: dict[str, msgspec.Raw]) -> bool:
    return "noteName" in members and bool(members.keys() & {"vulnerability", "discovery"})


def parse(document: Document) -> ScanReport:
    """Read the scan of one image, or occurrences by image. An occurrence is one entry, whatever packages it names."""
    top = decode(DECODER, document.body)
    if isinstance(top, list) or top.occurrences is not None:
        listed = top if isinstance(top, list) else top.occurrences or []
        return _of_list([one for one in listed if one is not None], "" if isinstance(top, list) else top.next_page)
    return _of_description(top)


def _of_description(described: Described) -> ScanReport:
    about = described.image_summary or Image()
    found = described.package_vulnerability_summary
    by_severity = (found or Found()).vulnerabilities or {}
    occurrences = [one for listed in by_severity.values() for one in listed or () if one is not None]
    check_amount(len(occurrences), "occurrences")
    discovered = (described.discovery_summary or Discovered()).discovery or []
    discoveries = [one.discovery for one in discovered if one is not None and one.discovery is not None]
    outcome, error = _outcome(discoveries)
    if found is None and outcome == Outcome.ASSESSED:
        outcome = Outcome.UNASSESSED
    name, _, digest = text_of(about.fully_qualified_digest).rpartition("@")
    digest = text_of(about.digest) or digest
    scan = _scan(occurrences, f"{name}@{digest}" if name else "", outcome, error)
    image = msgspec.structs.replace(scan.image, manifest_digest="" if name else digest)
    hint = "the description holds no vulnerabilities: ask with --show-package-vulnerability"
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(msgspec.structs.replace(scan, image=image),),
        scanned_at=max(filter(None, (moment(one.last_scan_time) for one in discoveries)), default=None),
        entries=len(occurrences),
        notes=(hint,) if found is None else (),
    )


def _of_list(listed: list[Occurrence], next_page: object) -> ScanReport:
    check_amount(len(listed), "occurrences")
    grouped: dict[str, list[Occurrence]] = {}
    for one in listed:
        if one.vulnerability is not None or one.discovery is not None:
            grouped.setdefault(text_of(one.resource_uri), []).append(one)
    scans = []
    for uri, occurrences in grouped.items():
        outcome, error = _outcome([one.discovery for one in occurrences if one.discovery is not None])
        outcome = Outcome.UNASSESSED if next_page and outcome == Outcome.ASSESSED else outcome
        found = [one for one in occurrences if one.vulnerability is not None]
        scans.append(_scan(found, uri.removeprefix("https://").removeprefix("http://"), outcome, error))
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=tuple(scans) or (ImageScan(outcome=Outcome.UNASSESSED),),
        entries=sum(one.vulnerability is not None for one in listed),
        notes=("it is one page of several, so it is no whole scan",) if next_page else (),
    )


def _outcome(discoveries: list[Discovery]) -> tuple[Outcome, str]:
    """Say how the scan ended; where nothing tells, what was found tells that it took place."""
    for one in discoveries:
        status = text_of(one.analysis_status).upper()
        why = text_of((one.analysis_status_error or Problem()).message)
        if status in FAILED:
            return Outcome.FAILED, why or "Artifact Analysis says that the scan failed"
        if status == UNSUPPORTED:
            return Outcome.UNSUPPORTED, why
        if status not in LOOKED:
            return Outcome.UNASSESSED, why or f"Artifact Analysis says {status}"
    return Outcome.ASSESSED, ""


def _scan(occurrences: list[Occurrence], uri: str, outcome: Outcome, error: str) -> ImageScan:
    """Read one image's occurrences. Its name without tag must not stand alone: that would mean `latest`."""
    system = next((known for one in occurrences for issue in _issues(one) if (known := system_of(issue))[0]), ("", ""))
    aside = [one for one in occurrences if _is_aside(one)]
    kept = [one for one in occurrences if not _is_aside(one)]
    has_digest = "@" in uri
    return ImageScan(
        image=ImageFacts(
            references=(uri,) if uri and not has_digest and ":" in uri.rpartition("/")[2] else (),
            repo_digests=(uri,) if has_digest else (),
            distro=system[0],
            distro_version=system[1],
        ),
        outcome=outcome,
        error=error,
        matches=tuple(match for one in kept for match in _matches(one)),
        suppressed=tuple(match for one in aside for match in _matches(one)),
    )


def _is_aside(one: Occurrence) -> bool:
    state = ((one.vulnerability or Vulnerability()).vex_assessment or Assessment()).state
    return text_of(state).upper() in ASIDE


def _issues(one: Occurrence) -> list[Issue]:
    return [issue for issue in (one.vulnerability or Vulnerability()).package_issue or () if issue is not None]


def system_of(issue: Issue) -> tuple[str, str]:
    """Return the distribution and its version by the CPE (`cpe:/o:debian:debian_linux:12`)."""
    found = SYSTEM.match(text_of(issue.affected_cpe_uri))
    return (DISTROS.get(found[1], found[1]), found[3]) if found else ("", "")


def version_of(version: Version | None) -> str:
    """Return a version as it is installed; MINIMUM and MAXIMUM are none."""
    if version is None or text_of(version.kind).upper() in {"MINIMUM", "MAXIMUM"}:
        return ""
    if version.full_name:
        return text_of(version.full_name)
    whole = "-".join(filter(None, (text_of(version.name), text_of(version.revision))))
    epoch = text_of(version.epoch)
    return f"{epoch}:{whole}" if epoch not in {"", "0"} else whole


def _matches(one: Occurrence) -> Iterable[Match]:
    told = one.vulnerability or Vulnerability()
    note = text_of(one.note_name).rpartition("/")[2]
    advisory = text_of(told.short_description) or note
    word = text_of(told.effective_severity)
    word = text_of(told.severity) if word in {"", "SEVERITY_UNSPECIFIED"} else word
    link = next((text_of(link.url) for link in told.related_urls or () if link is not None), "")
    score = score_of(points_of((told.cvssv3 or Score()).base_score)) or score_of(points_of(told.cvss_score))
    for issue in _issues(one) or [Issue()]:
        fixed = version_of(issue.fixed_version)
        yield Match(
            advisory=advisory,
            package=_package(issue),
            severity=severity_of(word),
            severity_word=word,
            fixed_version=fixed,
            status="fixed" if fixed else "affected" if told.fix_available is False else "",
            aliases=(note,) if note and note != advisory else (),
            description=text_of(told.long_description)[:MAX_DESCRIPTION],
            url=link,
            cvss=score,
        )


def _package(issue: Issue) -> PackageAt:
    kind = text_of(issue.package_type).lower()
    is_os = kind in {"os", "", "package_type_unspecified"}
    distro = system_of(issue)[0] if is_os else ""
    name = STDLIB.get(kind) or text_of(issue.affected_package)
    family = distro if is_os else TYPES.get(kind, kind)
    found = identify(name, version_of(issue.affected_version), None, family, distro)
    path = next((text_of(place.file_path) for place in issue.file_location or () if place is not None), "")
    return PackageAt(found.name, found.version, found.type, found.namespace, path=path)
