"""Looking at bases where they come from: is the tag, or the digest, still there, and what does it name now?

By HEAD, which no registry counts as a pull. Vanished is only what was there before, and is proven not to be: a tag by
the list of tags, a digest by asking for its content. Everything else that fails is unknown.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack

from django.db import Error, connection, transaction
from django.utils import timezone

from governance.approvals.copies import current_place, want_copy
from governance.approvals.models import Watch
from governance.approvals.watch_plan import add_tags
from governance.approvals.watches import Looked, record
from governance.findings.observe import Look, record_look
from governance.images.models import Manifest, Tag
from governance.images.reference import Reference
from governance.images.tags import extend_hourly
from governance.web.fields import pack_digest
from scanning.crawl_lease import Lease, Table, claim_due, kept
from scanning.crawl_read import Reader
from scanning.failpoints import reach
from scanning.pushing import source_target
from scanning.registries import Registry, RegistryError, open_registry
from scanning.registries.dockerhub import deprecation
from scanning.stopping import is_stopping

LOG = logging.getLogger(__name__)
TABLE: Table = "approvals_watch"
TURN_SECONDS, AT_ONCE = 20.0, 4
# What "not there" may be called by registries that do not tell strangers what there is.
GONE, HIDDEN = ("missing",), ("denied", "auth")


def work(seconds: float = TURN_SECONDS, only: int | None = None) -> int:
    """Look at what is due (at one watch) for a turn; returns at how many."""
    done, until = 0, time.monotonic() + seconds
    with Hosts() as hosts:
        while time.monotonic() < until and not is_stopping():
            lease = claim_due(TABLE, AT_ONCE, only)
            if lease is None:
                break
            done += 1
            look(lease, hosts)
    return done


class Hosts:
    """The registries of a turn, each opened once; one that fails to open is not tried again in it."""

    def __init__(self) -> None:
        self.found: dict[str, Registry | RegistryError] = {}
        self.stack = ExitStack()

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def get(self, host: str) -> Registry:
        """RegistryError where it cannot be opened, or wants to be left alone."""
        if host not in self.found:
            try:
                self.found[host] = self.stack.enter_context(open_registry(source_target(host)))
            except RegistryError as error:
                self.found[host] = error
        one = self.found[host]
        if isinstance(one, RegistryError):
            raise one
        return one

    def leave(self, host: str, error: RegistryError) -> None:
        """Nobody asks it again in this turn."""
        self.found[host] = error


def look(lease: Lease, hosts: Hosts) -> None:
    """Look at one, and write down what follows."""
    row = Watch.objects.filter(pk=lease.id, lease_owner=lease.owner).first()
    if row is None:
        return
    try:
        with kept(lease):
            looked, registry = asked(row, hosts)
            reach("upstream.before_record", str(row))
            with transaction.atomic():
                held = Watch.objects.select_for_update().filter(pk=row.pk, lease_owner=lease.owner).first()
                if held is None:
                    return
                record(held, looked, timezone.now())
            reach("upstream.after_record", str(row))
            if looked.there and registry is not None:
                follow(held, registry)
    except Error as error:
        LOG.warning("watch %s: %s, left to whoever comes next", lease.id, type(error).__name__)
        connection.close()


def asked(row: Watch, hosts: Hosts) -> tuple[Looked, Registry | None]:
    """What is found of it, and the registry where it answers."""
    host, _, path = row.name.partition("/")
    try:
        registry = hosts.get(host)
        return ask(row, registry, path), registry
    except RegistryError as error:
        if error.why == "limited":
            hosts.leave(host, error)
        return Looked(why=str(error), seconds=error.seconds), None


def ask(row: Watch, registry: Registry, path: str) -> Looked:
    """RegistryError where nobody can tell."""
    wants_notice = row.looked_at is None or row.looked_at.date() != timezone.now().date()
    try:
        if not row.tag and not row.digest:
            add_tags(row, registry.tags(path).names)
            digest = ""
        else:
            digest = registry.head(path, row.tag or row.digest).digest
            digest = digest or registry.document(path, row.tag or row.digest).digest
    except RegistryError as error:
        if error.why in HIDDEN and was_known(row) and is_open(registry):
            return Looked(missing=True, why="it can no longer be seen without signing in: deleted, or made private")
        if error.why not in GONE:
            raise
        return not_there(row, registry, path)
    notice = deprecation(registry, path) if wants_notice else None
    return Looked(digest, there=True, deprecated=notice)


def is_open(registry: Registry) -> bool:
    """It lets everybody in and says no to this alone; a no to everything is a fault, or a limit. RegistryError."""
    if registry.target.secret:
        return False
    registry.ping()
    return True


def not_there(row: Watch, registry: Registry, path: str) -> Looked:
    """A 404 alone may be a slip, or mean that we may not see it."""
    if not was_known(row):
        raise RegistryError(
            "missing",
            "it is not there, and never was when we looked: check how it is written, or whether it needs a login",
        )
    if row.digest:
        try:
            registry.document(path, row.digest)
        except RegistryError as error:
            if error.why in GONE:
                return Looked(missing=True, why="the registry has no such digest any more")
            raise
        raise RegistryError("unreachable", "the registry contradicts itself about whether it is there")
    try:
        listing = registry.tags(path)
    except RegistryError as error:
        if error.why in (*GONE, *HIDDEN):
            return Looked(missing=True, why="the whole repository is gone, or hidden from us")
        raise
    if row.tag in listing.names or not listing.complete:
        raise RegistryError("unreachable", "the registry says that it is not there, and its list does not prove it")
    return Looked(missing=True, why="the registry lists no such tag any more")


def was_known(row: Watch) -> bool:
    """It was seen there before, by this watch or by whoever reported it."""
    host, _, path = row.name.partition("/")
    if row.seen_at is not None:
        return True
    if row.digest:
        return Manifest.objects.filter(digest=pack_digest(row.digest)).exists()
    tags = Tag.objects.filter(repository__registry__host=host, repository__name=path)
    return tags.filter(name=row.tag).exists() if row.tag else tags.exists()


def follow(row: Watch, registry: Registry) -> None:
    """The inventory learns what a tag names now, and an approved base is copied. Neither undoes what the look found."""
    host, _, path = row.name.partition("/")
    if not row.seen_digest:
        return
    place = current_place()
    if row.is_approved and place is not None and place.is_automatic:
        want_copy(place, row.name, row.tag, row.seen_digest)
    if not row.tag or seen_again(row):
        return
    try:
        found = Reader(registry, path, ()).look(row.tag, None)
    except RegistryError as error:
        LOG.warning("watch %s was looked at and not read: %s", row.pk, error)
        return
    if found.images and found.digest == row.seen_digest:
        with transaction.atomic():
            reference = Reference(host, path, row.tag)
            record_look(Look(reference, timezone.now(), tuple(found.images), found.index))


def seen_again(row: Watch) -> bool:
    """The inventory has it that the tag names that digest: it was seen to, once more."""
    host, _, path = row.name.partition("/")
    images = Manifest.objects.filter(digest=pack_digest(row.seen_digest)).values("image")
    tags = Tag.objects.filter(repository__registry__host=host, repository__name=path, name=row.tag, until=None)
    known = list(tags.filter(image__in=images).values_list("pk", flat=True))
    extend_hourly(known, timezone.now())
    return bool(known)
