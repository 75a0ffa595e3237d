"""The verbs of subscriptions: take, change, end; and what a digest would say now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import available_timezones

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.models import Team, User
from governance.accounts.scope import administers
from governance.briefings.compose import compose
from governance.briefings.models import Briefing, Subscription
from governance.briefings.slots import latest_slot, next_slot, week_of
from governance.briefings.write import context_of


@dataclass(frozen=True, slots=True)
class Wish:
    """When a reader wants it, and what is sent in a week in which nothing changed."""

    weekday: int = 0
    hour: int = 8
    timezone: str = "UTC"
    when_quiet: str = Subscription.Quiet.SILENCE
    alerts: bool = True
    is_active: bool = True

    def check(self) -> None:
        """Raise `ValidationError` for what no clock or reader knows."""
        wrong = {}
        if self.weekday not in range(7):
            wrong["weekday"] = "A weekday is 0 (Monday) to 6."
        if self.hour not in range(24):
            wrong["hour"] = "An hour is 0 to 23."
        if self.timezone not in available_timezones():
            wrong["timezone"] = "This timezone is not in the tz database: Europe/Berlin is one."
        if self.when_quiet not in Subscription.Quiet.values:
            wrong["when_quiet"] = "That is no choice."
        if wrong:
            raise ValidationError(wrong)


@transaction.atomic
def subscribe(viewer: User, wish: Wish) -> Subscription:
    """One's own digest, made or changed."""
    wish.check()
    if wish.is_active and not viewer.email:
        raise ValidationError("Your account has no e-mail address: ask an administrator to enter one.")
    row = Subscription.objects.select_for_update(of=("self",)).filter(person=viewer).first()
    return put(viewer, row or Subscription(person=viewer), wish)


@transaction.atomic
def subscribe_address(viewer: User, address: str, team: Team | None, wish: Wish) -> Subscription:
    """A team's mailbox, or without a team that of those who look after everything."""
    if not administers(viewer, team):
        raise PermissionDenied("only administrators, and a team's own for its mailbox, subscribe an address")
    wish.check()
    row = Subscription.objects.select_for_update(of=("self",)).filter(address__iexact=address, team=team).first()
    return put(viewer, row or Subscription(address=address, team=team), wish)


def put(viewer: User, row: Subscription, wish: Wish) -> Subscription:
    """Store the wish; slots that passed before it are nobody's."""
    now = timezone.now()
    before = None if row.pk is None else said(row)
    for name in ("weekday", "hour", "timezone", "when_quiet", "alerts", "is_active"):
        setattr(row, name, getattr(wish, name))
    if before == said(row):
        return row
    row.starts_at, row.next_at = now, next_slot(now, row.weekday, row.hour, row.zone)
    row.unsubscribed_at = None if wish.is_active else row.unsubscribed_at or now
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ValidationError({"address": "This address has the digest already."}) from error
    audit(viewer, "digest.subscribe", named(row), team=row.team_id, before=before, after=said(row))
    return row


def said(row: Subscription) -> dict[str, object]:
    """What was wished, for the audit trail."""
    names = ("weekday", "hour", "timezone", "when_quiet", "alerts", "is_active")
    return {name: getattr(row, name) for name in names}


def named(row: Subscription) -> str:
    """How the audit trail names it."""
    return f"digest of {row} ({row.about})"


@transaction.atomic
def unsubscribe(row: Subscription, viewer: User | None = None) -> bool:
    """No more of it; by a link in the mail (`viewer` None) or by somebody who may. False where it was so already."""
    if viewer is not None and not row.may_change(viewer):
        raise PermissionDenied("this digest is another's")
    changed = Subscription.objects.filter(pk=row.pk, is_active=True).update(
        is_active=False, unsubscribed_at=timezone.now()
    )
    if changed:
        by = "" if viewer else "by the link in a mail"
        audit(viewer, "digest.unsubscribe", named(row), team=row.team_id, reason=by)
    return bool(changed)


def brief(subscription: Subscription, now: datetime) -> Briefing | None:
    """The digest that is due now, if it is; and the subscription waits for its next slot. In one transaction.

    Where nobody was there at the slot, however many weeks ago that was, there is one digest, about all that time.
    """
    slot = latest_slot(now, subscription.weekday, subscription.hour, subscription.zone)
    briefing = compose(subscription, slot, now) if slot >= subscription.starts_at else None
    subscription.next_at = next_slot(now, subscription.weekday, subscription.hour, subscription.zone)
    subscription.save(update_fields=["next_at"])
    return briefing


def preview(subscription: Subscription) -> tuple[Briefing | None, dict[str, object]]:
    """What the digest would say now, and what its mail is made of; nothing of it is stored."""
    with transaction.atomic():
        now = timezone.now()
        if subscription.pk is None:
            subscription.starts_at = subscription.next_at = now
            subscription.save()
        # A slot of its own, so that this week's digest, if it was made already, is what this one compares with.
        subscription.briefings.filter(week=week_of(now, subscription.zone)).update(week=date.min, message_id="")
        briefing = compose(subscription, now, now)
        lines = list(briefing.lines.filter(is_folded=False).order_by("place")) if briefing else []
        context = context_of(briefing, subscription, lines) if briefing else {}
        transaction.set_rollback(True)
    return briefing, context
