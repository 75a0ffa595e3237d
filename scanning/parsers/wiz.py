"""Wiz's exports (CSV): issues as checks of cloud accounts, vulnerability findings by asset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from governance.findings.report import (
    Benchmark,
    Check,
    ImageFacts,
    ImageScan,
    Kind,
    Match,
    PackageAt,
    ReportError,
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document
from scanning.parsers.image_config import is_reference
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, points_of, score_of
from scanning.parsers.table import read_rows
from scanning.parsers.wizcli import GHSA

NAME = "wiz"
TITLE = "Wiz issues"
ISSUES = {"title", "severity", "status", "resourcetype", "controlid", "issueid"}
FINDINGS = {"name", "detailedname", "version", "findingstatus", "assetid"}
RESULTS = {"open": Result.FAIL, "in_progress": Result.FAIL, "resolved": Result.PASS}
# Findings that somebody set aside.
ASIDE = {"ignored", "rejected"}


@lru_cache(maxsize=1_024)
def plain(name: str) -> str:
    """Return a column's name by its letters and digits."""
    return re.sub("[^a-z0-9]", "", name.lower())


def recognises(document: Document) -> bool:
    """The columns of issues or of vulnerability findings."""
    columns = {plain(name) for name in document.header}
    return columns >= ISSUES or columns >= FINDINGS


def parse(document: Document) -> ScanReport:
    """Read the table; without rows it says nothing of anything."""
    columns = {plain(name) for name in document.header}
    rows = ({plain(name): cell for name, cell in row.items()} for row in read_rows(document.body))
    if columns >= ISSUES:
        return _issues(rows)
    if columns >= FINDINGS:
        return _findings(rows)
    raise ReportError("the table has neither the columns of Wiz's issues nor of its vulnerability findings")


def _issues(rows: Iterable[dict[str, str]]) -> ScanReport:
    """Read issues, a benchmark for each subscription: whatever their status, which is their result."""
    grouped: dict[str, list[Check]] = {}
    for row in rows:
        status = row["status"].lower()
        check = Check(
            kind="policy",
            id=row["controlid"] or row["issueid"],
            result=RESULTS.get(status, Result.INFO),
            title=row["title"] if status == "open" else f"{row['title']} ({status})",
            severity=severity_of(row["severity"].lower().replace("informational", "info")),
            target=" ".join(filter(None, (row["resourcetype"], row.get("resourcename", "")))),
        )
        subscription = row.get("subscriptionname") or row.get("subscriptionid") or ""
        grouped.setdefault(subscription, []).append(check)
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.COMPLIANCE,
        benchmarks=tuple(Benchmark("account", name, TITLE, tuple(checks)) for name, checks in grouped.items())
        or (Benchmark("account", "", TITLE),),
    )


def _findings(rows: Iterable[dict[str, str]]) -> ScanReport:
    """Read findings by asset; one that is no container image has no identity here."""
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row["assetid"], []).append(row)
    scans = tuple(_scan(found) for found in grouped.values())
    hosts = sum(not (scan.image.references or scan.image.repo_digests) for scan in scans)
    times = (moment(row.get("lastdetected", "")) for found in grouped.values() for row in found)
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=scans,
        scanned_at=max(filter(None, times), default=None),
        entries=sum(map(len, grouped.values())),
        notes=(f"assets that are no container images, as far as the table says: {hosts:,}",) if hosts else (),
    )


def _scan(found: list[dict[str, str]]) -> ImageScan:
    rows = [(_match(row), row["findingstatus"].lower() in ASIDE) for row in found]
    return ImageScan(
        image=_facts(found[0]),
        matches=tuple(match for match, is_aside in rows if not is_aside),
        suppressed=tuple(match for match, is_aside in rows if is_aside),
    )


def _facts(row: dict[str, str]) -> ImageFacts:
    """Return the image that the asset is; names of machines are none."""
    kind = plain(row.get("assettype", ""))
    names = (row.get("provideruniqueid", ""), row.get("assetname", ""))
    digests = [name.removeprefix("https://") for name in names if "@sha256:" in name]
    if not digests and "image" not in kind:
        return ImageFacts()
    references = tuple(dict.fromkeys((*digests, *filter(is_reference, names[1:]))))
    return ImageFacts(references=references, repo_digests=tuple(digests))


def _match(row: dict[str, str]) -> Match:
    word = row.get("vendorseverity") or row.get("severity") or row.get("cvssseverity") or ""
    link = row.get("link", "")
    other = GHSA.search(link)
    advisory = row["name"]
    return Match(
        advisory=advisory,
        package=PackageAt(name=row["detailedname"], version=row["version"], path=row.get("locationpath", "")),
        severity=severity_of(word),
        severity_word=word,
        fixed_version=row.get("fixedversion", ""),
        status="resolved" if row["findingstatus"].lower() == "resolved" else "",
        aliases=(other[1],) if other and other[1] != advisory else (),
        description=row.get("description", "")[:MAX_DESCRIPTION],
        url=link,
        cvss=score_of(points_of(row.get("score"))),
        published=row.get("publishdate", ""),
    )
