"""An ecosystem's advisories become rows: only what changed is written, and noted for the images it concerns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from governance.findings.osv.advice import Affected, Offer, Record, Statement
from governance.findings.osv.models import OsvAffected, OsvChange, OsvEcosystem, OsvRecord
from governance.images.clean import clean_text, clean_url

# Number of the advisory lock of whoever loads advisories: one after the other, so that generations grow one by one.
LOCK = 0x70775F6F7376
AT_ONCE = 2_000
# A generation: a number that no other had before.
NEXT = "nextval(pg_get_serial_sequence('findings_osvecosystem', 'id'))"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load came to: numbers of records."""

    ecosystem: str
    records: int
    new: int = 0
    changed: int = 0
    gone: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        said = f"{self.ecosystem}: {self.records} records, {self.new} new, {self.changed} changed, {self.gone} gone"
        return f"{said}, {self.unreadable} unreadable" if self.unreadable else said


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to be written: names of records."""

    new: set[str]
    changed: set[str]
    gone: set[str]

    def __bool__(self) -> bool:
        """Anything is."""
        return bool(self.new or self.changed or self.gone)


def load(offer: Offer) -> Loaded:
    """Make what is known of the ecosystem equal to what is offered.

    By slices, each in a transaction of its own: one that breaks off carries on where it was when it is begun again.
    An ecosystem counts as loaded (`generation`) once it was all there.
    """
    held, _ = OsvEcosystem.objects.get_or_create(
        name=offer.ecosystem, defaults={"loaded_at": timezone.now(), "changed_at": timezone.now(), "generation": 0}
    )
    offered = offer.hashes()
    rows = list(OsvRecord.objects.filter(ecosystem=held).values_list("name", "hash", "first_seen"))
    found = _difference({name: bytes(one) for name, one, _ in rows}, offered, offer.unreadable)
    seen = {name: at for name, _, at in rows if name in found.changed}
    for some in batched(offer.records(found.new | found.changed), AT_ONCE):
        with _turn():
            # Only now: what cannot be read after all stays as it was.
            concerned = _delete(held.pk, [record.name for record in some]) | _insert(held, some, offered, seen)
            _note(held, concerned)
    with _turn():
        _note(held, _delete(held.pk, sorted(found.gone)))
        _summarise(held, offer, changed=bool(found))
    unreadable = len(offer.unreadable)
    return Loaded(held.name, held.records, len(found.new), len(found.changed), len(found.gone), unreadable)


def confirm(ecosystem: str) -> None:
    """What is loaded is still the newest that there is."""
    OsvEcosystem.objects.filter(name=ecosystem).update(loaded_at=timezone.now())


@contextmanager
def _turn() -> Iterator[None]:
    """A transaction; one at a time."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield


def unload(ecosystem: str) -> bool:
    """Forget the ecosystem; its findings are closed in the background. False where nothing was known of it."""
    with _turn():
        held = OsvEcosystem.objects.filter(name=ecosystem).first()
        if held is None:
            return False
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM findings_osvaffected WHERE ecosystem_id = %s", [held.pk])
            cursor.execute("DELETE FROM findings_osvrecord WHERE ecosystem_id = %s", [held.pk])
        held.delete()
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE findings_osvecosystem SET generation = {NEXT} WHERE generation > 0")  # noqa: S608
        OsvChange.objects.create(ecosystem=ecosystem)
    return True


def _difference(known: dict[str, bytes], offered: dict[str, bytes], unreadable: Collection[str]) -> Difference:
    changed = {name for name, one in offered.items() if name in known and known[name] != one}
    return Difference(offered.keys() - known.keys(), changed, known.keys() - offered.keys() - set(unreadable))


def _note(held: OsvEcosystem, concerned: set[str]) -> None:
    """Have the images with these packages looked at. Nothing found before holds any more."""
    if not concerned or not held.generation:
        return
    _copy(OsvChange, ("ecosystem", "package"), ((held.name, package) for package in sorted(concerned)))
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE findings_osvecosystem SET generation = {NEXT} WHERE id = %s", [held.pk])  # noqa: S608


def _delete(ecosystem: int, names: Sequence[str]) -> set[str]:
    """Returns the packages that the records spoke of."""
    concerned: set[str] = set()
    for some in batched(names, AT_ONCE * 5):
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM findings_osvaffected affected USING findings_osvrecord record"
                " WHERE record.id = affected.record_id AND record.ecosystem_id = %s AND record.name = ANY(%s)"
                " RETURNING affected.package",
                [ecosystem, list(some)],
            )
            concerned.update(package for (package,) in cursor.fetchall())
            cursor.execute(
                "DELETE FROM findings_osvrecord WHERE ecosystem_id = %s AND name = ANY(%s)", [ecosystem, list(some)]
            )
    return concerned


def _insert(
    held: OsvEcosystem, records: Sequence[Record], offered: dict[str, bytes], seen: dict[str, datetime]
) -> set[str]:
    """Returns the packages that the records speak of. `seen` says when those that are not new came first."""
    ids, now = _numbers("findings_osvrecord", len(records)), timezone.now()
    columns = ["id", "ecosystem_id", "name", "hash", "first_seen", "modified", "withdrawn", "published", "aliases"]
    rows = (
        (
            pk,
            held.pk,
            record.name,
            offered[record.name],
            seen.get(record.name, now),
            record.modified,
            record.withdrawn,
            record.published,
            [clean_text(alias, 100) for alias in record.aliases],
            record.cvss,
            clean_text(record.summary, 512),
            clean_text(record.details, 4_000),
            clean_url(record.url),
        )
        for pk, record in zip(ids, records, strict=True)
    )
    _copy(OsvRecord, (*columns, "cvss", "summary", "details", "url"), rows)
    affected = [
        (pk, held.pk, one.release, one.package, int(one.severity), one.severity_word, _packed(one.statement))
        for pk, record in zip(ids, records, strict=True)
        for one in united(record.affected, held.name)
        if not record.withdrawn
    ]
    names = ("record_id", "ecosystem_id", "release", "package", "severity", "severity_word", "statement")
    _copy(OsvAffected, names, affected)
    return {row[3] for row in affected}


def united(affected: Iterable[Affected], ecosystem: str) -> Iterator[Affected]:
    """One for each package and release of the ecosystem: a record may speak of several products with the same."""
    places: dict[tuple[str, str], list[Affected]] = defaultdict(list)
    for one in affected:
        if one.ecosystem == ecosystem and one.package:
            places[clean_text(one.release, 100), clean_text(one.package, 300)].append(one)
    for (release, package), those in places.items():
        worst = max(those, key=lambda one: one.severity)
        yield Affected(
            ecosystem=ecosystem,
            release=release,
            package=package,
            statement=Statement(
                tuple(dict.fromkeys(row for one in those for row in one.statement.ranges)),
                tuple(dict.fromkeys(version for one in those for version in one.statement.versions)),
            ),
            severity=worst.severity,
            severity_word=clean_text(worst.severity_word, 30),
        )


def _packed(statement: Statement) -> str:
    # JSON escapes a NUL.
    return msgspec.json.encode(statement).decode()


SUMMARISE = f"""
UPDATE findings_osvecosystem target SET
    loaded_at = now(), unreadable = %(unreadable)s, notes = %(notes)s::varchar[],
    generation = CASE WHEN %(changed)s THEN {NEXT} ELSE generation END,
    changed_at = CASE WHEN %(changed)s THEN now() ELSE changed_at END,
    records = (SELECT count(*) FROM findings_osvrecord WHERE ecosystem_id = target.id),
    withdrawn = (SELECT count(*) FROM findings_osvrecord WHERE ecosystem_id = target.id AND withdrawn),
    releases = ARRAY(SELECT DISTINCT release FROM findings_osvaffected WHERE ecosystem_id = target.id ORDER BY 1)
WHERE id = %(id)s
"""  # noqa: S608 (a name of ours)


def _summarise(held: OsvEcosystem, offer: Offer, changed: bool) -> None:
    """Where it is known now what a release's state is, or no more, all images are concerned."""
    before, is_new = set(held.releases), not held.generation
    values: dict[str, Any] = {
        "id": held.pk,
        "changed": changed or is_new,
        "unreadable": len(offer.unreadable),
        "notes": [clean_text(text, 300) for text in offer.notes[:20]],
    }
    with connection.cursor() as cursor:
        cursor.execute(SUMMARISE, values)
    held.refresh_from_db()
    if is_new or set(held.releases) != before:
        OsvChange.objects.create(ecosystem=held.name)


def _numbers(table: str, amount: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, amount])
        return [pk for (pk,) in cursor.fetchall()]


def _copy(model: type[Any], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(model._meta.db_table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as into:
        for row in rows:
            into.write_row(row)
