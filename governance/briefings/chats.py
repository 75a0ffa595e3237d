"""The verbs of chats: add, try, remove; and sending one an alert."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.models import Team
from governance.accounts.scope import Viewer, administers
from governance.briefings.channels.chat import deliver, look
from governance.briefings.channels.mail import Refused, TryLater, Unknown
from governance.briefings.models import Alert, Channel
from governance.web.templatetags.portwarden import readable, sentence
from governance.web.vault import NoKey, is_current, open_sealed, seal

LONGEST = 2_000
ONLY_ITS_OWN = "only administrators, and a team's own for its chats, look after them"


def add_channel(viewer: Viewer | None, team: Team | None, name: str, address: str) -> Channel:
    """A chat that gets alerts from now on. Its address is a secret: nobody is shown it again."""
    if not administers(viewer, team):
        raise PermissionDenied(ONLY_ITS_OWN)
    name, address = readable(name, 60).strip(), address.strip()
    if not name:
        raise ValidationError({"name": "Call it what people call the chat: #shop-alerts."})
    if not address or len(address) > LONGEST or not address.isprintable():
        raise ValidationError({"address": f"An address is at most {LONGEST:,} readable characters."})
    try:
        service = look(address)
    except (Refused, Unknown) as error:
        raise ValidationError({"address": sentence(str(error))}) from error
    return stored(viewer, Channel(team=team, name=name, service=service.name, host=service.host[:255]), address)


@transaction.atomic
def stored(viewer: Viewer | None, channel: Channel, address: str) -> Channel:
    """With its address sealed."""
    try:
        with transaction.atomic():
            channel.address = b""
            channel.save()
        channel.address = seal(address, channel.bound)
    except IntegrityError as error:
        raise ValidationError({"name": "There is a chat of this name already."}) from error
    except NoKey as error:
        raise ValidationError(f"{error}.") from error
    channel.save(update_fields=["address"])
    after = {"service": channel.service, "host": channel.host}
    audit(viewer, "chat.add", named(channel), team=channel.team_id, after=after)
    return channel


@transaction.atomic
def remove_channel(viewer: Viewer | None, channel: Channel) -> None:
    """No more alerts for it, and its address is forgotten."""
    may_change(viewer, channel)
    audit(viewer, "chat.remove", named(channel), team=channel.team_id, before={"service": channel.service})
    channel.delete()


def try_channel(viewer: Viewer | None, channel: Channel) -> str:
    """Send it a test message; returns what went wrong, or nothing."""
    may_change(viewer, channel)
    audit(viewer, "chat.try", named(channel), team=channel.team_id)
    text = f"This is a test. Alerts about the container images of {channel.about} will come here.\n{settings.BASE_URL}/"
    try:
        tell(channel, "Portwarden can write here", text)
    except (Refused, TryLater, Unknown) as error:
        return str(error)
    return ""


def may_change(viewer: Viewer | None, channel: Channel) -> None:
    """Raise `PermissionDenied`."""
    if not administers(viewer, channel.team):
        raise PermissionDenied(ONLY_ITS_OWN)


def tell(channel: Channel, title: str, text: str) -> None:
    """Send it a message, and note on the chat how that went. Raises as `channels.chat`."""
    try:
        deliver(open_sealed(bytes(channel.address), channel.bound), title, text)
    except (Refused, TryLater, Unknown) as error:
        note(channel, str(error))
        raise
    except NoKey as error:
        note(channel, str(error))
        raise Refused(str(error)) from error
    note(channel, "")


def note(channel: Channel, error: str) -> None:
    """For its page."""
    channel.tried_at, channel.error = timezone.now(), error[:500]
    Channel.objects.filter(pk=channel.pk).update(tried_at=channel.tried_at, error=channel.error)


def text_of(alert: Alert) -> str:
    """An alert as a chat shows it."""
    return "\n".join(f"• {words}\n{settings.BASE_URL}{address}" for words, address in alert.lines)


def named(channel: Channel) -> str:
    """How the audit trail names it."""
    return f"chat {channel.pk} {channel.name} ({channel.about})"


def reseal_chats() -> int:
    """Seal every address with the newest key; returns how many were changed. Raises `NoKey`."""
    changed = 0
    for channel in Channel.objects.order_by("pk"):
        if not is_current(bytes(channel.address)):
            sealed = seal(open_sealed(bytes(channel.address), channel.bound), channel.bound)
            changed += Channel.objects.filter(pk=channel.pk).update(address=sealed)
    return changed
