"""Removing the demo fleet: everything it made, and nothing that anything real has come to hang on."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from governance.accounts.audit import audit
from governance.accounts.models import Team
from governance.findings.models import Scan, Source
from governance.findings.state import choose_current, refresh
from governance.images.models import BaseReach, Image, Registry, Repository, VerdictWork
from governance.images.names import rename
from governance.images.reach import queue
from governance.runtime.counts import recount
from governance.runtime.models import BenchmarkRun
from scanning.demo import catalogue
from scanning.demo.approved import remove_list
from scanning.demo.exempted import remove_exemptions
from scanning.demo.fleet import HOST
from scanning.demo.runtime import remove_runtime
from scanning.models import Delivery

# A worker looks ids up before it writes them into a set: none may be at it while catalogue rows go. Every finishing
# transaction begins with an update of its delivery, so this waits for those that run and holds back the next.
STILL = "LOCK TABLE scanning_delivery IN SHARE ROW EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True)
class Traces:
    """What the fleet's deliveries led to, read before anything is deleted."""

    deliveries: list[int]
    images: list[int]  # the fleet's own, and those its reports spoke of
    rows: catalogue.Rows


@transaction.atomic
def remove() -> dict[str, int]:
    """Delete it and return how many rows of each kind went; what is shared with real data stays, as real data."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '120s'")
        cursor.execute(STILL)
    traces = read_traces()
    exemptions, entries = remove_exemptions(), remove_list()
    clusters, ran = remove_runtime()
    gone = {"images": _images(traces), "approved bases": entries, "exemptions": exemptions, "clusters": clusters}
    # Of what stays it is known no more that it ran.
    recount(Image.objects.filter(pk__in=ran).values_list("pk", flat=True))
    gone["benchmark runs"] = _runs(traces)
    gone["repositories"] = _free(Repository.objects.filter(is_demo=True))
    Registry.objects.filter(host=HOST, repository=None).delete()
    gone["teams"] = _free(Team.objects.filter(is_demo=True))
    gone["deliveries"] = Delivery.objects.filter(pk__in=traces.deliveries).delete()[1].get("scanning.Delivery", 0)
    gone |= catalogue.remove(traces.rows)
    Source.objects.filter(is_demo=True).delete()
    if any(gone.values()):
        audit(None, "demo.remove", "the demo fleet", before=gone)
    return gone


def read_traces() -> Traces:
    """Deliveries, images, and the catalogue rows below them."""
    deliveries = list(Delivery.objects.filter(is_demo=True).values_list("pk", flat=True))
    scans = Scan.objects.filter(delivery__in=deliveries)
    images = Image.objects.filter(Q(is_demo=True) | Q(pk__in=scans.values("image")))
    rows = catalogue.read(scans, images)
    return Traces(deliveries, list(images.values_list("pk", flat=True)), rows)


def _images(traces: Traces) -> int:
    """The fleet's scans and images; an image of which something real was told stays and is computed anew."""
    Scan.objects.filter(delivery__in=traces.deliveries).delete()
    mine = Image.objects.filter(pk__in=traces.images, is_demo=True)
    told = Exists(Scan.objects.filter(image=OuterRef("pk")))
    stands_for_others = Exists(Image.objects.filter(merged_into=OuterRef("pk"), is_demo=False))
    lone = list(mine.exclude(told).exclude(stands_for_others).values_list("pk", flat=True))
    before = Image.objects.count()
    # What real images have of them built on them is counted again.
    counted = BaseReach.objects.filter(repository__is_demo=True)
    queue({row.base_id for row in counted.only("base")})
    counted.delete()
    # Records that were merged into others point at them, so they go first.
    Image.objects.filter(pk__in=lone, merged_into__isnull=False).delete()
    Image.objects.filter(pk__in=lone).delete()
    VerdictWork.objects.filter(image__in=lone).delete()
    stays = Image.objects.filter(pk__in=traces.images)
    stays.update(is_demo=False)
    left = list(stays.present().values_list("pk", flat=True))
    choose_current(left)
    refresh(left)
    for image in left:
        rename(image)
    return before - Image.objects.count()


def _runs(traces: Traces) -> int:
    """Benchmarks of the fleet's hosts; their keys are their own, so that no real run follows one of them."""
    rows = BenchmarkRun.objects.filter(delivery__in=traces.deliveries)
    return rows.delete()[1].get("runtime.BenchmarkRun", 0)


def _free[Row: Model](rows: QuerySet[Row]) -> int:
    """Delete the rows on which nothing hangs any more; the others are real from now on."""
    free = [row.pk for row in rows if not _carries(row)]
    rows.exclude(pk__in=free).update(is_demo=False)
    return rows.filter(pk__in=free).delete()[1].get(rows.model._meta.label, 0)


def _carries(row: Model) -> bool:
    """Some row of some table points at it."""
    relations = [relation for relation in row._meta.related_objects if relation.field.concrete]
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: row}).exists() for relation in relations
    )
