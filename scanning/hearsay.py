"""Reading a stored event: what it hints at goes into the queue of looks, in the transaction that finishes it."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from governance.findings.report import ReportError
from governance.images.clean import clean_scan_time, clean_text
from governance.web.fields import pack_digest
from scanning.deliveries import Claim, Figures, finish, read_body
from scanning.failpoints import reach
from scanning.hints import hint
from scanning.hooks import find
from scanning.hooks.hints import Binding, Heard, Hint, checked
from scanning.models_hooks import WebhookSource
from scanning.parsers.document import open_document
from scanning.summary import NOTHING

# Wanted again while somebody looks: the row's time moves on, so that whoever looks leaves it there.
WANT = """
INSERT INTO scanning_look (registry_id, repository, tag, digest, delivery, attempts)
SELECT %(registry)s, repository, tag, digest, %(delivery)s, 0
FROM unnest(%(repositories)s::text[], %(tags)s::text[], %(digests)s::text[]) AS wanted(repository, tag, digest)
ORDER BY repository, tag, digest
ON CONFLICT (registry_id, repository, tag, digest) DO UPDATE SET wanted_at = statement_timestamp(), attempts = 0,
    next_attempt_at = statement_timestamp()
"""


def hear(held: Claim) -> None:
    """Read, and put what it hints at into the queue. Raises `ReportError`, and `LostLease`."""
    source = WebhookSource.objects.select_related("registry").filter(deliveries=held.id).first()
    hook = find(source.kind) if source else None
    if source is None or hook is None:
        raise ReportError("the source of this event was removed before it was read")
    heard = hook.read(open_document(read_body(held.delivery)))
    heard = checked(heard, Binding(source.registry.host, source.prefix))
    with transaction.atomic():
        finish(held, figures(heard, hook.NAME, held))
        want(source.registry_id, places(heard), held.id)
        scanned = fetch(source.registry_id, [one for one in heard.hints if one.scanned])
        reach("hear.before_commit")
    if heard.hints:
        hint("look")
    if scanned:
        hint("scan")


# Its report is fetched, not asked for: `remote_ref` says that the scan was begun before. One that was fetched just now
# is what the event is about.
FETCH = """
INSERT INTO scanning_scanjob (image_id, state, why, priority, attempts, scanner, remote_ref)
SELECT DISTINCT image.id, 'waiting', 'event', 1, 0, connection.kind, 'after -'
FROM unnest(%(repositories)s::text[], %(tags)s::text[], %(digests)s::bytea[]) AS wanted(name, tag, digest)
JOIN images_repository repository ON repository.registry_id = %(registry)s AND repository.name = wanted.name
JOIN scanning_connection connection ON connection.registry_id = %(registry)s AND connection.is_enabled
 AND connection.kind IN ('harbor', 'quay')
JOIN images_placement placement ON placement.repository_id = repository.id
JOIN images_image image ON image.id = placement.image_id AND image.merged_into_id IS NULL
WHERE CASE WHEN wanted.digest IS NOT NULL
      THEN EXISTS (SELECT FROM images_manifest manifest
                   WHERE manifest.image_id = image.id AND manifest.digest = wanted.digest)
      ELSE EXISTS (SELECT FROM images_tag tag WHERE tag.image_id = image.id AND tag.repository_id = repository.id
                   AND tag.name = wanted.tag AND tag.until IS NULL) END
ON CONFLICT (image_id) DO UPDATE SET next_attempt_at = statement_timestamp(),
    state = CASE WHEN scanning_scanjob.state IN ('done', 'failed') THEN 'waiting' ELSE scanning_scanjob.state END,
    why = CASE WHEN scanning_scanjob.state IN ('done', 'failed') THEN 'event' ELSE scanning_scanjob.why END,
    attempts = 0, scanner = excluded.scanner, error = '',
    remote_ref = CASE WHEN scanning_scanjob.state = 'asked' THEN scanning_scanjob.remote_ref ELSE 'after -' END
WHERE scanning_scanjob.state IN ('asked', 'failed')
   OR (scanning_scanjob.state = 'done' AND scanning_scanjob.finished_at < now() - interval '10 minutes')
"""


def fetch(registry: int, scanned: list[Hint]) -> int:
    """Have the reports of what the registry's own scanner has finished fetched; returns how many."""
    if not scanned:
        return 0
    row: dict[str, Any] = {
        "registry": registry,
        "repositories": [one.repository for one in scanned],
        "tags": [one.tag for one in scanned],
        "digests": [pack_digest(one.digest) if one.digest else None for one in scanned],
    }
    with connection.cursor() as cursor:
        cursor.execute(FETCH, row)
        return int(cursor.rowcount)


def places(heard: Heard) -> list[Hint]:
    """Where to look: what was deleted is looked for in the list of its repository, for an event proves nothing."""
    return list(dict.fromkeys(Hint(one.repository) if one.gone else one for one in heard.hints))


def want(registry: int, wanted: list[Hint], delivery: int | None) -> None:
    """Put places into the queue; one that waits there already stays one."""
    if not wanted:
        return
    found = sorted({(one.repository, one.tag, one.digest) for one in wanted})
    row: dict[str, Any] = {"registry": registry, "delivery": delivery}
    names = dict(zip(("repositories", "tags", "digests"), map(list, zip(*found, strict=True)), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(WANT, row | names)


def figures(heard: Heard, kind: str, held: Claim) -> Figures:
    """What the event turned out to be: the places it names, and what was left aside."""
    at, _ = clean_scan_time(heard.at, held.delivery.received_at)
    said = [sentence(one) for one in heard.hints[:20]]
    if len(heard.hints) > 20:
        said.append(f"and {len(heard.hints) - 20} more places")
    reasons = [*said, *heard.notes] or ["it says nothing about an image"]
    result: dict[str, Any] = {**NOTHING, "reasons": [clean_text(text, 500) for text in reasons]}
    # No scanner: who sends events is no source of scans.
    return Figures(f"{kind}-event", "", "", "event", at, result)


def sentence(one: Hint) -> str:
    """What follows of it, for people."""
    what = one.repository + (f":{one.tag}" if one.tag else "") + (f"@{one.digest}" if one.digest else "")
    if one.gone:
        return f"{what} is said to be deleted: the repository is looked through"
    return f"{what} was scanned there: its report is fetched" if one.scanned else f"{what} is looked at"
