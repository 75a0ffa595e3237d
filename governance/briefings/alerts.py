"""What cannot wait for the digest: known exploited where it runs, and bases that vanish or are re-pointed.

A look compares what stands with what stood at the last look. All that is new is one mail, and one message to each chat;
what comes and goes within a week is told once.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from governance.approvals.models import UpstreamAlarm
from governance.briefings.models import Alert, Briefing, Channel, Subscription
from governance.briefings.scope import RUNNING, Scope, scope_of
from governance.briefings.sections import Fact, upstream, vanished
from governance.briefings.sections.vulnerabilities import worst
from governance.briefings.write import inlined, unsubscribe_path
from governance.web.behind import rows_behind
from governance.web.templatetags.portwarden import readable

REMEMBERED = timedelta(days=7)
MOST_LINES = 20
KINDS = (UpstreamAlarm.Kind.VANISHED, UpstreamAlarm.Kind.REPOINTED)


def urgent(scope: Scope) -> list[tuple[str, Fact]]:
    """[(key, what stands now)], the worst first."""
    exploited = [
        Fact(
            one.name,
            f"{one.shown} is known to be exploited",
            scope.link("images:image_list", vulnerability=one.name, running="true"),
            " and lies in {n} running image{s}",
        )
        for one in worst(scope, RUNNING)
        if one.exploited
    ]
    found = (
        ("exploited", exploited),
        ("vanished", vanished.standing(scope)),
        ("upstream", upstream.standing(scope, KINDS)),
    )
    return [(f"{name} {fact.key}", fact) for name, facts in found for fact in facts]


type Reader = Subscription | Channel


def look(reader: Reader, now: datetime) -> Alert | None:
    """An alert where something new stands, in one transaction with what is remembered. The first only remembers."""
    scope = scope_of(reader, now)
    standing = dict(urgent(scope))
    known: dict[str, str] | None = reader.alarmed
    kept = remembered(known or {})
    reader.alarmed = {**kept, **dict.fromkeys(standing, now.date().isoformat())}
    if reader.alarmed != known:
        reader.save(update_fields=["alarmed"])
    new = [fact for key, fact in standing.items() if key not in kept]
    if known is None or not new:
        return None
    lines = [[fact.counted(rows_behind(fact.address, scope.viewer)), fact.address] for fact in new[:MOST_LINES]]
    if len(new) > MOST_LINES:
        lines[-1] = [f"and {len(new) - MOST_LINES + 1} more", reverse("digests:digest_preview")]
    return Alert.objects.create(
        subscription=reader if isinstance(reader, Subscription) else None,
        channel=reader if isinstance(reader, Channel) else None,
        made_at=now,
        recipient=reader.recipient[:254],
        subject=subject(reader, new),
        message_id=message_id(reader, now),
        lines=lines,
        **how(reader),
    )


def remembered(known: dict[str, str]) -> dict[str, str]:
    """What was seen in the week before the last look, whenever that was: nobody looks while nothing runs."""
    if not known:
        return {}
    long_ago = (date.fromisoformat(max(known.values())) - REMEMBERED).isoformat()
    return {key: day for key, day in known.items() if day >= long_ago}


def subject(reader: Reader, new: list[Fact]) -> str:
    """The worst of it in words."""
    more = f" and {len(new) - 1} more" if len(new) > 1 else ""
    return readable(f"Container images of {reader.about}: {new[0].what}{more}", 200)


def message_id(reader: Reader, now: datetime) -> str:
    """The same for every try."""
    kind = "" if isinstance(reader, Subscription) else "chat "
    word = hashlib.sha256(f"{settings.SECRET_KEY}:{kind}{reader.pk}:{now.isoformat()}".encode()).hexdigest()[:24]
    return f"<alert.{word}@{urlsplit(settings.BASE_URL).hostname or 'portwarden'}>"


def how(reader: Reader) -> dict[str, str]:
    """Whether it can be sent, and if not, why."""
    if isinstance(reader, Channel):
        return {"state": Briefing.State.WAITING}
    if not settings.SMTP_HOST:
        return {"state": Briefing.State.KEPT, "error": "no mail server is configured (SMTP_HOST)"}
    if not reader.recipient:
        return {"state": Briefing.State.KEPT, "error": "the reader has no e-mail address"}
    return {"state": Briefing.State.WAITING}


def parts(alert: Alert, reader: Subscription) -> tuple[str, str]:
    """Plain text and HTML, which say the same."""
    context: dict[str, Any] = {
        "alert": alert,
        "lines": [{"words": words, "address": settings.BASE_URL + address} for words, address in alert.lines],
        "settings": settings.BASE_URL + reverse("digests:subscription"),
        "unsubscribe": settings.BASE_URL + unsubscribe_path(reader),
    }
    return render_to_string("mail/alert.txt", context), inlined(render_to_string("mail/alert.html", context))
