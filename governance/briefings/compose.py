"""Writing a digest: what stands now, without what the reader was told before; worst first, at most twenty lines."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from governance.briefings.models import Briefing, Line, Subscription
from governance.briefings.scope import Scope, scope_of
from governance.briefings.sections import SECTIONS, Fact, Section
from governance.briefings.slots import week_of
from governance.briefings.write import write
from governance.web.behind import rows_behind
from governance.web.templatetags.portwarden import readable

MOST_LINES = 20
# Folded lines that the archive keeps; their number in the mail is that of those kept.
MOST_FOLDED = 2_000
GONE = "gone"
# (words, what the list of images is narrowed by): the five numbers at the top.
NUMBERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("images that run or are current", {}),
    ("with a known exploited vulnerability", {"exploited": "true"}),
    ("with a critical vulnerability", {"severity": "critical"}),
    ("where a fix is known", {"fixable": "true"}),
    ("not scanned, or not lately", {"state": ["unknown", "failed", "stale", "unsupported"]}),
)


@dataclass(slots=True)
class News:
    """What one section has to tell: lines that are new, and things that ended."""

    section: Section
    lines: list[Fact]
    ended: list[str]
    shown: int = 0


@dataclass(slots=True)
class Told:
    """What the reader was told before: nothing in the first digest."""

    at: datetime | None = None
    seen: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


@transaction.atomic
def compose(subscription: Subscription, slot: datetime, now: datetime) -> Briefing | None:
    """The digest of the slot's week with its lines; None where that week has one already.

    Runs in the transaction that makes the week's row: of two schedulers one waits here and then finds it there.
    """
    week = week_of(slot, subscription.zone)
    scope, told = scope_of(subscription, now), told_before(subscription, slot)
    briefing, is_new = Briefing.objects.get_or_create(
        subscription=subscription,
        week=week,
        defaults={
            "slot": slot,
            "composed_at": now,
            "since": told.at,
            "state": Briefing.State.WAITING,
            "recipient": subscription.recipient,
            "message_id": message_id(subscription, week.isoformat()),
            "numbers": numbers(scope, told),
        },
    )
    if not is_new:
        return None
    seen, news = changes(scope, told)
    briefing.seen = seen
    lines = lines_of(briefing, scope, news)
    Line.objects.bulk_create(lines)
    briefing.changes = len([line for line in lines if not leads_on(line)])
    settle_state(briefing, subscription, lines)
    write(briefing, subscription, [line for line in lines if not line.is_folded])
    briefing.save()
    return briefing


def told_before(subscription: Subscription, slot: datetime) -> Told:
    """The last digest that the reader has. One that may not have arrived does not count: its news are told again."""
    last = subscription.briefings.filter(slot__lt=slot, state__in=Briefing.TOLD).order_by("-slot").first()
    if last is None:
        return Told()
    return Told(last.composed_at, last.seen, {row[0]: row[1] for row in last.numbers})


def message_id(subscription: Subscription, week: str) -> str:
    """The same for every try: whoever gets a mail twice can fold it (RFC 5322, 3.6.4)."""
    word = hashlib.sha256(f"{settings.SECRET_KEY}:{subscription.pk}:{week}".encode()).hexdigest()[:24]
    return f"<digest.{week}.{word}@{urlsplit(settings.BASE_URL).hostname or 'portwarden'}>"


def numbers(scope: Scope, told: Told) -> list[list[Any]]:
    """[[words, number, per cent of the images, number before or None, address]]."""
    rows: list[list[Any]] = []
    for words, query in NUMBERS:
        address = scope.link("images:image_list", live="true", **query)
        amount = rows_behind(address, scope.viewer)
        whole = rows[0][1] if rows else amount
        rows.append([words, amount, 100 * amount // whole if whole else 0, told.numbers.get(words), address])
    return rows


def changes(scope: Scope, told: Told) -> tuple[dict[str, list[str]], list[News]]:
    """What stands now by section, and what of it is new, or ended."""
    seen, news, alive = {}, [], set()
    for one in SECTIONS:
        facts = one.standing(scope)
        seen[one.NAME] = [fact.key for fact in facts]
        alive |= {fact.key for fact in facts} if one.ENDED else set()
        known = set(told.seen.get(one.NAME, ()))
        new = [fact for fact in facts if fact.key not in known]
        news.append(News(one, list(one.tell(new, scope)), sorted(known) if one.ENDED else []))
    for found in news:
        # What became worse did not end: it stands in another section now.
        found.ended = [key for key in found.ended if key not in alive]
    return seen, [found for found in news if found.lines or found.ended]


def lines_of(briefing: Briefing, scope: Scope, news: Sequence[News]) -> list[Line]:
    """The lines in their order; what has no room is folded behind a line that says how many."""
    share_room(news)
    lines: list[Line] = []
    for found in news:
        for place, fact in enumerate(found.lines[: found.shown + MOST_FOLDED]):
            amount = rows_behind(fact.address, scope.viewer) if place < found.shown else None
            lines.append(new_line(briefing, lines, found.section.NAME, fact, amount))
        folded = [line for line in lines if line.section == found.section.NAME and line.is_folded]
        if folded:
            rest = Fact("", "", own_list(briefing, section=found.section.NAME, folded="true"), found.section.MORE)
            lines.append(new_line(briefing, lines, rest_of(found.section.NAME), rest, len(folded)))
    for found in news:
        if found.ended:
            for key in found.ended[:MOST_FOLDED]:
                gone = Fact(key, f"{readable(key, 60)} is gone", scope.link("images:image_list", vulnerability=key))
                lines.append(new_line(briefing, lines, f"{GONE}-{found.section.NAME}", gone, None))
            amount = len(found.ended[:MOST_FOLDED])
            rest = Fact("", "", own_list(briefing, section=f"{GONE}-{found.section.NAME}"), found.section.ENDED)
            lines.append(new_line(briefing, lines, GONE, rest, amount))
    return lines


def share_room(news: Sequence[News]) -> None:
    """How many lines each section shows: the worst as many as fit while every other keeps one."""
    room = MOST_LINES - sum(1 for found in news if found.ended) - sum(1 for found in news if found.lines)
    for found in news:
        if not found.lines:
            continue
        mine = 1 + room
        # Where not all fit, the last of its lines says how many more there are.
        found.shown = len(found.lines) if len(found.lines) <= mine else mine - 1
        room = mine - min(len(found.lines), mine)


def new_line(briefing: Briefing, lines: Sequence[Line], section: str, fact: Fact, amount: int | None) -> Line:
    """One line; those without a number are folded."""
    return Line(
        briefing=briefing,
        place=len(lines),
        section=section,
        words=(fact.what if amount is None else fact.counted(amount))[:500],
        address=fact.address,
        amount=amount,
        is_folded=amount is None,
    )


def rest_of(name: str) -> str:
    """The section of the line that leads to a section's folded ones."""
    return f"more-{name}"


def leads_on(line: Line) -> bool:
    """It says nothing new itself but leads to what does."""
    return line.section == GONE or line.section.startswith("more-")


def own_list(briefing: Briefing, **query: str) -> str:
    """The digest's own list."""
    return f"{reverse('digests:digest_detail', args=[briefing.pk])}?{'&'.join(f'{k}={v}' for k, v in query.items())}"


def settle_state(briefing: Briefing, subscription: Subscription, lines: Sequence[Line]) -> None:
    """Whether it is sent at all, and if not, why."""
    if not lines and subscription.when_quiet == Subscription.Quiet.SILENCE:
        briefing.state = Briefing.State.QUIET
    elif not settings.SMTP_HOST:
        briefing.state, briefing.error = Briefing.State.KEPT, "no mail server is configured (SMTP_HOST)"
    elif not briefing.recipient:
        briefing.state, briefing.error = Briefing.State.KEPT, "the reader has no e-mail address"
