"""The verbs of event sources: add, change the secret, switch off and on, remove, try; and storing what they send."""

from __future__ import annotations

import io
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from governance.accounts.audit import audit
from governance.accounts.scope import Viewer, administers
from governance.images.models import Registry
from governance.images.reference import parse_reference
from governance.web.vault import NoKey, open_sealed, seal
from scanning.body import receive
from scanning.deliveries import Envelope, accept
from scanning.hooks import Hook, find
from scanning.hooks.proof import CHECKS, signed
from scanning.models_hooks import WebhookSource

# How long the secret before the last change is still good.
OVERLAP = timedelta(days=7)
# `heard_at` and `refused_at` are for people; a write per event would cost more than it tells.
STEP = timedelta(seconds=10)
# Quay's events have neither an id nor a time: two pushes of one tag look the same.
ALIKE = {"quay"}
ONLY_ADMINS = "only administrators look after the sources of events"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person says of a source."""

    kind: str
    name: str
    host: str
    prefix: str = ""
    account: str = ""


@transaction.atomic
def add_source(viewer: Viewer | None, wanted: Wanted) -> tuple[WebhookSource, str]:
    """Make a source; returns it and its secret, which is shown once. Raises `PermissionDenied`, `ValidationError`."""
    if not administers(viewer):
        raise PermissionDenied(ONLY_ADMINS)
    hook = find(wanted.kind)
    if hook is None:
        raise ValidationError({"kind": "There is no such kind of source."})
    checked = _checked(wanted, hook)
    if WebhookSource.objects.filter(kind=checked.kind, name=checked.name).exists():
        raise ValidationError({"name": "There is a source of this kind and name already."})
    registry, _ = Registry.objects.get_or_create(host=checked.host)
    source = WebhookSource.objects.create(
        kind=checked.kind,
        name=checked.name,
        registry=registry,
        prefix=checked.prefix,
        account=checked.account,
        secret=b"",
    )
    secret = new_word()
    source.secret = sealed(secret, source)
    source.save(update_fields=["secret"])
    after = {"registry": checked.host, "prefix": checked.prefix, "account": checked.account}
    audit(viewer, "webhook.add", f"webhook {source.pk} {source}", after=after)
    return source, secret


def _checked(wanted: Wanted, hook: Hook) -> Wanted:
    """In canonical form. Raises `ValidationError`."""
    wrong = {}
    name = wanted.name.strip().lower()
    if not name or name != slugify(name) or len(name) > 60:
        wrong["name"] = "Use at most 60 lower-case letters, digits, hyphens and underscores: it stands in the address."
    host = hook.HOST or wanted.host.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    reference = parse_reference(f"{host}/a/b")
    if reference is None or f"{reference.name}" != f"{host}/a/b":
        wrong["host"] = "Enter the registry as references name it, for example registry.example:5000."
    prefix = wanted.prefix.strip().strip("/")
    if prefix and parse_reference(f"registry.example/{prefix}/a") is None:
        wrong["prefix"] = "This is not what the name of a repository can begin with."
    if hook.SCHEME == "google" and "@" not in wanted.account:
        wrong["account"] = "Enter the service account that the subscription signs in with (its e-mail address)."
    if wrong:
        raise ValidationError(wrong)
    account = wanted.account.strip()[:200] if hook.SCHEME == "google" else ""
    return Wanted(hook.NAME, name, host, prefix, account)


def new_word() -> str:
    """A secret of 256 random bits."""
    return secrets.token_urlsafe(32)


def sealed(secret: str, source: WebhookSource) -> bytes:
    """The secret as it is stored. Raises `ValidationError` where there is no key to seal it with."""
    try:
        return seal(secret, source.about)
    except NoKey as error:
        raise ValidationError(f"{error}.") from error


def secrets_of(source: WebhookSource) -> list[str]:
    """The secret, and the one before while it is still good. Raises `NoKey`."""
    kept = [bytes(source.secret)]
    if source.previous and source.has_two_secrets:
        kept.append(bytes(source.previous))
    return [open_sealed(one, source.about) for one in kept]


@transaction.atomic
def change_secret(viewer: Viewer | None, source: WebhookSource) -> str:
    """Give it a new secret, shown once; the one before is good for a week. Raises `PermissionDenied`."""
    if not administers(viewer):
        raise PermissionDenied(ONLY_ADMINS)
    source = WebhookSource.objects.select_for_update().get(pk=source.pk)
    secret = new_word()
    source.previous, source.previous_until = source.secret, timezone.now() + OVERLAP
    source.secret = sealed(secret, source)
    source.save(update_fields=["secret", "previous", "previous_until"])
    audit(viewer, "webhook.secret", f"webhook {source.pk} {source}")
    return secret


@transaction.atomic
def switch(viewer: Viewer | None, source: WebhookSource, on: bool) -> None:
    """Take its events, or no longer. Raises `PermissionDenied`."""
    if not administers(viewer):
        raise PermissionDenied(ONLY_ADMINS)
    if WebhookSource.objects.filter(pk=source.pk, is_enabled=not on).update(is_enabled=on):
        audit(viewer, "webhook.on" if on else "webhook.off", f"webhook {source.pk} {source}")


@transaction.atomic
def remove_source(viewer: Viewer | None, source: WebhookSource) -> None:
    """Remove it; what it sent stays among the deliveries. Raises `PermissionDenied`."""
    if not administers(viewer):
        raise PermissionDenied(ONLY_ADMINS)
    named, before = f"webhook {source.pk} {source}", {"registry": source.registry.host, "prefix": source.prefix}
    source.delete()
    audit(viewer, "webhook.remove", named, before=before)


def send_sample(viewer: Viewer | None, source: WebhookSource, reference: str) -> int:
    """Take an event about `repository[:tag]` as if the source had sent it; returns the delivery's id.

    Its proof is made and checked as for any other. Raises `PermissionDenied`, `ValidationError`, `NoKey`.
    """
    if not administers(viewer):
        raise PermissionDenied(ONLY_ADMINS)
    body, hook = sample_of(source, reference)
    if hook.SCHEME == "google":
        raise ValidationError({"reference": "Only Google can sign its events: push an image to try it."})
    secrets_now = secrets_of(source)
    if not CHECKS[hook.SCHEME](signed(hook.SCHEME, secrets_now[0], body), secrets_now):
        raise ValidationError({"reference": "The secret does not prove itself: make a new one."})
    delivery, _ = store(source, body, key=uuid.uuid4().hex)
    audit(viewer, "webhook.test", f"webhook {source.pk} {source}", after={"delivery": delivery})
    return delivery


def sample_of(source: WebhookSource, reference: str) -> tuple[bytes, Hook]:
    """An event of this kind about `repository[:tag]`, as bytes. Raises `ValidationError`."""
    hook, host = find(source.kind), source.registry.host
    found = parse_reference(f"{host}/{reference.strip().removeprefix(f'{host}/')}")
    if hook is None or found is None or found.host != host:
        raise ValidationError({"reference": f"Enter a repository in {host} and a tag, for example shop/api:1.0."})
    return json.dumps(hook.sample(host, found.repository, found.tag or "latest")).encode(), hook


def address_of(source: WebhookSource, secret: str) -> str:
    """Where its events are sent, with the secret in it where the sender can prove itself in no other way."""
    hook = find(source.kind)
    return source.address(secret if hook is not None and hook.SCHEME == "path" else "")


def store(source: WebhookSource, body: bytes, *, key: str = "") -> tuple[int, bool]:
    """Commit the event and ring; returns the delivery's id and whether it came before. Raises `Refused`."""
    packed = receive(io.BytesIO(body))
    own = key or (uuid.uuid4().hex if source.kind in ALIKE else packed.sha256.hex())
    envelope = Envelope(stage="registry", idempotency_key=own, webhook=source.pk)
    found = accept(packed, envelope)
    note(source, "heard_at")
    return found


def note(source: WebhookSource, field: str) -> None:
    """Write the time, if the last is not of just now."""
    now = timezone.now()
    long_ago = Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lt": now - STEP})
    WebhookSource.objects.filter(long_ago, pk=source.pk).update(**{field: now})
