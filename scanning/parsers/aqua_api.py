"""Answers of Aqua's API: findings of images (`/api/v2/risks/vulnerabilities`), one image's result (`/api/v1/…`)."""

from __future__ import annotations

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
from scanning.parsers.aqua_model import Cve, Page, Resource, Row, Status
from scanning.parsers.aqua_parts import (
    by_file,
    is_acknowledged,
    is_set,
    match_of,
    package_of,
    reference_of,
    repository_of,
)
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import with_algorithm
from scanning.parsers.packages import distribution
from scanning.parsers.scalars import MAX_DESCRIPTION, points_of, score_of, text_of, time_text

NAME = "aqua-api"
PAGE = msgspec.json.Decoder(Page)
STATUS = msgspec.json.Decoder(Status)
ROW = {"name", "image_name"}


def recognises(document: Document) -> bool:
    """A page of findings with their image, or one image's `cves` with the state of its scan."""
    if document.has("cves", "status"):
        return document.has("image_name") or document.has("cves_counts")
    if not document.has("result", "count"):
        return False
    first = document.first_of("result")
    return first.keys() >= ROW if first else document.has("page", "pagesize")


def parse(document: Document) -> ScanReport:
    """Read the answer."""
    if document.has("cves"):
        return _status(decode(STATUS, document.body))
    return _page(decode(PAGE, document.body))


def _page(page: Page) -> ScanReport:
    """Read a page. It lists findings only, so an image that is not in it may be clean or unscanned."""
    rows = page.result or []
    check_amount(len(rows), "vulnerabilities")
    counted = points_of(page.count) or 0
    partial = counted > len(rows) or is_set(page.is_partial_data)
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        name = text_of(row.image_name) or text_of(row.image_repository_name)
        key = (reference_of(name, text_of(row.registry)), with_algorithm(text_of(row.image_digest)))
        grouped.setdefault(key, []).append(row)
    note = f"a part of the {counted:,.0f} findings: it counts nothing; ask for all at once (pagesize)"
    return ScanReport(
        format=NAME,
        scanner="aqua",
        images=tuple(_scan(*key, found, partial=partial) for key, found in grouped.items()),
        entries=len(rows),
        notes=(note,) if partial else (),
    )


def _scan(reference: str, digest: str, rows: list[Row], *, partial: bool) -> ImageScan:
    distro = distribution(text_of(rows[0].os))
    found = [
        (match_of(row, package_of(row.resource or Resource(), distro, text_of(row.ancestor_pkg))), row) for row in rows
    ]
    return ImageScan(
        image=ImageFacts(
            references=(reference,) if reference else (),
            repo_digests=(f"{repository_of(reference)}@{digest}",) if digest else (),
            created=time_text(text_of(rows[0].image_build_date)),
            distro=distro,
            distro_version=text_of(rows[0].os_version),
        ),
        outcome=Outcome.UNASSESSED if partial else Outcome.ASSESSED,
        matches=tuple(match for match, row in found if not is_acknowledged(row)),
        suppressed=tuple(match for match, row in found if is_acknowledged(row)),
    )


def _status(status: Status) -> ScanReport:
    """Read one image's result; only the state `SCANNED` says that packages were looked at."""
    cves, error = status.cves or [], text_of(status.error)
    check_amount(len(cves), "vulnerabilities")
    state = text_of(status.status).upper()
    failed = bool(error) or state.startswith(("FAIL", "ERROR"))
    reference = reference_of(text_of(status.image_name), text_of(status.registry))
    digest = with_algorithm(text_of(status.digest))
    found = [(_match(one), is_set(one.acknowledged)) for one in cves]
    looked = state == "SCANNED" and status.cves is not None
    scan = ImageScan(
        image=ImageFacts(
            references=(reference,) if reference else (),
            repo_digests=(f"{repository_of(reference)}@{digest}",) if digest else (),
        ),
        outcome=Outcome.FAILED if failed else Outcome.ASSESSED if looked else Outcome.UNASSESSED,
        error=(error or "Aqua says that the scan failed") if failed else "",
        matches=tuple(match for match, is_aside in found if not is_aside),
        suppressed=tuple(match for match, is_aside in found if is_aside),
    )
    notes = () if looked or failed else (f"Aqua has no result: state {state[:60] or '(none)'}",)
    return ScanReport(format=NAME, scanner="aqua", images=(scan,), entries=len(cves), notes=notes)


def _match(one: Cve) -> Match:
    file, fix = text_of(one.file), text_of(one.fix_version)
    is_path = "/" in file
    name, version = by_file(file) if is_path else (file, "")
    return Match(
        advisory=text_of(one.name),
        package=PackageAt(name, version, path=file if is_path else ""),
        severity=severity_of(text_of(one.severity)),
        severity_word=text_of(one.severity),
        fixed_version=fix,
        status="fixed" if fix else "",
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=text_of(one.url),
        cvss=score_of(points_of(one.score)),
        published=time_text(text_of(one.publishdate)),
    )
