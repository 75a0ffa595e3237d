"""What happens to a fleet beside scans: `python -m tests.bench.part lives`, on a fleet with bases and verdicts.

Every fifth image runs, in one of fifty clusters; there is an approved list. To the image whose pages are measured a
year has happened: scans by two scanners at three places, workloads that came and went, gates, exemptions, tags that
moved on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from governance.approvals.models import ApprovalStep, ApprovedBase
from governance.findings.models import Advisory, Finding, FindingSet, Scan
from governance.images.models import Event, Image, Repository, Tag
from governance.overview.timeline import Wish, timeline_of
from governance.policy.models import GateDecision
from governance.policy.models_exemption import Exemption
from governance.runtime.models import Agent, Cluster, Running, Workload
from tests.bench.pages import auditor, chosen
from tests.bench.seed import copy, key, select

CLUSTERS, RUNS_EVERY = 50, 5
YEAR, LOOKS, STRETCHES, DECISIONS, EXEMPTIONS, ENTRIES = 365, 240, 60, 80, 12, 60


def running() -> None:
    """Agents that are heard, a workload for every fifth image."""
    now = timezone.now()
    names = [f"cluster-{number:02}" for number in range(1, CLUSTERS + 1)]
    copy(
        Cluster,
        ["id", "uid", "kind", "name", "environment", "first_seen"],
        ((n, name, "cluster", name, "production", now) for n, name in enumerate(names, 1)),
    )
    times = ["taken_at", "first_heard", "last_heard"]
    copy(
        Agent,
        ["id", "cluster_id", "name", "instance", *times],
        ((n, n, "kubernetes", "bench", now, now, now) for n in range(1, CLUSTERS + 1)),
    )
    source = f"images_image image WHERE id % {RUNS_EVERY} = 0 AND merged_into_id IS NULL"
    select(
        Workload,
        {
            "id": "image.id",
            "agent_id": f"1 + image.id % {CLUSTERS}",
            "cluster_id": f"1 + image.id % {CLUSTERS}",
            "namespace": "'group-' || image.id % 50",
            "kind": "'Deployment'",
            "name": "'service-' || image.id",
            "container": "'main'",
            "labels": "'{}'::jsonb",
            "first_seen": "image.first_seen",
        },
        source,
    )
    select(
        Running,
        {
            "workload_id": "image.id",
            "agent_id": f"1 + image.id % {CLUSTERS}",
            "image_id": "image.id",
            "key": "sha256(image.id::text::bytea)",
            "first_seen": "image.first_seen + interval '1 hour'",
        },
        source,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE images_image SET running = 1 WHERE id %% %s = 0 AND merged_into_id IS NULL", [RUNS_EVERY]
        )
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('runtime_workload', 'id'), (SELECT max(id) FROM images_image))"
        )
        for table in ("runtime_cluster", "runtime_agent"):
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {CLUSTERS})")


def listed(image: Image) -> None:
    """An approved list of sixty entries, one of which means what the image is built on."""
    bases = list(Repository.objects.filter(images__descendants__gt=0).order_by("pk").distinct()[: ENTRIES - 1])
    wanted = {str(one): one for one in [*bases, *([image.base.repository] if image.base else [])] if one}
    now = timezone.now()
    for name in wanted:
        entry = ApprovedBase.objects.create(name=name, pattern="build-*", state="approved", grace=30, max_critical=50)
        step = ApprovalStep.objects.create(entry=entry, before="in_review", to="approved", actor="bench", reason="used")
        ApprovalStep.objects.filter(pk=step.pk).update(at=now - timedelta(days=YEAR))


def scanned(image: Image) -> None:
    """Looks by two scanners at three places, with another set every fourth time."""
    newest = Scan.objects.filter(image=image).latest("pk")
    sets = list(FindingSet.objects.order_by("pk").values_list("pk", flat=True)[: LOOKS // 4])
    turns = [("trivy", "ci"), ("grype", "registry"), ("trivy", "runtime")]
    rows = []
    for number in range(LOOKS):
        scanner, stage = turns[number % len(turns)]
        at = timezone.now() - timedelta(days=YEAR * (LOOKS - number) / LOOKS)
        held = newest.finding_set_id if number > LOOKS - 8 else sets[number // 4 % len(sets)]
        row = Scan(image=image, scanner=scanner, stage=stage, outcome="assessed", scanned_at=at, received_at=at)
        row.delivery, row.finding_set_id, row.source_id = newest.delivery, held, newest.source_id
        row.identified_by = "config"
        rows.append(row)
    Scan.objects.bulk_create(rows)


def ran(image: Image) -> None:
    """Stretches in workloads of all clusters; every second one is over."""
    now = timezone.now()
    agents = {agent.pk: agent for agent in Agent.objects.all()}
    for number in range(STRETCHES):
        agent = agents[1 + number % CLUSTERS]
        began = now - timedelta(days=YEAR - 6 * number)
        place = {"agent": agent, "cluster_id": agent.cluster_id, "kind": "Deployment", "first_seen": began}
        workload = Workload.objects.create(namespace="measured", name=f"service-{number}", container="main", **place)
        over = began + timedelta(days=5) if number % 2 else None
        said = {"workload": workload, "agent": agent, "image": image, "first_seen": began, "stopped_at": over}
        Running.objects.create(key=key(f"stretch {number}"), **said)
    Image.objects.filter(pk=image.pk).update(running=Running.objects.now().filter(image=image).count())


def decided(image: Image) -> None:
    """Answers of gates and admission, exemptions, changes of the verdict, tags that moved on."""
    now = timezone.now()
    reasons = [{"policy": "strict", "version": 1, "rule": "findings", "outcome": "fail", "text": "too many findings"}]
    for number in range(DECISIONS):
        row = GateDecision(key=key(f"decision {number}"), image=image, reference=image.reference, verdict="fail")
        row.stage, row.gate = ("ci", "gate") if number % 2 else ("runtime", "admission")
        row.at, row.reasons, row.policy, row.asked_by = now - timedelta(days=number), reasons, "strict", "token 1"
        row.save()
    held = image.finding_set.findings if image.finding_set else []
    advisories = Advisory.objects.filter(pk__in=Finding.objects.filter(pk__in=held).values("advisory")).order_by("pk")
    for advisory in advisories[:EXEMPTIONS]:
        given = {
            "vulnerability": advisory.name,
            "reason": "behind the firewall",
            "asked_by": "bench",
            "state": "granted",
        }
        times = {"granted_at": now, "decided_at": now, "decided_by": "bench", "granted_by": "bench"}
        ends = (now + timedelta(days=30)).date()
        Exemption.objects.create(scope="repository", repository=image.repository, expires_on=ends, **given, **times)
    Event.objects.bulk_create(
        Event(image=image, kind="judged", text="Verdict: warn → fail", at=now - timedelta(days=10 * number))
        for number in range(YEAR // 10)
    )
    moved = {"repository": image.repository, "platform": "linux/amd64", "image": image}
    for number in range(1, 13):
        since = now - timedelta(days=30 * number)
        until = since + timedelta(days=20)
        Tag.objects.create(name=f"stable-{number}", since=since, last_seen=since, until=until, **moved)


def measure() -> dict[str, Any]:
    """How much the measured image has seen."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    running()
    image = chosen()
    for happened in (listed, scanned, ran, decided):
        happened(Image.objects.select_related("finding_set", "repository", "base__repository").get(pk=image.pk))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    image.refresh_from_db()
    life = timeline_of(image, auditor(), Wish(size=200))
    return {"entries": life.whole, "kinds": len(life.kinds_at("")), "running": Running.objects.now().count()}
