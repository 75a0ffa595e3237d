"""VEX statements as rows: what came is kept, the newest of each subject counts, an administrator can take it back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction

from governance.accounts.audit import actor_name, audit
from governance.accounts.scope import Viewer, administers
from governance.findings.models_vex import VexRevocation, VexStatement
from governance.findings.report import PackageAt, Reach, ScanReport, Statement
from governance.images.clean import clean_digest, clean_scan_time, clean_text, clean_time
from governance.images.reference import parse_reference
from governance.web.fields import pack_digest

SLICE = 2_000
NAMELESS = "(no issuer named)"
# Lets two documents of one issuer not both call theirs the newest.
ISSUER_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 4841))"
COLUMNS = (
    "key, subject, issuer, team, vulnerability, names, status, justification, detail, products, component, reach,"
    " digests, image_names, platforms, package_type, package_namespace, package_name, package_version, stated_at,"
    " received_at, delivery, format"
)
INSERT = f"""
INSERT INTO findings_vexstatement ({COLUMNS}, is_current)
SELECT {COLUMNS}, false FROM jsonb_to_recordset(%s::jsonb) AS row(
    key bytea, subject bytea, issuer text, team bigint, vulnerability text, names text[], status text,
    justification text, detail text, products text[], component text, reach text, digests bytea[], image_names text[],
    platforms text[], package_type text, package_namespace text, package_name text, package_version text,
    stated_at timestamptz, received_at timestamptz, delivery bigint, format text)
ON CONFLICT (key) DO NOTHING RETURNING subject
"""  # noqa: S608 (no value ever becomes part of the text)
# The newest; of two of one time the one that sets nothing aside, then the same one in any order of arrival.
CHOOSE = """
WITH choice AS (
    SELECT id, is_current, NOT EXISTS (SELECT FROM findings_vexrevocation r WHERE r.subject = s.subject)
        AND row_number() OVER (
            PARTITION BY subject ORDER BY stated_at DESC, status IN ('not_affected', 'fixed'), key) = 1 AS wanted
    FROM findings_vexstatement s WHERE subject = ANY(%s)
), moved AS (
    UPDATE findings_vexstatement s SET is_current = choice.wanted FROM choice
    WHERE choice.id = s.id AND choice.is_current <> choice.wanted RETURNING s.id, s.reach
)
INSERT INTO findings_vexwork (statement_id) SELECT id FROM moved WHERE reach <> 'nowhere'
ON CONFLICT (statement_id) DO UPDATE SET until = NULL
"""


def record_statements(report: ScanReport, delivery: int, received: datetime, team: int | None) -> bool:
    """Keep what the report states; what was kept before is not written again. True if anything was new."""
    if not report.statements:
        return False
    issuer = clean_text(report.issuer.strip(), 200) or NAMELESS
    fallback, _ = clean_scan_time(report.scanned_at, received)
    common = {
        "issuer": issuer,
        "team": team,
        "received_at": received,
        "delivery": delivery,
        "format": clean_text(report.format, 40),
    }
    rows: dict[str, dict[str, Any]] = {}
    for one in report.statements:
        said_at = clean_time(one.stated_at)
        at, _ = clean_scan_time(said_at or fallback, received)
        row = common | row_of(one) | {"stated_at": at}
        row |= keys_of(row, said_at)
        rows.setdefault(row["key"], row)
    return _store(issuer, sorted(rows.values(), key=lambda row: str(row["key"])))


def _store(issuer: str, rows: Sequence[dict[str, Any]]) -> bool:
    subjects: set[bytes] = set()
    with connection.cursor() as cursor:
        cursor.execute(ISSUER_LOCK, [issuer.casefold()])
        for start in range(0, len(rows), SLICE):
            cursor.execute(INSERT, [msgspec.json.encode(rows[start : start + SLICE]).decode()])
            subjects |= {bytes(subject) for (subject,) in cursor.fetchall()}
    choose(subjects)
    return bool(subjects)


def choose(subjects: Iterable[bytes]) -> None:
    """Of each subject the newest statement is current, none where it was revoked; images follow (`settle_vex`)."""
    listed = sorted(subjects)
    with connection.cursor() as cursor:
        if listed:
            cursor.execute(CHOOSE, [listed])


def row_of(one: Statement) -> dict[str, Any]:
    """Everything that the statement itself says, fit for its columns."""
    package = one.package or PackageAt(name="")
    name = clean_text(one.vulnerability.strip(), 100)
    digests, named = names_of(one.images)
    reach = one.reach if one.reach != Reach.IMAGE or digests or named else Reach.NOWHERE
    return {
        "vulnerability": name,
        "names": list(
            dict.fromkeys(filter(None, (name, *(clean_text(alias.strip(), 100) for alias in one.aliases[:50]))))
        ),
        "status": str(one.status),
        "justification": clean_text(one.justification, 100),
        "detail": clean_text(one.detail, 4_000),
        "products": [clean_text(product, 500) for product in one.products[:20]],
        "component": clean_text(one.component, 500),
        "reach": str(reach if name else Reach.NOWHERE),
        "digests": [f"\\x{pack_digest(digest).hex()}" for digest in digests],
        "image_names": named,
        "platforms": [clean_text(platform, 60) for platform in one.platforms],
        "package_type": clean_text(package.type, 30),
        "package_namespace": clean_text(package.namespace, 200),
        "package_name": clean_text(package.name, 300),
        "package_version": clean_text(package.version, 300),
    }


def names_of(images: Iterable[str]) -> tuple[list[str], list[str]]:
    """Digests of the images; where none is given, tags (`host/repository:tag`), else repositories."""
    listed = list(images)[:100]
    digests = [found for text in listed if (found := clean_digest(text.rpartition("@")[2]))]
    if digests:
        return sorted(set(digests)), []
    read = [ref for text in listed if (ref := parse_reference(clean_text(text, 400)))]
    tags = sorted({f"{ref.name}:{ref.tag}" for ref in read if ref.tag})
    return [], tags or sorted({ref.name for ref in read})


def keys_of(row: dict[str, Any], said_at: datetime | None) -> dict[str, str]:
    """The subject's key and the statement's own; a statement that gives no time is the same whenever it comes."""
    about = (row["issuer"].casefold(), row["team"], row["vulnerability"], row["component"], sorted(row["products"]))
    said = (row["names"], row["status"], row["justification"], row["detail"], said_at)
    return {"subject": _hash(about), "key": _hash((about, said))}


def _hash(value: Any) -> str:
    return f"\\x{hashlib.blake2b(msgspec.json.encode(value), digest_size=16).hexdigest()}"


@transaction.atomic
def revoke(viewer: Viewer | None, statement: VexStatement, reason: str) -> None:
    """Let what this issuer says on this subject not count, until it is restored. Raises `ValidationError`."""
    _decide(viewer, statement)
    if not reason.strip():
        raise ValidationError("say why: whoever finds the finding back will ask")
    made = VexRevocation.objects.get_or_create(
        subject=bytes(statement.subject), defaults={"by": actor_name(viewer), "reason": clean_text(reason.strip(), 500)}
    )[1]
    if made:
        choose([bytes(statement.subject)])
        audit(viewer, "vex.revoke", _named(statement), team=statement.team, reason=reason.strip()[:500])


@transaction.atomic
def restore(viewer: Viewer | None, statement: VexStatement) -> None:
    """Let it count again."""
    _decide(viewer, statement)
    gone, _ = VexRevocation.objects.filter(subject=bytes(statement.subject)).delete()
    if gone:
        choose([bytes(statement.subject)])
        audit(viewer, "vex.restore", _named(statement), team=statement.team)


def _decide(viewer: Viewer | None, statement: VexStatement) -> None:
    if viewer is not None and not administers(viewer):
        raise PermissionDenied("only administrators decide whose word counts")
    with connection.cursor() as cursor:
        cursor.execute(ISSUER_LOCK, [statement.issuer.casefold()])


def _named(statement: VexStatement) -> str:
    return f"VEX statement {statement.pk} {statement}"
