"""A policy change judged over a whole fleet: `python -m tests.bench.part policy`, on a seeded database."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection

from governance.images.models import Image, VerdictWork
from governance.policy.document import plain, read_policy
from governance.policy.models import Policy, Round, Verdict
from governance.policy.services import save_policy
from governance.policy.work import ask, settle_verdicts


def measure() -> dict[str, Any]:
    """Seconds for the first verdicts on all images, and after a change; then for one image alone."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("UPDATE findings_finding SET fix_since = now() - id % 60 * interval '1 day'")
    found: dict[str, Any] = {"first_seconds": judged()}
    for name in ("strict",):
        policy = Policy.objects.get(name=name)
        save_policy(None, read_policy(plain(policy.read()) | {"active": True}))
        found[f"{name}_seconds"] = judged()
    image = Image.objects.present().order_by("-pk")[0]
    ask([image.pk])
    began = time.monotonic()
    settle_verdicts()
    newest = Round.objects.order_by("-pk")[0]
    assert newest.finished_at
    assert newest.done == Verdict.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('policy_verdict') + pg_total_relation_size('policy_ground')")
        (size,) = cursor.fetchone()
    return found | {
        "one_seconds": time.monotonic() - began,
        "images": newest.done,
        "bytes_per_image": size / newest.done,
        "outcomes": {row: Verdict.objects.filter(ci=row).count() for row in ("pass", "warn", "fail", "unknown")},
    }


def judged() -> float:
    """Seconds until nothing waits."""
    began = time.monotonic()
    settle_verdicts(10**9)
    assert not VerdictWork.objects.exists()
    return time.monotonic() - began
