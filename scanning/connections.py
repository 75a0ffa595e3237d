"""The verbs of connections to registries: add, change, remove, crawl now. Secrets go in and never come out again."""

from __future__ import annotations

import re
import ssl
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.scope import Viewer, administers
from governance.images import matching
from governance.images.models import Registry
from governance.images.reference import DOCKER_HUB, DOCKER_HUB_ALIASES
from governance.web.connections import OutboundError, tls
from governance.web.outbound import Place
from governance.web.vault import NoKey, is_current, open_sealed, seal
from scanning.hints import hint
from scanning.models import Connection, RepositoryCrawl
from scanning.models_copies import PushAccess
from scanning.registries import ADAPTERS, RegistryError, Target, find

# What is entered; all else of a connection follows from it or is kept by the crawl.
SETTINGS = (
    *("kind", "base_url", "api_url", "token_server", "namespace", "username", "ca", "is_insecure"),
    *("repositories", "tags", "team", "every_minutes", "is_enabled", "may_delete"),
)
# The credentials are for these: whoever changes one enters them again.
PLACES = ("base_url", "api_url", "token_server", "kind")
HUB = "https://registry-1.docker.io"
SERVER = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")
MOST_PATTERNS, LONGEST_CA = 500, 200_000
EVERY = (1, 7 * 24 * 60)


@transaction.atomic
def save_connection(
    viewer: Viewer | None, connection: Connection | None, said: dict[str, Any], secret: str | None = None
) -> Connection:
    """Add a connection or change one; `secret` None leaves the password as it is, "" takes it away.

    Raises `PermissionDenied`, and ValidationError by field.
    """
    only_administrators(viewer)
    if connection is not None:
        connection = Connection.objects.select_for_update().get(pk=connection.pk)
    before = describe(connection) if connection else None
    wanted = checked(said if connection is None else {**values_of(connection), **said})
    moved = connection is not None and any(getattr(connection, name) != wanted[name] for name in PLACES)
    row = connection or Connection()
    for name in SETTINGS:
        setattr(row, name, wanted[name])
    row.registry = registry_of(row)
    if moved:
        row.secret, row.secret_changed_at = None, timezone.now() if row.secret else row.secret_changed_at
    row.next_at, row.error, row.paused_until = timezone.now(), "", None
    saved(row)
    if moved:
        PushAccess.objects.filter(connection=row).update(secret=None)
    if secret is not None:
        put_secret(row, secret)
    after = describe(row) | ({"password": "changed"} if secret else {})
    audit(viewer, "registry.change" if before else "registry.create", named(row), before=before, after=after)
    transaction.on_commit(lambda: hint("crawl"))
    return row


@transaction.atomic
def remove_connection(viewer: Viewer | None, connection: Connection) -> None:
    """It is crawled no longer; all that was found stays."""
    only_administrators(viewer)
    audit(viewer, "registry.remove", named(connection), before=describe(connection))
    connection.delete()


@transaction.atomic
def crawl_now(viewer: Viewer | None, connection: Connection) -> None:
    """Put it first in line, whatever its schedule; raises `PermissionDenied`."""
    only_administrators(viewer)
    Connection.objects.filter(pk=connection.pk).update(next_at=Now(), paused_until=None)
    RepositoryCrawl.objects.filter(connection=connection).update(next_at=Now())
    audit(viewer, "registry.crawl", named(connection))
    transaction.on_commit(lambda: hint("crawl"))


def only_administrators(viewer: Viewer | None) -> None:
    """They alone say where credentials go."""
    if not administers(viewer):
        raise PermissionDenied("only administrators connect registries")


def saved(row: Connection) -> None:
    """Save it; a registry is connected once."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ValidationError({"base_url": f"{row.registry.host} is connected already."}) from error


def registry_of(row: Connection) -> Registry:
    """The registry by the host that references name."""
    return Registry.objects.get_or_create(host=host_of(row))[0]


def host_of(row: Connection) -> str:
    """How references name it."""
    host = Place.of(row.base_url).authority.lower()
    return DOCKER_HUB if host in DOCKER_HUB_ALIASES else host


def put_secret(row: Connection, secret: str) -> None:
    """Seal it for this row and address."""
    try:
        row.secret = seal(secret, about(row)) if secret else None
    except NoKey as error:
        raise ValidationError({"secret": f"{error}."}) from error
    row.secret_changed_at = timezone.now()
    row.save(update_fields=["secret", "secret_changed_at"])


def about(row: Connection) -> str:
    """What its secret is bound to."""
    return f"connection {row.pk} {row.base_url}"


def target_of(row: Connection) -> Target:
    """What a client needs. RegistryError where the secret cannot be opened."""
    try:
        secret = open_sealed(bytes(row.secret), about(row)) if row.secret else ""
    except NoKey as error:
        raise RegistryError("auth", str(error)) from error
    return with_secret(row, secret)


def tried_target(row: Connection | None, values: dict[str, Any], secret: str | None) -> Target:
    """To try settings out that are not saved. A stored password is only for the places it was entered for."""
    same = row is not None and all(getattr(row, name) == values[name] for name in PLACES)
    kept = target_of(row).secret if row is not None and same and secret is None else ""
    probe = Connection(**values)
    probe.registry = Registry(host=host_of(probe))
    return with_secret(probe, secret or kept)


def with_secret(row: Connection, secret: str) -> Target:
    """What a client is told."""
    host = row.registry.host
    trusted = (*find(row.kind).trusted(host), *((row.token_server,) if row.token_server else ()))
    return Target(host, row.base_url, row.kind, row.username, secret, row.api_url, row.namespace, trusted, row.ca)


def reseal() -> int:
    """Seal everything under the newest key; returns how many that changed. Raises `NoKey`."""
    done = 0
    for row in Connection.objects.exclude(secret=None).order_by("pk"):
        if not is_current(bytes(row.secret or b"")):
            row.secret = seal(open_sealed(bytes(row.secret or b""), about(row)), about(row))
            row.save(update_fields=["secret"])
            done += 1
    return done


def values_of(row: Connection) -> dict[str, Any]:
    """Its settings."""
    return {name: getattr(row, name) for name in SETTINGS}


def describe(row: Connection) -> dict[str, Any]:
    """Its settings for the audit trail, the password only as set or not."""
    said = {name: value for name, value in values_of(row).items() if name != "team"}
    said["ca"] = f"{row.ca.count('BEGIN CERTIFICATE')} certificates" if row.ca else ""
    return {**said, "team": row.team.name if row.team else None, "password": "set" if row.secret else "not set"}


def named(row: Connection) -> str:
    """How the audit trail names it."""
    return f"registry {row.pk} {row.registry.host}"


def checked(said: dict[str, Any]) -> dict[str, Any]:
    """All settings, in their final spelling. Raises ValidationError by field."""
    values: dict[str, Any] = {
        **dict.fromkeys(SETTINGS, ""),
        "kind": "standard",
        "team": None,
        "every_minutes": 60,
        "is_enabled": True,
        "is_insecure": False,
        "may_delete": False,
        **said,
    }
    problems: dict[str, str] = {}
    if values["kind"] not in {adapter.NAME for adapter in ADAPTERS}:
        problems["kind"] = f"The kind must be one of {', '.join(adapter.NAME for adapter in ADAPTERS)}."
    if not values["base_url"] and values["kind"] == "dockerhub":
        values["base_url"] = HUB
    for name in ("base_url", "api_url"):
        values[name], problem = checked_address(values[name], values["is_insecure"], name == "base_url")
        problems |= {name: problem} if problem else {}
    values["token_server"] = values["token_server"].strip().lower()
    if values["token_server"] and not SERVER.fullmatch(values["token_server"]):
        problems |= {"token_server": "Enter a host, or host:port, as in auth.registry.example."}
    for name in ("repositories", "tags"):
        patterns = lines(values[name])
        if len(patterns) > MOST_PATTERNS or any(len(pattern) > 255 for pattern in patterns):
            problems[name] = f"At most {MOST_PATTERNS} patterns of at most 255 characters."
        values[name] = "\n".join(patterns)
    if problem := wrong_ca(values["ca"]):
        problems["ca"] = problem
    if not EVERY[0] <= values["every_minutes"] <= EVERY[1]:
        problems["every_minutes"] = "Between a minute and a week."
    if problems:
        raise ValidationError(problems)
    return values


def checked_address(text: str, is_insecure: bool, needed: bool) -> tuple[str, str]:
    """An address without anything behind its host (and path, for an API's), and what is wrong with it."""
    text = text.strip().rstrip("/")
    if not text:
        return "", "Enter the address, as in https://registry.example." if needed else ""
    if "://" not in text:
        text = f"https://{text}"
    try:
        place = Place.of(text)
    except OutboundError as error:
        return text, f"{error}."
    parts = urlsplit(text)
    if parts.query or parts.fragment or (needed and parts.path):
        return text, "Only scheme, host and port: what stands behind them is known."
    if place.scheme == "http" and not is_insecure:
        return text, "Plain http is refused unless you allow it below: passwords and images are read on the way."
    return place.origin + parts.path.rstrip("/"), ""


def wrong_ca(text: str) -> str:
    """What is wrong with certificates in PEM."""
    if not text.strip():
        return ""
    try:
        if len(text) > LONGEST_CA or not text.isascii():
            raise ValueError("too long, or not ASCII")
        tls("", text)
    except (ssl.SSLError, ValueError) as error:
        return f"These are no certificates in PEM ({str(error)[:100]})."
    return ""


def lines(text: str) -> list[str]:
    """Patterns, one a line."""
    return [line.strip() for line in text.replace("\x00", "").splitlines() if line.strip()]


def literal_names(patterns: str) -> list[str] | None:
    """The repositories that were typed in, where no pattern needs a list to choose from."""
    wanted = [pattern for pattern in lines(patterns) if not pattern.startswith("!")]
    return wanted if wanted and not any(map(matching.has_signs, wanted)) else None


def chosen(name: str, patterns: list[str]) -> bool:
    """One of the patterns takes the name and none with `!` leaves it out; without any that takes, all are taken."""
    return matching.chosen(name, matching.read_lines(patterns, of_repositories=False), otherwise=True)
