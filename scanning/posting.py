"""Digests on their way: made when their hour comes, once for each reader and week, and sent until a server has them."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error, transaction
from django.db.models import QuerySet
from django.utils import timezone

from governance.briefings.alerts import look, parts
from governance.briefings.channels.mail import Mail, Refused, deliver
from governance.briefings.chats import tell, text_of
from governance.briefings.models import Alert, Briefing, Channel, Subscription
from governance.briefings.services import brief
from governance.briefings.write import unsubscribe_path
from scanning.failpoints import reach
from scanning.models import Outbox
from scanning.outbox import Held, Kind, work

LOG = logging.getLogger(__name__)
BRIEFING, ALERT, CHAT = "briefing", "alert", "chat"
# A digest that could not be made is tried again after this long; the others do not wait for it.
AGAIN = timedelta(minutes=10)
STATES = {
    Outbox.State.SENT: Briefing.State.SENT,
    Outbox.State.UNCONFIRMED: Briefing.State.UNCONFIRMED,
    Outbox.State.GIVEN_UP: Briefing.State.FAILED,
}


def plan(now: datetime | None = None) -> int:
    """Make every digest that is due; returns how many were made. Each is one transaction with its outbox row."""
    made = 0
    while (row := due(now or timezone.now())) is not None:
        try:
            made += make(row, now)
            reach("briefing.kept")
        except (Error, ValueError, LookupError):
            LOG.exception("the digest of subscription %s could not be made", row)
            Subscription.objects.filter(pk=row).update(next_at=timezone.now() + AGAIN)
    return made


def due(now: datetime) -> int | None:
    """The subscription that waits longest."""
    rows = Subscription.objects.filter(is_active=True, next_at__lte=now).order_by("next_at", "pk")
    return rows.values_list("pk", flat=True).first()


@transaction.atomic
def make(pk: int, now: datetime | None = None) -> int:
    """One digest, and the row that sends it; 0 where another scheduler was faster or there is none for this week."""
    now = now or timezone.now()
    rows = Subscription.objects.select_for_update(of=("self",)).select_related("person", "team")
    subscription = rows.filter(pk=pk, is_active=True, next_at__lte=now).first()
    if subscription is None:
        return 0
    briefing = brief(subscription, now)
    if briefing is not None and briefing.state == Briefing.State.WAITING:
        post(briefing)
    reach("briefing.made")
    return int(briefing is not None)


def post(briefing: Briefing) -> None:
    """Put it into the outbox; twice is once."""
    Outbox.objects.get_or_create(
        dedupe_key=f"{BRIEFING}:{briefing.pk}", defaults={"kind": BRIEFING, "payload": {"briefing": briefing.pk}}
    )


def send(held: Held) -> None:
    """Hand one digest to the mail server."""
    briefing = Briefing.objects.select_related("subscription").filter(pk=held.row.payload["briefing"]).first()
    if briefing is None or not settings.SMTP_HOST:
        raise Refused("there is nothing to send, or no mail server to send it through")
    if not briefing.subscription.is_active:
        raise Refused("the reader wants no more of these")
    deliver(mail_of(briefing), held.cross)


def mail_of(briefing: Briefing) -> Mail:
    """As a mail."""
    headers = leaving(briefing.subscription)
    parts = briefing.text, briefing.html
    return Mail(briefing.recipient, briefing.subject, *parts, briefing.message_id, briefing.composed_at, headers)


def leaving(subscription: Subscription) -> dict[str, str]:
    """The ways to end it that mail programs know (RFC 2369, RFC 8058)."""
    return {
        "List-Id": "Weekly digest <digest.portwarden>",
        "List-Unsubscribe": f"<{settings.BASE_URL}{unsubscribe_path(subscription)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def ended(row: Outbox, state: str, error: str) -> None:
    """The archive says how it went."""
    now = timezone.now()
    Briefing.objects.filter(pk=row.payload["briefing"]).update(
        state=STATES[Outbox.State(state)],
        error=error[:500],
        sent_at=now if state == Outbox.State.SENT else None,
    )


def alarm(now: datetime | None = None) -> int:
    """Look for everybody who wants to know at once; returns how many alerts were made."""
    wanted = Subscription.objects.filter(is_active=True, alerts=True).select_related("person", "team")
    made = 0
    for rows in (wanted, Channel.objects.select_related("team")):
        for pk in list(rows.order_by("pk").values_list("pk", flat=True)):
            try:
                made += alarm_one(rows, pk, now or timezone.now())
            except (Error, ValueError, LookupError):
                LOG.exception("nobody could look for %s %s", rows.model.__name__, pk)
    return made


@transaction.atomic
def alarm_one(rows: QuerySet[Subscription] | QuerySet[Channel], pk: int, now: datetime) -> int:
    """One reader or chat, and the row that sends what is new."""
    reader = rows.select_for_update(of=("self",), skip_locked=True).filter(pk=pk).first()
    alert = look(reader, now) if reader else None
    if alert is not None and alert.state == Briefing.State.WAITING:
        kind = CHAT if alert.channel_id else ALERT
        Outbox.objects.create(kind=kind, dedupe_key=f"{kind}:{alert.pk}", payload={"alert": alert.pk})
    return int(alert is not None)


def send_alert(held: Held) -> None:
    """Hand one alert to the mail server."""
    alert = Alert.objects.select_related("subscription").filter(pk=held.row.payload["alert"]).first()
    reader = alert.subscription if alert else None
    if alert is None or reader is None or not settings.SMTP_HOST or not reader.is_active:
        raise Refused("there is nobody to send it to, or no mail server to send it through")
    text, html = parts(alert, reader)
    headers = leaving(reader)
    deliver(Mail(alert.recipient, alert.subject, text, html, alert.message_id, alert.made_at, headers), held.cross)


def send_chat(held: Held) -> None:
    """Write one alert into its chat."""
    alert = Alert.objects.select_related("channel__team").filter(pk=held.row.payload["alert"]).first()
    if alert is None or alert.channel is None:
        raise Refused("the chat was removed")
    held.cross()
    tell(alert.channel, alert.subject, text_of(alert))


def alert_ended(row: Outbox, state: str, error: str) -> None:
    """How it went."""
    sent_at = timezone.now() if state == Outbox.State.SENT else None
    values = {"state": STATES[Outbox.State(state)], "error": error[:500], "sent_at": sent_at}
    Alert.objects.filter(pk=row.payload["alert"]).update(**values)


KINDS = {BRIEFING: Kind(send, ended), ALERT: Kind(send_alert, alert_ended), CHAT: Kind(send_chat, alert_ended)}


def carry_out() -> int:
    """Send what waits."""
    return work(KINDS)


def prune() -> None:
    """Drop digests that are older than the archive keeps."""
    before = timezone.now() - timedelta(weeks=settings.DIGEST_WEEKS)
    for pk in Briefing.objects.filter(slot__lt=before).order_by("pk").values_list("pk", flat=True)[:1000]:
        Briefing.objects.filter(pk=pk).delete()
    Alert.objects.filter(made_at__lt=before).delete()
