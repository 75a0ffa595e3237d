"""What pages show of upstream and copies: looks of states, an entry's versions upstream with their copies, progress."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef
from django.db.models.functions import JSONObject
from django.utils import timezone

from governance.approvals.copies import copies_of, is_stale, names
from governance.approvals.models import ApprovedBase, KeptCopy, UpstreamAlarm, Watch

# The looks of states, by the classes that states have.
WATCH_LOOKS = {"fine": "pass", "deprecated": "warn", "ended": "warn", "vanished": "failed", "unknown": "unknown"}
COPY_LOOKS = {"kept": "pass", "copying": "running", "missing": "failed", "differs": "failed", "failed": "failed"}
ALARM_LOOKS = {"vanished": "failed", "repointed": "warn", "deprecated": "warn", "ended": "warn"}


@dataclass(frozen=True, slots=True)
class ShownCopy:
    """A copy as pages show it; `percent` is None unless something is being carried."""

    row: KeptCopy
    look: str
    label: str
    is_stale: bool
    percent: int | None
    is_live: bool

    @property
    def line(self) -> str:
        """What to write into a Dockerfile."""
        return f"FROM {self.row.internal}"


def shown_copy(row: KeptCopy, at: datetime) -> ShownCopy:
    """As it stands."""
    carries = row.job in (KeptCopy.Job.COPY, KeptCopy.Job.RESTORE)
    is_open = carries and (row.state in ("waiting", "copying") or row.job == KeptCopy.Job.RESTORE or row.next_at <= at)
    percent = min(100 * row.done // row.total, 100) if carries and row.total else None
    stale = is_stale(row, at)
    label = "Being put back" if row.job == KeptCopy.Job.RESTORE else str(row.get_state_display())
    label = "Not looked at for days" if stale else label
    look = "stale" if stale else COPY_LOOKS.get(row.state, "open")
    return ShownCopy(row, look, label, stale, percent, is_open)


@dataclass(slots=True)
class Version:
    """A tag or digest of an entry as it is upstream, with the copy of what it names."""

    tag: str
    digest: str
    watch: Watch | None = None
    look: str = ""
    copy: ShownCopy | None = None
    alarms: list[UpstreamAlarm] = field(default_factory=list)


def upstream_of(entry: ApprovedBase, rows: Iterable[KeptCopy]) -> list[Version]:
    """The tags and digests that the entry means: those that are watched, then older ones of which there is a copy."""
    at = timezone.now()
    copies = {row.digest: shown_copy(row, at) for row in copies_of(entry, rows)}
    alarms = UpstreamAlarm.objects.filter(watch=OuterRef("pk"), ended_at=None).order_by("pk")
    watched = Watch.objects.filter(name=entry.name).exclude(tag="", digest="").order_by("tag", "digest")
    watched = watched.annotate(amiss=ArraySubquery(alarms.values(said=JSONObject(kind="kind", text="text"))))
    watches = [row for row in watched if names(entry, row.tag, row.digest)]
    found = []
    for row in watches:
        digest = row.digest or row.seen_digest
        look = WATCH_LOOKS.get(row.state, "open")
        amiss = [UpstreamAlarm(**said) for said in getattr(row, "amiss", ())]
        found.append(Version(row.tag, digest, row, look, copies.get(digest), amiss))
    current = {one.digest for one in found}
    older = [one for digest, one in copies.items() if digest not in current]
    return found + [Version(one.row.tag, one.row.digest, copy=one) for one in older]


def counts_of(rows: Iterable[tuple[str, int]], words: Collection[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """(value, words, number) of states that occur, in the order of the words."""
    numbers = dict(rows)
    return [(value, label, numbers[value]) for value, label in words if numbers.get(value)]


def watch_counts(rows: Iterable[Watch] | None = None) -> list[tuple[str, str, int]]:
    """How many of the watched bases are in which state."""
    found = (rows if rows is not None else Watch.objects).values_list("state").annotate(Count("pk"))  # type: ignore[union-attr]
    return counts_of(found, Watch.State.choices)
