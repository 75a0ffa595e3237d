"""Loading the demo fleet: its reports go through the same inbox and the same road as anybody's."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.models import Team
from governance.images.models import Registry, Repository
from scanning.agents import AGENT
from scanning.body import receive
from scanning.deliveries import Envelope, accept, claim
from scanning.demo.approved import load_list
from scanning.demo.exempted import load_exemptions
from scanning.demo.fleet import HOST, RECIPES, TEAMS
from scanning.demo.reports import Report, reports
from scanning.demo.runtime import load_runtime
from scanning.ingest import process
from scanning.models import Delivery

# Begins each delivery's key, before the day it was loaded and its number: `demo 2026-11-23 7`.
KEY = "demo"
# Seconds to wait for reports that a running worker took up before we did.
PATIENCE = 120.0


def load() -> int:
    """Bring the whole fleet in and return how many reports that took; 0 if it is there already.

    An attempt that was cut off is continued with the day it began on, so that nothing is doubled.
    """
    today = started() or timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    plan = reports(today)
    if is_loaded(len(plan)):
        return 0
    prepare()
    for number, report in enumerate(plan):
        _take(report, f"{KEY} {today:%Y-%m-%d} {number}")
    _wait()
    load_list(today)
    load_exemptions(today)
    load_runtime(today)
    audit(None, "demo.load", "the demo fleet", after={"reports": len(plan)})
    return len(plan)


def started() -> datetime | None:
    """The day that the fleet's days count from, if a load has begun."""
    first = Delivery.objects.filter(is_demo=True, key__startswith=f"key:{KEY} ").order_by("pk").first()
    return datetime.strptime(first.key.split()[1], "%Y-%m-%d").replace(tzinfo=UTC) if first else None


def is_loaded(amount: int) -> bool:
    """Every report came in and has its final state."""
    came = Delivery.objects.filter(is_demo=True).exclude(source__startswith=AGENT)
    final = [Delivery.State.DONE, Delivery.State.QUARANTINED]
    return came.count() >= amount and not came.exclude(state__in=final).exists()


@transaction.atomic
def prepare() -> None:
    """Teams, and repositories that belong to them, so that images have their owners from the first report on."""
    teams = {name: Team.objects.get_or_create(name=name, defaults={"is_demo": True})[0] for name in TEAMS}
    registry, _ = Registry.objects.get_or_create(host=HOST)
    for recipe in RECIPES:
        Repository.objects.get_or_create(
            registry=registry, name=recipe.repository, defaults={"owner": teams[recipe.team], "is_demo": True}
        )


def _take(report: Report, key: str) -> None:
    """One report in and processed, unless a worker was faster."""
    envelope = Envelope(stage=report.stage, idempotency_key=key, is_demo=True)
    pk, _ = accept(receive(io.BytesIO(report.write())), envelope, ring=False)
    if held := claim(pk):
        process(held)


def _wait() -> None:
    """Until the last one is finished, whoever works on it."""
    until = timezone.now() + timedelta(seconds=PATIENCE)
    while timezone.now() < until:
        rest = Delivery.objects.filter(is_demo=True, state__in=[Delivery.State.RECEIVED, Delivery.State.PROCESSING])
        numbers = list(rest.values_list("pk", flat=True))
        if not numbers:
            return
        claims = [held for number in numbers if (held := claim(number))]
        for held in claims:
            process(held)
        if not claims:
            time.sleep(0.2)
