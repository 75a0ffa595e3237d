"""What is expected of each source and what came, counted in the scope that somebody looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from governance.accounts.permissions import viewer_of
from governance.accounts.picker import picked_teams
from governance.accounts.scope import teams_of
from governance.findings.models import Scan, Silence, Source
from governance.findings.sources import PAUSES, expected_scans, heard_filter, is_retired, limit_of
from governance.findings.views import KEPT_SECONDS, scope_key

# Beyond so many expected images the figures of all sources may be a minute old.
LARGE = 5_000


@dataclass(frozen=True, slots=True)
class Expected:
    """Images of one source, each in exactly one of the three; `received` came in time."""

    received: int = 0
    late: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All that are expected."""
        return self.received + self.late + self.failed

    @property
    def missing(self) -> int:
        """Expected minus received."""
        return self.late + self.failed


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as pages and API show it. `limit` None: nothing is raised, however long it is silent."""

    source: Source
    expected: Expected
    state: str
    words: str
    silent_since: datetime | None
    limit: timedelta | None


WORDS = {
    "silent": "Silent",
    "heard": "Heard",
    "new": "Getting to know",
    "ignored": "Not watched",
    "retired": "Token ended",
    "demo": "Demo",
}


def sources_in_scope(request: HttpRequest) -> QuerySet[Source]:
    """What the viewer may see."""
    return Source.objects.visible_to(viewer_of(request)).select_related("token")


def scans_in_scope(request: HttpRequest) -> QuerySet[Scan]:
    """Expected scans of the images that the viewer may see, narrowed to the picked teams."""
    scans = expected_scans()
    for teams in (teams_of(viewer_of(request)), picked_teams(request)):
        if teams is not None:
            scans = scans.filter(image__owners__overlap=list(teams))
    return scans


def expected_in_scope(request: HttpRequest) -> dict[int, Expected]:
    """{source: its images in scope}, all counted in one pass; those of a large fleet are kept for a minute."""
    key = f"expected:{scope_key(request)}"
    found: dict[int, Expected] | None = cache.get(key)
    if found is None:
        found = count(scans_in_scope(request))
        if sum(one.total for one in found.values()) >= LARGE:
            cache.set(key, found, KEPT_SECONDS)
    return found


def count(scans: QuerySet[Scan]) -> dict[int, Expected]:
    """{source: how many of its scans are what}."""
    rows = scans.order_by().values("source")
    rows = rows.annotate(
        total=Count("pk"),
        in_time=Count("pk", filter=heard_filter("in_time")),
        failed=Count("pk", filter=heard_filter("failed")),
    )
    return {
        row["source"]: Expected(row["in_time"], row["total"] - row["in_time"] - row["failed"], row["failed"])
        for row in rows
    }


def silent_sources(request: HttpRequest) -> list[Silence]:
    """Open events of the sources in sight, the longest silence first."""
    open_ones = Silence.objects.filter(ended_at=None).select_related("source").order_by("since", "pk")
    if teams_of(viewer_of(request)) is not None:
        open_ones = open_ones.filter(source__in=sources_in_scope(request))
    return list(open_ones[:1_000])


def rows_of(request: HttpRequest, sources: Iterable[Source]) -> list[SourceRow]:
    """The sources with their figures."""
    picked = list(sources)
    open_ones = Silence.objects.filter(source__in=picked, ended_at=None)
    since = dict(open_ones.values_list("source", "since")) if picked else {}
    if len(picked) > 1:
        expected = expected_in_scope(request)
    else:
        expected = count(scans_in_scope(request).filter(source__in=picked)) if picked else {}
    return [row_of(source, expected.get(source.pk, Expected()), since.get(source.pk)) for source in picked]


def row_of(source: Source, expected: Expected, silent_since: datetime | None) -> SourceRow:
    """One source with its figures."""
    limit = None if is_retired(source) else limit_of(source)
    if silent_since is not None:
        state = "silent"
    elif source.is_demo:
        state = "demo"
    elif is_retired(source):
        state = "retired"
    elif source.limit_hours == 0:
        state = "ignored"
    else:
        state = "new" if limit is None or source.pauses < PAUSES else "heard"
    return SourceRow(source, expected, state, WORDS[state], silent_since, limit)
