"""An image's life in one list: everything that happened to it in any place, and everything that was decided.

What makes it up is in `timeline_sql.py`, what it says in `timeline_words.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from governance.accounts.scope import Viewer, teams_of
from governance.images.models import Image
from governance.overview import timeline_words as words
from governance.overview.timeline_entries import entries_about
from governance.overview.timeline_sql import TIMELINE
from governance.overview.timeline_words import Link, Said
from governance.web.keyset import decode, encode

SIZE = 50
PLACES = {"ci": "CI", "registry": "Registry", "runtime": "Runtime", "decisions": "Decisions"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entry: its name, how it is said, and whether somebody, or a rule, decided it."""

    words: str
    say: Callable[[int, int, Mapping[str, Any]], Said]
    is_decision: bool = False


KINDS = {
    "built": Kind("Built", words.built),
    "scanned": Kind("Scanned", words.scanned),
    "rescanned": Kind("Rescanned", words.scanned),
    "scan_failed": Kind("Scan failed", words.scanned),
    "gate": Kind("Gate", words.gated, True),
    "pushed": Kind("Pushed", words.pushed),
    "tagged": Kind("Tagged", words.tagged),
    "superseded": Kind("Superseded", words.untagged),
    "repointed": Kind("Superseded", words.noted("repointed")),
    "vanished": Kind("Tag vanished", words.untagged),
    "gone": Kind("Vanished", words.noted("gone")),
    "deleted": Kind("Deleted", words.deleted),
    "copied": Kind("Own copy", words.noted("copied")),
    "admission": Kind("Admission", words.gated, True),
    "deployed": Kind("Deployed", words.ran("runs it, the first there")),
    "running": Kind("Running", words.ran("runs it")),
    "stopped": Kind("Stopped", words.ran("runs it no more")),
    "new_cve": Kind("New critical", words.arrived),
    "exploited": Kind("Known exploited", words.exploited),
    "judged": Kind("Verdict changed", words.noted("judged"), True),
    "base_approved": Kind("Base approved", words.listed("good"), True),
    "base_deprecated": Kind("Base deprecated", words.listed("warn"), True),
    "base_sunset": Kind("Base sunset", words.listed("bad"), True),
    "base_banned": Kind("Base banned", words.listed("bad"), True),
    "base_gone": Kind("Base vanished", words.of_base("bad")),
    "base_moved": Kind("Base moved on", words.of_base("warn")),
    "base_ended": Kind("Base past its end of life", words.of_base("bad")),
    "base_old": Kind("Base deprecated upstream", words.of_base("warn")),
    "upstream": Kind("Base upstream", words.of_base("")),
    "exemption_requested": Kind("Exemption requested", words.exempted("is to be exempted until {until}"), True),
    "exempted": Kind("Exemption granted", words.exempted("exempted until {until}"), True),
    "exemption_declined": Kind("Exemption refused", words.exempted("not exempted"), True),
    "exemption_revoked": Kind("Exemption revoked", words.exempted("exempted no more", "warn"), True),
    "exemption_expired": Kind("Exemption expired", words.exempted("counts again: its exemption ended", "warn"), True),
    "owned": Kind("Owner changed", words.noted("owned"), True),
    "based": Kind("Base stated", words.noted("based"), True),
    "corrected": Kind("Identity corrected", words.noted("corrected"), True),
    "merged": Kind("Records merged", words.noted("merged")),
}
DECISIONS = sorted(name for name, kind in KINDS.items() if kind.is_decision)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `place` is ci, registry, runtime or nothing; `id` is unique within its kind."""

    at: datetime
    kind: str
    place: str
    id: int
    said: Said

    @property
    def words(self) -> str:
        """Its kind for people."""
        return KINDS[self.kind].words

    @property
    def text(self) -> str:
        """One sentence, without its kind."""
        return self.said.text

    @property
    def links(self) -> tuple[Link, ...]:
        """Its evidence."""
        return self.said.links

    @property
    def is_decision(self) -> bool:
        """Somebody, or a rule, decided it."""
        return KINDS[self.kind].is_decision


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be shown; `place` is one of `PLACES`, `after` the cursor of a page before."""

    place: str = ""
    kinds: tuple[str, ...] = ()
    page: int = 1
    after: str = ""
    size: int = SIZE


@dataclass(slots=True)
class Timeline:
    """A page of entries, the newest first, and how many there are of each kind and in each place, whatever is asked."""

    entries: list[Entry]
    counts: dict[tuple[str, str], int]
    wish: Wish
    more: bool = False
    places: dict[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> int:
        """All there are."""
        return sum(self.counts.values())

    @property
    def total(self) -> int:
        """All that fit what is asked."""
        kinds = self.wish.kinds
        return sum(
            number
            for (kind, place), number in self.counts.items()
            if (not kinds or kind in kinds) and _is_at(kind, place, self.wish.place)
        )

    @property
    def next(self) -> str | None:
        """The cursor of the page after this."""
        last = self.entries[-1] if self.entries and self.more else None
        return encode([last.at, last.kind, last.id], False) if last else None

    def at(self, wanted: str) -> int:
        """How many there are at a place."""
        return sum(number for (kind, place), number in self.counts.items() if _is_at(kind, place, wanted))

    def kinds_at(self, wanted: str) -> list[tuple[str, str, int]]:
        """[(kind, words, how many)] at a place, those that occur."""
        found = dict.fromkeys(KINDS, 0)
        for (kind, place), number in self.counts.items():
            found[kind] += number if _is_at(kind, place, wanted) else 0
        return [(kind, KINDS[kind].words, number) for kind, number in found.items() if number]


def _is_at(kind: str, place: str, wanted: str) -> bool:
    return wanted in ("", place) or (wanted == "decisions" and KINDS[kind].is_decision)


def timeline_of(image: Image, viewer: Viewer, wish: Wish | None = None) -> Timeline:
    """A page of what happened to an image that the viewer sees, in two statements.

    What others did is there (their clusters run it, a base is another team's), links lead only where the viewer may go.
    Raises ValidationError for a cursor that is none.
    """
    wish = wish or Wish()
    teams = teams_of(viewer)
    at, kind, pk = decode(wish.after, 3)[1] if wish.after else (None, "", 0)
    about = entries_about(image)
    values: dict[str, Any] = {
        "image": image.pk,
        "finding_set": image.finding_set_id,
        "repository": image.repository_id,
        "all": teams is None,
        "teams": sorted(teams or ()),
        "today": timezone.now().date(),
        "entries": [*about.own, *about.base],
        "own_entries": about.own,
        "place": wish.place,
        "kinds": list(wish.kinds),
        "decisions": DECISIONS,
        "at": at,
        "kind": kind,
        "id": pk,
        "limit": wish.size + 1,
        "offset": (wish.page - 1) * wish.size if not wish.after else 0,
    }
    with connection.cursor() as cursor:
        cursor.execute(TIMELINE, values)
        rows = cursor.fetchall()
    counts = {(one, place): number for one, place, number in json.loads(rows[0][0] or "[]")}
    entries = [
        Entry(when, kind, place, number, KINDS[kind].say(image.pk, number, json.loads(told)))
        for _, when, kind, place, number, told in rows
        if when is not None
    ]
    return Timeline(entries[: wish.size], counts, wish, len(entries) > wish.size)
