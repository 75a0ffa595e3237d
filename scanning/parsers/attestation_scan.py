"""Scan records: the predicates of cosign's `vuln` (sigstore/cosign `specs/COSIGN_VULN_ATTESTATION_SPEC.md`) and of
in-toto's `vulns` (in-toto/attestation `spec/predicates/vulns_02.md`).
"""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from governance.findings.report import ImageScan, Kind, Match, Outcome, PackageAt, ReportError, ScanReport, Severity
from scanning.parsers.attestation_model import Base, Result, ScanRecord, Times
from scanning.parsers.document import check_amount, decode, members_of
from scanning.parsers.scalars import moment, score_of, text_of

RECORDS = msgspec.json.Decoder(ScanRecord)
NEUTRAL = msgspec.json.Decoder(list[Result])
NOT_LOOKED = "the scan record holds no result"
# CVSS 3.1, section 5: the lowest score of each word.
SCORES = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))


def is_record(members: dict[str, msgspec.Raw]) -> bool:
    """Say whether an object is the predicate itself, alone as cosign is given it."""
    scanner = members_of(members.get("scanner"))
    return "metadata" in members and "uri" in scanner and bool({"result", "db"} & scanner.keys())


def record_of(body: msgspec.Raw) -> ScanRecord:
    """Decode it. Raises `ReportError`."""
    return decode(RECORDS, body)


def _result(record: ScanRecord) -> msgspec.Raw:
    base = record.scanner.base or Base()
    return record.scanner.result or base.result or msgspec.Raw(b"null")


def native_result(record: ScanRecord) -> msgspec.Raw | None:
    """Return the scanner's own report, undecoded; None where there is none or it is a list of neutral records."""
    result = _result(record)
    if bytes(result).lstrip()[:1] == b"{":
        return result
    return None if _neutral(result) is not None else result


def _neutral(result: msgspec.Raw) -> list[Result] | None:
    """Decode a list of neutral records; None for anything else (Trivy's old reports are lists, too)."""
    if bytes(result).strip() == b"null":
        return []
    try:
        found = NEUTRAL.decode(result)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if all(_identifier(one) for one in found) else None


def _identifier(one: Result) -> str:
    return one.id or (one.vulnerability and one.vulnerability.id) or ""


def own_report(record: ScanRecord) -> ScanReport:
    """Read neutral records; they name no packages. Without a result nobody looked."""
    found = _neutral(_result(record))
    if found is None:
        raise ReportError("the scan record's result is neither a report nor a list of vulnerabilities")
    check_amount(len(found), "vulnerabilities")
    looked = bytes(_result(record)).strip() != b"null"
    scan = ImageScan(
        outcome=Outcome.ASSESSED if looked else Outcome.UNASSESSED, matches=tuple(_match(one) for one in found)
    )
    uri = record.scanner.uri or ""
    base = record.scanner.base or Base()
    return timed(
        ScanReport(
            format="attestation",
            scanner=_program(uri),
            images=(scan,),
            kind=Kind.VULNERABILITY,
            scanner_version=text_of(record.scanner.version),
            database_version=text_of(base.version),
            entries=len(found),
            notes=() if looked else (NOT_LOOKED,),
        ),
        record,
    )


def _program(uri: str) -> str:
    """Return what a scanner's address says it is: `pkg:github/aquasecurity/trivy@...`, `https://.../trivy`."""
    path = urlsplit(uri.partition("@")[0]).path if uri.startswith(("https://", "pkg:")) else uri.partition("@")[0]
    return path.rstrip("/").rpartition("/")[2].lower() or "unknown"


def _match(one: Result) -> Match:
    scores = [text_of(score.score) for score in one.severity or ()]
    best = score_of(*(float(text) for text in scores if text.replace(".", "", 1).isdecimal() and len(text) < 6))
    severity = next((severity for least, severity in SCORES if best >= least), Severity.UNKNOWN)
    return Match(advisory=_identifier(one), package=PackageAt(name=""), severity=severity, cvss=best)


def timed(report: ScanReport, record: ScanRecord) -> ScanReport:
    """Add the record's time where the result has none."""
    times = record.metadata or Times()
    at = report.scanned_at or moment(times.finished) or moment(times.started)
    return msgspec.structs.replace(report, scanned_at=at)
