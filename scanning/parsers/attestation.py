"""Attestations: DSSE envelopes, Sigstore bundles and in-toto statements, one or one a line; read by their predicate.

No signature is verified here, and every report says so. The subject's digest is what identifies the image.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator

import msgspec

from governance.findings.report import ImageScan, Kind, Outcome, ReportError, ScanReport, Statement, UnknownFormat
from scanning import parsers
from scanning.parsers import attestation_scan
from scanning.parsers.attestation_model import Bundle, Envelope, InToto
from scanning.parsers.attestation_subject import identified_by, names_of
from scanning.parsers.document import Document, Shape, check_amount, decode, members_of, open_document
from scanning.parsers.vex_target import Target

NAME = "attestation"
BUNDLE = "application/vnd.dev.sigstore.bundle"
STATEMENT = "https://in-toto.io/Statement/"
UNSIGNED = "the attestation is not signed"
UNVERIFIED = "the attestation's signature was not verified"
ENVELOPES = msgspec.json.Decoder(Envelope)
BUNDLES = msgspec.json.Decoder(Bundle)
STATEMENTS = msgspec.json.Decoder(InToto)
TEXT = msgspec.json.Decoder(str)
# What several attestations in one document come to is the first of these that is among them.
KINDS = (Kind.VULNERABILITY, Kind.SBOM, Kind.VEX, Kind.COMPLIANCE, Kind.EVENT)
MAX_LINES = 1_000
URL_SAFE = str.maketrans("-_", "+/")


def recognises(document: Document) -> bool:
    """An envelope, a bundle, a bare statement or a bare scan record, or a line of such."""
    members = members_of(document.items[0]) if document.shape == Shape.LINES else document.members
    return is_wrapped(members) or attestation_scan.is_record(members)


def is_wrapped(members: dict[str, msgspec.Raw]) -> bool:
    """Say whether an object is a DSSE envelope, a Sigstore bundle or an in-toto statement."""
    dsse = {"payloadType", "payload"} <= members.keys()
    return dsse or _text(members, "mediaType").startswith(BUNDLE) or _text(members, "_type").startswith(STATEMENT)


def parse(document: Document) -> ScanReport:
    """Unwrap each attestation and read its predicate by the parser that recognises it."""
    bodies = document.items if document.shape == Shape.LINES else [msgspec.Raw(document.body)]
    if len(bodies) > MAX_LINES:
        raise ReportError(f"the document holds more than {MAX_LINES:,} attestations")
    reports = [_read(body) for body in bodies]
    check_amount(sum(len(one.statements) for one in reports), "statements")
    return reports[0] if len(reports) == 1 else _joined(reports)


def _joined(reports: list[ScanReport]) -> ScanReport:
    """Make one report of several: each scan keeps its own scanner, notes are said once."""
    kind = next(kind for kind in KINDS if any(one.kind == kind for one in reports))
    first = next(one for one in reports if one.kind == kind)
    speakers = [one for one in reports if one.kind != Kind.EVENT or kind == Kind.EVENT]
    issuers = dict.fromkeys(one.issuer for one in reports if one.statements)
    if len(issuers) > 1:
        raise ReportError("the statements of several issuers are in one document: send each line alone")
    return msgspec.structs.replace(
        first,
        images=tuple(_own(scan, one) for one in speakers for scan in one.images),
        benchmarks=tuple(benchmark for one in reports for benchmark in one.benchmarks),
        statements=tuple(statement for one in reports for statement in one.statements),
        issuer=next(iter(issuers), ""),
        entries=sum(one.entries for one in reports),
        notes=tuple(dict.fromkeys(note for one in reports for note in one.notes)),
    )


def _own(scan: ImageScan, report: ScanReport) -> ImageScan:
    return msgspec.structs.replace(
        scan, scanner=report.scanner, scanner_version=report.scanner_version, scanned_at=report.scanned_at
    )


def _read(body: msgspec.Raw) -> ScanReport:
    """Read one attestation, or a bare scan record."""
    members = members_of(body)
    if attestation_scan.is_record(members):
        return msgspec.structs.replace(predicate_of(body), format=NAME)
    signed = not _text(members, "_type")
    statement = decode(STATEMENTS, _payload(body, members) if signed else body)
    found = _predicate(statement)
    report = found if found is not None else _nothing(statement)
    subjects = names_of(statement)
    note = UNVERIFIED if signed else UNSIGNED
    # A VEX document is about images by name and is no scan of them.
    named = (ImageScan(outcome=Outcome.UNASSESSED),) if report.kind == Kind.EVENT else ()
    images, contradicted = identified_by(subjects, report.images or named)
    return msgspec.structs.replace(
        report,
        format=NAME,
        images=images,
        statements=tuple(_with_products(report.statements, subjects)),
        notes=(*report.notes, note, *contradicted),
    )


def _payload(body: msgspec.Raw, members: dict[str, msgspec.Raw]) -> bytes:
    """Return the statement inside an envelope. Raises `ReportError`."""
    if not {"payloadType", "payload"} <= members.keys():
        envelope = decode(BUNDLES, body).envelope
        if envelope is None:
            raise ReportError("the bundle holds a signature and no attestation")
    else:
        envelope = decode(ENVELOPES, body)
    try:
        payload = binascii.a2b_base64(envelope.payload.translate(URL_SAFE).rstrip("=") + "==", strict_mode=False)
    except (binascii.Error, ValueError) as error:
        raise ReportError("the attestation's payload is not base64") from error
    # The bounds hold for what is inside, too.
    inner = open_document(payload)
    if not _text(inner.members, "_type").startswith(STATEMENT):
        raise ReportError(f"the attestation's payload ({(envelope.type or '')[:80]}) is no in-toto statement")
    return inner.body


def _predicate(statement: InToto) -> ScanReport | None:
    """Read the predicate; None where it is of a kind that says nothing of packages and vulnerabilities."""
    members = members_of(statement.predicate)
    # cosign puts what it was given into `Data`, a text where it is no JSON.
    inner = members.get("Data", statement.predicate)
    text = _text({"Data": inner}, "Data")
    body = msgspec.Raw(text.encode()) if text else inner
    if bytes(body).lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return predicate_of(body)
    except UnknownFormat:
        return None


def predicate_of(body: msgspec.Raw) -> ScanReport:
    """Read what an attestation holds. Raises `ReportError`; `UnknownFormat` where no parser knows it."""
    if not attestation_scan.is_record(members_of(body)):
        return _inside(body)
    record = attestation_scan.record_of(body)
    native = attestation_scan.native_result(record)
    return attestation_scan.own_report(record) if native is None else attestation_scan.timed(_inside(native), record)


def _inside(body: msgspec.Raw) -> ScanReport:
    document = open_document(bytes(body))
    if recognises(document):
        raise ReportError("an attestation inside an attestation is not read")
    return parsers.parse(document)


def _nothing(statement: InToto) -> ScanReport:
    """An attestation of something else: it names images and states nothing about them."""
    kind = (statement.type or "(no type)")[:100]
    return ScanReport(
        format=NAME, scanner=NAME, images=(), kind=Kind.EVENT, notes=(f"a predicate of type {kind} is not read",)
    )


def _with_products(statements: Iterable[Statement], subjects: dict[str, tuple[str, ...]]) -> Iterator[Statement]:
    """A statement without products is about the attestation's subjects (openvex/spec, "Attesting")."""
    for one in statements:
        if one.products or not subjects:
            yield one
            continue
        for digest, names in subjects.items():
            products = tuple(f"{name}@{digest}" for name in names) or (digest,)
            yield msgspec.structs.replace(one, products=products, **Target(products, one.component).fields)


def _text(members: dict[str, msgspec.Raw], name: str) -> str:
    try:
        return TEXT.decode(members[name])
    except (KeyError, msgspec.DecodeError, RecursionError):
        return ""
