"""Keep the feeds fresh: look for a newer copy, read it, and only then let it take the place of the last good one."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO

import zstandard
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from governance.findings import enrichment, life
from governance.findings.osv import store as osv_store
from governance.images.clean import clean_text
from governance.web.outbound import Answer, Client, Limits, OutboundError
from scanning.feeds import FEEDS, Feed, FeedError, Reading, find, osv
from scanning.models import FeedBody, FeedState

LOG = logging.getLogger(__name__)
# What becomes of a feed's rows.
STORES: dict[str, Callable[[Reading], None]] = {
    "epss": lambda found: enrichment.store_scores(found.rows, found.date, found.version),
    "kev": lambda found: enrichment.store_exploits(found.rows, found.date, found.version),
    "endoflife": lambda found: life.store_lives(found.rows),
}
# The same for what is too much for one transaction: it carries on where it was when it is begun again.
LOADS: dict[str, Callable[[Reading], object]] = {
    feed.NAME: lambda found: osv_store.load(found.rows) for feed in osv.FEEDS
}
# Told that the copy in use is still the newest.
CONFIRMS: dict[str, Callable[[], None]] = {feed.NAME: partial(osv_store.confirm, feed.ecosystem) for feed in osv.FEEDS}
# After a failure: soon again, and not so soon that a server minds.
RETRY = timedelta(minutes=30)
# How long one look may take before another process takes over.
BUSY = timedelta(minutes=10)
BUILT_IN = "built in"
IN_MEMORY = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that came, and what its server said of it."""

    body: IO[bytes]
    source: str
    etag: str = ""
    last_modified: str = ""


def wanted_feeds() -> list[Feed]:
    """Without those that nobody misses where they are off."""
    return [feed for feed in FEEDS if not feed.OPTIONAL or settings.FEEDS[feed.NAME] != "off"]


def state_of(feed: Feed) -> FeedState:
    """Its row, made where there is none."""
    return FeedState.objects.get_or_create(name=feed.NAME)[0]


def refresh_due() -> None:
    """Look after the feed that is due; one at a turn, because a slow server may take as long as a task may."""
    wanted = wanted_feeds()
    for feed in wanted:
        start_with_built_in(feed)
    due = [feed for feed in wanted if is_due(feed, state_of(feed))]
    if due:
        refresh(min(due, key=lambda feed: (not state_of(feed).is_wanted, FEEDS.index(feed))))


def is_due(feed: Feed, state: FeedState) -> bool:
    """Asked for by a person, or longer ago than it should be."""
    if state.is_wanted or state.tried_at is None:
        return True
    # A process that died while it was at it left its mark.
    unfinished = state.error or state.busy_until
    return timezone.now() - state.tried_at >= (RETRY if unfinished else feed.EVERY)


def start_with_built_in(feed: Feed) -> None:
    """The copy that ships with Portwarden, where there is no other yet."""
    if feed.BUILT_IN is not None and state_of(feed).fetched_at is None:
        with feed.BUILT_IN.open("rb") as body:
            take(feed, Copy(body, BUILT_IN))


def refresh(feed: Feed) -> str:
    """Look for a newer copy, unless another process is at it; returns what went wrong, in a sentence, or nothing."""
    now = timezone.now()
    free = Q(busy_until__isnull=True) | Q(busy_until__lt=now)
    rows = FeedState.objects.filter(pk=state_of(feed).pk)
    if not rows.filter(free).update(busy_until=now + BUSY, tried_at=now, is_wanted=False):
        return "another process is at it"
    error = ""
    try:
        if settings.FEEDS[feed.NAME] != "off":
            look(feed, rows.get())
            rows.update(checked_at=timezone.now())
            if feed.NAME in CONFIRMS:
                CONFIRMS[feed.NAME]()
    except (FeedError, OutboundError, OSError) as trouble:
        error = clean_text(str(trouble), 500)
    except DatabaseError as trouble:
        LOG.warning("feed %s: %s", feed.NAME, type(trouble).__name__)
        error = f"the database could not take it ({type(trouble).__name__}): it is tried again"
    rows.update(error=error, busy_until=None)
    return error


def look(feed: Feed, state: FeedState) -> None:
    """Fetch a copy if there is a newer one, and take it."""
    source = settings.FEEDS[feed.NAME]
    if source.startswith("/"):
        with Path(source).open("rb") as file:
            take_file(feed, file, source)
        return
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        if (answer := download(feed, state, source, body)) is not None:
            said = answer.headers
            take(feed, Copy(body, source, said.get("etag", "")[:300], said.get("last-modified", "")[:100]))


def download(feed: Feed, state: FeedState, source: str, body: IO[bytes]) -> Answer | None:
    """Write the newer copy to `body`; None where the server says that there is none."""
    headers = {}
    if state.source == source:
        # A validator holds for the address that gave it.
        headers = {"If-None-Match": state.etag, "If-Modified-Since": state.last_modified}
    limits = Limits(connect=10, read=30, whole=240, body=feed.LIMIT)
    with Client(limits=limits) as client:
        sent = {name: value for name, value in headers.items() if value}
        with client.stream("GET", source, headers=sent, follow=3) as answer:
            if answer.status == 304 and sent:
                return None
            if answer.status != 200:
                raise FeedError(f"{source} answers with status {answer.status}: check the address of the feed")
            body.writelines(answer.chunks())
            return answer


def take_file(feed: Feed, file: IO[bytes], source: str, force: bool = False) -> int:
    """Take a copy from a file or a pipe, within the feed's limit."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        while chunk := file.read(2**20):
            body.write(chunk)
            if body.tell() > feed.LIMIT:
                raise FeedError(f"{source} has more than {feed.LIMIT:,} bytes: is it a file of {feed.NAME}?")
        return take(feed, Copy(body, source), force)


def take(feed: Feed, copy: Copy, force: bool = False) -> int:
    """Read a copy and let it take the place of the last one; returns its rows. FeedError, and nothing changes.

    `force` takes one that is older or has lost more rows than is likely, too.
    """
    digest = sha256(copy.body)
    state = state_of(feed)
    if state.body_sha256 is not None and bytes(state.body_sha256) == digest:
        return state.rows
    copy.body.seek(0)
    found = feed.read(copy.body)
    if not force:
        check_against(feed, state, found)
    if feed.NAME in LOADS:
        LOADS[feed.NAME](found)
    with transaction.atomic():
        if feed.NAME in STORES:
            STORES[feed.NAME](found)
        state = FeedState.objects.select_for_update().get(pk=state.pk)
        state.source, state.etag, state.last_modified = copy.source[:500], copy.etag, copy.last_modified
        state.body_sha256, state.feed_date, state.version = digest, found.date, found.version
        state.rows, state.fetched_at, state.error = len(found.rows), timezone.now(), ""
        state.save()
        if feed.KEEP:
            keep(state, copy.body)
    return state.rows


def sha256(body: IO[bytes]) -> bytes:
    """The hash of all of a file."""
    body.seek(0)
    digest = hashlib.sha256()
    while chunk := body.read(2**20):
        digest.update(chunk)
    return digest.digest()


def check_against(feed: Feed, state: FeedState, found: Reading) -> None:
    """Refuse what a broken mirror or a cut-off file would look like."""
    how = "`manage.py feeds NAME --file PATH --force` takes it all the same"
    if len(found.rows) < state.rows * (100 - feed.SHRINK) / 100 and state.source != BUILT_IN:
        raise FeedError(f"it has {len(found.rows)} rows where the last copy had {state.rows}; {how}")
    if found.date and state.feed_date and found.date < state.feed_date:
        raise FeedError(f"it is of {found.date:%Y-%m-%d}, older than the copy of {state.feed_date:%Y-%m-%d}; {how}")


def keep(state: FeedState, body: IO[bytes]) -> None:
    """Keep the copy as it came."""
    body.seek(0)
    packed = zstandard.ZstdCompressor(level=3).compress(body.read())
    FeedBody.objects.update_or_create(state=state, defaults={"data": packed})


def want(name: str) -> None:
    """A person wants a look now: the next turn of the periodic task sees to it. KeyError: no such feed."""
    FeedState.objects.filter(pk=state_of(find(name)).pk).update(is_wanted=True)
