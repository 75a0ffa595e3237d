"""Bases and splits of a whole fleet from nothing: `python -m tests.bench.part lineage IMAGES`, on a seeded database.

The fleet's layers are hung anew: 20 base images, and on them 100, 500, 5,000 and all the others, five levels deep.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import connection

from governance.findings.split import settle_splits
from governance.findings.state import settle
from governance.images.claims import queue
from governance.images.lineage import relate_all, settle_lineage
from governance.images.models import Image, LineageWork, SplitWork
from governance.images.reach import settle_reach
from tests.bench.pages import Counter
from tests.bench.seed import BASES

# The image that image g is built on; nothing for the first twenty.
PARENT = (
    "CASE WHEN g <= 20 THEN NULL WHEN g <= 120 THEN 1 + g % 20 WHEN g <= 620 THEN 21 + g % 100"
    " WHEN g <= 5620 THEN 121 + g % 500 ELSE 621 + g % 5000 END"
)
HANG = f"""
UPDATE images_layernode node SET parent_id = {BASES} + fact.parent,
    depth = CASE WHEN g <= 20 THEN 1 WHEN g <= 120 THEN 2 WHEN g <= 620 THEN 3 WHEN g <= 5620 THEN 4 ELSE 5 END
FROM (SELECT g, {PARENT} AS parent FROM generate_series(1, (SELECT max(id) FROM images_image)) g) fact
WHERE node.id = {BASES} + fact.g
"""  # noqa: S608


def arriving() -> int:
    """Statements that one new image costs beside its report: its base, its split, and whom it concerns."""
    new = Image.objects.filter(base__isnull=False).order_by("-pk")[0]
    Image.objects.filter(pk=new.pk).update(base=None, base_rung=0, split=None)
    queue([new.pk], LineageWork.Spread.LAYERS)
    counter = Counter()
    with connection.execute_wrapper(counter):
        settle()
    new.refresh_from_db()
    assert new.base_id
    assert new.split_id
    return counter.amount


def measure() -> dict[str, Any]:
    """Seconds for all bases and for all splits, by one process."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(HANG)
        cursor.execute("ANALYZE images_layernode")
    began = time.monotonic()
    relate_all()
    related, _ = settle_lineage(10**9)
    between = time.monotonic()
    split = settle_splits(10**9)
    ended = time.monotonic()
    counted = settle_reach(10**9)
    reached = time.monotonic()
    assert not LineageWork.objects.exists()
    assert not SplitWork.objects.exists()
    found = Image.objects.filter(base__isnull=False)
    return {
        "images": related,
        "with_base": found.count(),
        "split": split,
        "lineage_seconds": between - began,
        "split_seconds": ended - between,
        "bases_counted": counted,
        "reach_seconds": reached - ended,
        "arriving_statements": arriving(),
    }
