"""How connections are: figures of their crawls, for pages and API alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q, Sum
from django.utils import timezone

from scanning.models import Connection, RepositoryCrawl


@dataclass(frozen=True, slots=True)
class Progress:
    """Of all repositories of a connection that are there."""

    connection: int = 0
    repositories: int = 0
    crawled: int = 0
    running: int = 0
    failing: int = 0
    unread_tags: int = 0
    gone: int = 0
    tags: int = 0
    running_done: int = 0
    running_total: int = 0
    last_success: datetime | None = None


HERE = Q(gone_at=None)
RUNNING = HERE & Q(started_at__isnull=False)


def progress_of(connections: Iterable[int]) -> dict[int, Progress]:
    """By connection, in one query."""
    rows = RepositoryCrawl.objects.filter(connection__in=list(connections)).values("connection")
    figures = rows.annotate(
        repositories=Count("pk", filter=HERE),
        crawled=Count("pk", filter=HERE & Q(success_at__isnull=False)),
        running=Count("pk", filter=RUNNING),
        failing=Count("pk", filter=HERE & ~Q(error="")),
        unread_tags=Sum("unread", filter=HERE, default=0),
        gone=Count("pk", filter=Q(gone_at__isnull=False)),
        tags=Sum("tags_total", filter=HERE, default=0),
        running_done=Sum("tags_done", filter=RUNNING, default=0),
        running_total=Sum("tags_total", filter=RUNNING, default=0),
        last_success=Max("success_at"),
    )
    return {row["connection"]: Progress(**row) for row in figures}


def state_of(row: Connection, progress: Progress) -> str:
    """off, paused, failing, running, waiting or fine."""
    now = timezone.now()
    if not row.is_enabled:
        return "off"
    if row.paused_until and row.paused_until > now:
        return "paused"
    if row.error or progress.failing:
        return "failing"
    if progress.running or (row.lease_until and row.lease_until > now):
        return "running"
    return "fine" if row.listed_at else "waiting"
