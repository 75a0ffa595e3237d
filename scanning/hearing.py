"""Listening to what arrives: which source sent when. In the background, so that no report waits for a source's row."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from governance.findings.models import Source
from governance.findings.sources import DEMO, GAP, Heard, Sender, hear, introduce, judge
from governance.runtime.counts import judge_agents
from scanning.models import Delivery, Listening

LOG = logging.getLogger(__name__)

# Deliveries at a time; after a long time without listening it takes several turns.
MOST = 100_000
# A delivery that is being accepted has its number already; after so many seconds it is there or never will be.
ACCEPTING = timedelta(seconds=10)
# Without a look for longer than this, silence is counted from now on: nobody could be heard.
DEAF = timedelta(minutes=15)
HEARD = ["first_heard", "last_heard", "reports", "period", "pause", "pause_before", "pauses"]

CAME = """
WITH came AS (
    SELECT CASE WHEN is_demo THEN %(demo)s ELSE source END AS sender, scanner, stage, token_id, is_demo, received_at
    FROM scanning_delivery WHERE id > %(after)s AND id <= %(upto)s AND state = 'done' AND scanner <> ''
), apart AS (
    SELECT *, received_at - lag(received_at) OVER (PARTITION BY sender, scanner, stage ORDER BY received_at) AS gap
    FROM came
)
SELECT sender, scanner, stage, max(token_id), bool_or(is_demo), count(*), min(received_at), max(received_at),
       count(*) FILTER (WHERE gap >= %(gap)s), coalesce(extract(epoch FROM max(gap)), 0)::bigint
FROM apart GROUP BY sender, scanner, stage
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Deliveries that are final and were not listened to yet: ids after `after` up to `upto`.

    All that came before `known_until` is among what was listened to by then; None where there is more to do first.
    """

    after: int
    upto: int
    known_until: datetime | None


@transaction.atomic
def listen() -> int:
    """Hear who sent since the last time, then judge who is silent; returns how many sources fell silent now."""
    now = timezone.now()
    Listening.objects.get_or_create(pk=1, defaults={"looked_at": now, "since": now})
    row = Listening.objects.select_for_update().get(pk=1)
    span = span_after(row.upto, now)
    if now - row.looked_at > DEAF:
        row.since = now
    row.upto, row.looked_at = span.upto, now
    row.save()
    came = heard_in(span)
    sources = {source.pk: source for source in Source.objects.select_related("token")}
    for pk, heard in came.items():
        hear(sources[pk], heard)
    Source.objects.bulk_update([sources[pk] for pk in came], HEARD)
    if span.known_until:
        fall_silent(span.known_until, row.since)
    return judge(sources.values(), came, span.known_until, row.since) if span.known_until else 0


def fall_silent(known_until: datetime, since: datetime) -> None:
    """Agents that are not heard any more: what they told of is unknown from now on."""
    for agent in judge_agents(known_until, since):
        LOG.warning(
            "agent %s of %s is silent since %s", agent, agent.cluster, agent.last_heard.isoformat("T", "seconds")
        )


def span_after(after: int, now: datetime) -> Span:
    """What is final by now: up to the first delivery that is still open, or was only just accepted."""
    states = [Delivery.State.RECEIVED, Delivery.State.PROCESSING]
    first = Delivery.objects.filter(pk__gt=after, state__in=states).order_by("pk").first()
    settled = Delivery.objects.filter(received_at__lt=now - ACCEPTING).order_by("-pk").values_list("pk", flat=True)
    upto = max(after, settled.first() or 0)
    if first is not None:
        upto = min(upto, first.pk - 1)
    if upto > after + MOST:
        return Span(after, after + MOST, None)
    return Span(after, max(upto, after), first.received_at if first else now - ACCEPTING)


def heard_in(span: Span) -> dict[int, Heard]:
    """{source: what came from it}; sources that send for the first time are written down."""
    values: dict[str, Any] = {"after": span.after, "upto": span.upto, "demo": DEMO, "gap": GAP}
    with connection.cursor() as cursor:
        cursor.execute(CAME, values)
        rows = cursor.fetchall()
    known = {(row.sender, row.scanner, row.stage): row.pk for row in Source.objects.all()}
    found = {}
    for sender, scanner, stage, token, is_demo, *figures in rows:
        pk = known.get((sender, scanner, stage)) or introduce(Sender(sender, token, is_demo), scanner, stage)
        found[pk] = Heard(pk, *figures)
    return found
