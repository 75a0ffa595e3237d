"""What machines that watch Portwarden ask: is the process there, can it serve, how is it doing."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, re_path
from kombu.exceptions import KombuError
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from redis.exceptions import RedisError

from governance.accounts.models import Token
from governance.accounts.services import find_token
from governance.approvals.models import KeptCopy, UpstreamAlarm, Watch
from governance.celery import app
from governance.findings.models import Silence, Source
from governance.findings.osv.rematch import waiting as unmatched
from governance.findings.weigh import waiting
from governance.runtime.models import Agent
from governance.web.problems import problem
from scanning.admission import image_policy, validate
from scanning.feed_views import rows
from scanning.models import Delivery
from scanning.programs import program
from scanning.webhooks import webhook

SOURCE = ("id", "name", "scanner", "stage")
OPEN = Gauge("portwarden_deliveries_open", "Deliveries that wait or are being worked on")
OLDEST = Gauge("portwarden_deliveries_oldest_seconds", "Age of the oldest open delivery")
FEED_AGE = Gauge("portwarden_feed_age_seconds", "Age of the copy of a feed that is in use, by its own date", ["feed"])
FEED_ROWS = Gauge("portwarden_feed_rows", "Rows of the copy of a feed that is in use", ["feed"])
FEED_FAILED = Gauge("portwarden_feed_failed", "1 where the last look for a newer copy failed", ["feed"])
REWEIGH = Gauge("portwarden_finding_sets_to_weigh", "Finding sets that the news of a feed has not reached yet")
REMATCH = Gauge("portwarden_images_to_match", "Images whose packages wait to be matched with advisories")
SILENT = Gauge("portwarden_source_silent", "1 while an event says that the source fell silent", SOURCE)
HEARD = Gauge("portwarden_source_heard_timestamp_seconds", "When the source was heard last", SOURCE)
ALARMS = Gauge("portwarden_upstream_alarms", "Open alarms about bases where they come from", ["kind"])
WATCHED = Gauge("portwarden_watched_bases", "Bases that are watched upstream, by how they were found", ["state"])
COPIES = Gauge("portwarden_kept_copies", "Copies of bases, by state", ["state"])
AGENTS = Gauge("portwarden_agents", "Runtime agents by state", ["state"])
QUARANTINED = Gauge("portwarden_deliveries_quarantined", "Deliveries in quarantine")


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is looked at."""
    return HttpResponse("ok\n", content_type="text/plain")


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker() -> None:
    options = {"socket_connect_timeout": 1, "socket_timeout": 1}
    with app.connection_for_write(transport_options=options) as broker:
        broker.ensure_connection(max_retries=1, timeout=2)


def _migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise DatabaseError("migrations are missing: run manage.py migrate")


PARTS: dict[str, Callable[[], None]] = {"database": _database, "broker": _broker, "migrations": _migrations}
FAULTS = (DatabaseError, KombuError, RedisError, OSError)


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database, broker and migrations are fine, else 503; says which is not, no more."""
    state = {}
    for name, look in PARTS.items():
        try:
            look()
            state[name] = "ok"
        except FAULTS:
            state[name] = "failed"
    return JsonResponse(state, status=200 if set(state.values()) == {"ok"} else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; for callers on this machine or with a token of scope read or admin."""
    if not _may_measure(request):
        return problem(401, "metrics need a token of scope read", {"WWW-Authenticate": "Bearer"})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(extract(epoch FROM now() - min(received_at)), 0)"
            " FROM scanning_delivery WHERE state IN ('received', 'processing')"
        )
        waiting, oldest = cursor.fetchone()
    OPEN.set(waiting)
    OLDEST.set(float(oldest))
    _measure_feeds()
    QUARANTINED.set(Delivery.objects.filter(state=Delivery.State.QUARANTINED).count())
    _sources()
    _bases()
    expected = Agent.objects.expected().filter(cluster__is_demo=False)
    for state, is_heard in (("heard", True), ("silent", False)):
        AGENTS.labels(state).set(expected.filter(silent_since__isnull=is_heard).count())
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _measure_feeds() -> None:
    for row in rows():
        if row.state.fetched_at:
            FEED_AGE.labels(row.feed.NAME).set((row.now - row.date).total_seconds())
        FEED_ROWS.labels(row.feed.NAME).set(row.state.rows)
        FEED_FAILED.labels(row.feed.NAME).set(bool(row.state.error))
    REWEIGH.set(waiting())
    REMATCH.set(unmatched())


def _bases() -> None:
    """Upstream and copies; every state is named, also where there is none."""
    for gauge, things, field, values in (
        (ALARMS, UpstreamAlarm.objects.filter(ended_at=None), "kind", UpstreamAlarm.Kind.values),
        (WATCHED, Watch.objects.all(), "state", Watch.State.values),
        (COPIES, KeptCopy.objects.all(), "state", KeptCopy.State.values),
    ):
        counts = dict(things.values_list(field).annotate(number=Count("pk")).order_by())
        for value in values:
            gauge.labels(value).set(counts.get(value, 0))


def _sources() -> None:
    """Every source that was heard; those that are gone are not named any more."""
    silent = set(Silence.objects.filter(ended_at=None).values_list("source", flat=True))
    SILENT.clear()
    HEARD.clear()
    for source in Source.objects.filter(last_heard__isnull=False, is_demo=False).order_by("pk"):
        labels = (str(source.pk), source.name, source.scanner, source.stage)
        SILENT.labels(*labels).set(source.pk in silent)
        HEARD.labels(*labels).set(source.last_heard.timestamp())  # type: ignore[union-attr]


def _may_measure(request: HttpRequest) -> bool:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        token = find_token(secret.strip())
        return token is not None and token.team_id is None and token.scope in (Token.Scope.READ, Token.Scope.ADMIN)
    forwarded = "X-Forwarded-For" in request.headers
    return not forwarded and ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "0.0.0.0").is_loopback  # noqa: S104


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("programs/<slug:name>", program, name="program"),
    # The API server cleans the address that it is told, and with it goes the last slash.
    re_path(r"^admission/validate/?$", validate, name="admission"),
    re_path(r"^admission/validate/(?P<secret>[^/]+)/?$", validate, name="admission-by-address"),
    re_path(r"^admission/image-policy/?$", image_policy, name="image-policy"),
    re_path(r"^admission/image-policy/(?P<secret>[^/]+)/?$", image_policy, name="image-policy-by-address"),
    path("webhooks/<slug:kind>/<str:source>/", webhook, name="webhook"),
]
