"""Reading a stored event: what it hints at goes into the queue of looks, in the transaction that finishes it."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from governance.findings.report import ReportError
from governance.images.clean import clean_scan_time, clean_text
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
        reach("hear.before_commit")
    if heard.hints:
        hint("look")


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
