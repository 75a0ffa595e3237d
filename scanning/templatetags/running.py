"""What is running now and what waits for a person, for pages that may not know scanning."""

from __future__ import annotations

from typing import Any

from django import template
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.template import Context

from governance.accounts.permissions import viewer_of
from governance.accounts.picker import picked_teams
from governance.findings.models import Reweigh
from governance.images.models import Image
from scanning.models import Connection, Delivery, RepositoryCrawl
from scanning.models_scans import ScanJob

register = template.Library()
STANDING = """
SELECT json_build_array(job.state, job.why, job.error, EXISTS (
    SELECT FROM images_placement placement JOIN images_repository repository ON repository.id = placement.repository_id
    JOIN scanning_connection connection ON connection.registry_id = repository.registry_id AND connection.is_enabled
    WHERE placement.image_id = image.id AND placement.gone_at IS NULL
) AND EXISTS (SELECT FROM images_manifest named WHERE named.image_id = image.id AND named.kind <> 'index'))
FROM images_image image LEFT JOIN scanning_scanjob job ON job.image_id = image.id WHERE image.id = %s::bigint
"""
MOST, MOST_SETS = 1_000, 100_000


@register.simple_tag(takes_context=True)
def running_now(context: Context) -> tuple[int, int, int, int]:
    """How much is being worked on: deliveries and scans that the viewer may see, repositories that are crawled, and
    finding sets that a feed's news must reach: (deliveries, finding sets, scans, repositories).

    Each counted up to a limit, in one query for every page.
    """
    viewer = viewer_of(context["request"])
    visible = Delivery.objects.visible_to(viewer)
    open_ones = visible.filter(state__in=[Delivery.State.RECEIVED, Delivery.State.PROCESSING])
    scans = ScanJob.objects.filter(
        state__in=["waiting", "running", "asked"], image__in=Image.objects.visible_to(viewer)
    )
    crawls = RepositoryCrawl.objects.filter(
        connection__in=Connection.objects.visible_to(viewer).filter(is_enabled=True),
        started_at__isnull=False,
        gone_at=None,
        error="",
    )
    wanted = ((open_ones, MOST), (Reweigh.objects, MOST_SETS), (scans, MOST), (crawls, MOST))
    parts = [rows.order_by().values("pk")[:most] for rows, most in wanted]
    queries = [statement(part) for part in parts]
    counts = ", ".join(f"(SELECT count(*) FROM ({sql}) part)" for sql, _ in queries)  # noqa: S608
    # Django's own SQL, no value is in it.
    with connection.cursor() as cursor:
        # What an image's page shows of its scan comes along: it has no query to spare (`scans.scan_state`).
        given = [*(value for _, values in queries for value in values), getattr(context.get("image"), "pk", None)]
        cursor.execute(f"SELECT {counts}, ({STANDING})", given)
        reports, sets, running, repositories, context["request"].scan_standing = cursor.fetchone()
    return reports, sets, running, repositories


@register.simple_tag(takes_context=True)
def quarantined_count(context: Context) -> int:
    """How many deliveries in scope wait in quarantine for a person (counted up to a thousand)."""
    request = context["request"]
    rows = Delivery.objects.visible_to(viewer_of(request)).filter(state=Delivery.State.QUARANTINED)
    if (teams := picked_teams(request)) is not None:
        rows = rows.filter(team__in=teams)
    return rows.order_by().values("pk")[:MOST].count()


def statement(rows: QuerySet[Any, Any]) -> tuple[str, tuple[Any, ...]]:
    """A query's text and values, also of one that can find nothing."""
    try:
        return rows.query.sql_with_params()
    except EmptyResultSet:
        return "SELECT NULL WHERE false", ()
