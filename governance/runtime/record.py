"""A snapshot becomes rows: what runs now, since when, and what has stopped. By sets, in the caller's transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from governance.findings.record import Arrival
from governance.images.clean import clean_scan_time, clean_text, clean_time
from governance.images.names import NotYours
from governance.images.reference import Reference
from governance.runtime.counts import recount
from governance.runtime.models import Agent, Cluster, Running, Workload
from governance.runtime.sandbox import sandbox_of
from governance.runtime.sightings import Statement, allowed_names, sightings_of, statement_of, tags_asked
from governance.runtime.snapshot import Container, Snapshot

MOST_LABELS = 50
# Instances of before that are remembered, to notice two agents that take turns.
PAST = 5
PARTS = frozenset(Running.Part.values)
type Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a snapshot, in words for its sender; `applied` is false where it changed nothing."""

    applied: bool
    text: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A snapshot whose images are known: {key of an image: its sighting}, and where its tags lie."""

    sightings: dict[tuple[str, str], int]
    tags: dict[str, tuple[Reference, int | None]]


def cluster_of(snapshot: Snapshot, arrival: Arrival) -> Cluster:
    """The cluster's row. Raises `NotYours` where another token speaks for it."""
    said = snapshot.cluster
    kind = said.kind if said.kind in Cluster.Kind.values else Cluster.Kind.HOST
    given = {
        "kind": kind,
        "name": clean_text(said.name, 200),
        "environment": clean_text(said.environment, 60),
        "team_id": arrival.team,
        "token_id": arrival.token,
        "is_demo": arrival.is_demo,
        "first_seen": arrival.received_at,
    }
    row, made = Cluster.objects.get_or_create(uid=clean_text(said.uid, 100), defaults=given)
    if not made and arrival.team is not None and row.team_id != arrival.team:
        raise NotYours(f"the {row.get_kind_display().lower()} {row} belongs to another team than this token's")
    named = {name: given[name] for name in ("name", "environment") if given[name]}
    if any(getattr(row, name) != value for name, value in named.items()):
        Cluster.objects.filter(pk=row.pk).update(**named)
    return row


def prepare(snapshot: Snapshot, arrival: Arrival) -> Prepared:
    """Find out which images are meant, in transactions of their own: a snapshot may be the first to name thousands."""
    containers = snapshot.containers or ()
    images = {said.key: said for said in snapshot.images}
    allowed = allowed_names(snapshot.images, containers, arrival.team)
    told: dict[tuple[str, str], Statement] = {}
    for one in containers:
        said = images.get(one.key)
        statement = statement_of(said, one, allowed, arrival.received_at) if said else None
        if statement:
            told[one.key, one.image] = statement
    # A workload may run any team's image: who may write into which repository was looked at above.
    found = sightings_of(list(told.values()), as_nobodys(arrival))
    sightings = {key: found[one.key] for key, one in told.items() if one.key in found}
    return Prepared(sightings, tags_asked(containers))


def as_nobodys(arrival: Arrival) -> Arrival:
    """The arrival as if no team had sent it."""
    return Arrival(arrival.delivery, arrival.received_at, "runtime", is_demo=arrival.is_demo, sender=arrival.sender)


def record_snapshot(snapshot: Snapshot, prepared: Prepared, arrival: Arrival) -> Outcome:
    """Bring what is known of the agent's workloads to what the snapshot says. Raises `NotYours`."""
    cluster = cluster_of(snapshot, arrival)
    agent = agent_of(snapshot, cluster, arrival)
    stale = is_older(agent, snapshot, arrival)
    if stale:
        return Outcome(False, stale)
    if snapshot.containers is None and (not snapshot.contents or agent.contents != snapshot.contents[:64]):
        Agent.objects.filter(pk=agent.pk).update(is_wanted=True)
        return Outcome(False, "it says that nothing changed since a snapshot that never came: a full one is asked for")
    was_silent = agent.silent_since is not None or agent.retired_at is not None
    hear(agent, snapshot, arrival)
    changed: set[int] = set()
    if snapshot.containers is not None:
        changed = apply(agent, snapshot.containers, prepared)
    recount(images_of(agent) if was_silent else changed)
    return Outcome(True, f"{agent.told} kinds of containers run")


def agent_of(snapshot: Snapshot, cluster: Cluster, arrival: Arrival) -> Agent:
    """The agent's row, locked: its snapshots are applied one after the other."""
    at = arrival.received_at
    name = clean_text(snapshot.agent.name, 100) or "agent"
    given = {"instance": "", "taken_at": at, "first_heard": at, "last_heard": at, "token_id": arrival.token}
    agent, _ = Agent.objects.get_or_create(cluster=cluster, name=name, defaults=given)
    return Agent.objects.select_for_update().get(pk=agent.pk)


def is_older(agent: Agent, snapshot: Snapshot, arrival: Arrival) -> str:
    """Why the snapshot changes nothing, or ""."""
    if agent.instance == clean_text(snapshot.agent.instance, 64):
        if snapshot.number <= agent.number:
            return f"snapshot {snapshot.number} is not newer than {agent.number}, which was applied before"
        return ""
    if arrival.delivery <= agent.delivery:
        return "a later process of this agent was heard before"
    return ""


def hear(agent: Agent, snapshot: Snapshot, arrival: Arrival) -> None:
    """Write down what the agent says of itself and its engine, and that it was heard."""
    instance = clean_text(snapshot.agent.instance, 64)
    if agent.instance and agent.instance != instance:
        agent.is_doubled = instance in agent.past
        agent.past = [agent.instance, *[one for one in agent.past if one != agent.instance]][:PAST]
    taken_at, _ = clean_scan_time(snapshot.taken_at, arrival.received_at)
    engine = snapshot.engine
    said = {
        "instance": instance,
        "number": snapshot.number,
        "delivery": arrival.delivery,
        "contents": clean_text(snapshot.contents, 64),
        "taken_at": taken_at,
        "last_heard": max(agent.last_heard, arrival.received_at),
        "silent_since": None,
        "retired_at": None,
        "is_wanted": False,
        "token_id": arrival.token,
        "version": clean_text(snapshot.agent.version, 40),
        "interval": min(max(snapshot.agent.interval, 1), 86_400),
        "engine": clean_text(engine.name, 40),
        "engine_version": clean_text(engine.version, 60),
        "store": clean_text(engine.store, 40),
        "rootless": engine.rootless,
        "system": clean_text(engine.system, 100),
        "kernel": clean_text(engine.kernel, 100),
        "architecture": clean_text(engine.architecture, 30),
        "note": clean_text(snapshot.note, 500),
    }
    if snapshot.containers is not None:
        said["told"] = len(snapshot.containers)
    for name, value in said.items():
        setattr(agent, name, value)
    agent.save()


@dataclass(frozen=True, slots=True)
class Row:
    """A stretch as the snapshot says it; `key` is what makes it this one and no other."""

    workload: Key
    labels: str
    key: bytes
    values: dict[str, Any]


def apply(agent: Agent, containers: Sequence[Container], prepared: Prepared) -> set[int]:
    """Begin the stretches that are new, end those that the snapshot does not name; returns the images concerned."""
    rows = {(row.workload, row.key): row for row in (row_of(one, prepared, agent) for one in containers)}
    workloads = store_workloads(agent, rows.values())
    keys = [(workloads[row.workload], row) for row in rows.values()]
    changed = stop(agent, [pk for pk, _ in keys], [row.key for _, row in keys])
    changed |= start(agent, keys)
    with connection.cursor() as cursor:
        cursor.execute(REST, {"agent": agent.pk, "at": agent.taken_at})
    return changed


def row_of(said: Container, prepared: Prepared, agent: Agent) -> Row:
    """One line of the snapshot, cleaned."""
    reference, repository = prepared.tags.get(said.image, (None, None))
    values = {
        "sighting": prepared.sightings.get((said.key, said.image)),
        "written": clean_text(said.image, 500),
        "resolved": clean_text(said.image_id, 500),
        "repository": repository,
        "tag": (reference.tag or "latest") if reference else "",
        "part": said.part if said.part in PARTS else "main",
        "user": clean_text(said.user, 100),
        "privileged": said.privileged,
        "runtime": clean_text(said.runtime, 100),
        "runtime_class": clean_text(said.runtime_class, 253),
        "sandbox": str(sandbox_of(said.runtime, said.runtime_class)),
        "rootless": agent.rootless if said.rootless is None else said.rootless,
    }
    # Where its repository turns up later, that is no other stretch.
    same = {name: value for name, value in values.items() if name != "repository"}
    key = hashlib.sha256(json.dumps(same, sort_keys=True).encode(errors="replace")).digest()[:16]
    times = {"instances": min(max(said.instances, 1), 1_000_000), "started_at": clean_time(said.started_at)}
    names = (said.namespace, 253), (said.kind or "Container", 63), (said.name, 253), (said.container, 253)
    workload: Key = tuple(clean_text(text, most) for text, most in names)  # type: ignore[assignment]
    return Row(workload, json.dumps(labels_of(said.labels)), key, values | times)


def labels_of(said: Mapping[str, str]) -> dict[str, str]:
    """The first fifty, by name."""
    return {clean_text(name, 120): clean_text(said[name], 200) for name in sorted(said)[:MOST_LABELS]}


WORKLOADS = """
INSERT INTO runtime_workload (agent_id, cluster_id, namespace, kind, name, container, labels, first_seen)
SELECT %(agent)s, %(cluster)s, namespace, kind, name, container, labels::jsonb, %(at)s
FROM unnest(%(namespaces)s::text[], %(kinds)s::text[], %(names)s::text[], %(containers)s::text[], %(labels)s::text[])
     AS said(namespace, kind, name, container, labels)
ON CONFLICT (agent_id, namespace, kind, name, container) DO UPDATE
   SET labels = excluded.labels, stopped_at = NULL
   WHERE runtime_workload.labels <> excluded.labels OR runtime_workload.stopped_at IS NOT NULL
"""


def store_workloads(agent: Agent, rows: Iterable[Row]) -> dict[Key, int]:
    """{workload: its row}."""
    said = {row.workload: row.labels for row in rows}
    columns: list[Any] = list(zip(*said, strict=True)) if said else [(), (), (), ()]
    namespaces, kinds, names, containers = (list(column) for column in columns)
    values: dict[str, Any] = {
        "agent": agent.pk,
        "cluster": agent.cluster_id,
        "at": agent.taken_at,
        "namespaces": namespaces,
        "kinds": kinds,
        "names": names,
        "containers": containers,
        "labels": list(said.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(WORKLOADS, values)
    found = Workload.objects.filter(agent=agent).values_list("namespace", "kind", "name", "container", "pk")
    return {(namespace, kind, name, container): pk for namespace, kind, name, container, pk in found}


# Workloads of which nothing runs any more, and those that run again.
REST = """
UPDATE runtime_workload workload SET stopped_at = %(at)s
WHERE agent_id = %(agent)s AND stopped_at IS NULL AND NOT EXISTS (
    SELECT FROM runtime_running running WHERE running.workload_id = workload.id AND running.stopped_at IS NULL)
"""
STOP = """
UPDATE runtime_running running SET stopped_at = greatest(%(at)s, first_seen),
    last_seen = coalesce(last_seen, %(at)s)
WHERE agent_id = %(agent)s AND stopped_at IS NULL AND NOT EXISTS (
    SELECT FROM unnest(%(workloads)s::bigint[], %(keys)s::bytea[]) AS said(workload, key)
    WHERE said.workload = running.workload_id AND said.key = running.key)
RETURNING image_id
"""


def stop(agent: Agent, workloads: list[int], keys: list[bytes]) -> set[int]:
    """End what runs no more; returns its images."""
    with connection.cursor() as cursor:
        cursor.execute(STOP, {"agent": agent.pk, "at": agent.taken_at, "workloads": workloads, "keys": keys})
        return {image for (image,) in cursor.fetchall() if image}


START = """
INSERT INTO runtime_running AS running (workload_id, agent_id, image_id, sighting_id, key, written, resolved,
    repository_id, tag, part, instances, "user", privileged, runtime, runtime_class, sandbox, rootless, started_at,
    first_seen)
SELECT said.workload, %(agent)s, scan.image_id, sighting.id, decode(said.key, 'hex'), said.written, said.resolved,
    said.repository, said.tag, said.part, said.instances, said.user, said.privileged, said.runtime, said.runtime_class,
    said.sandbox, said.rootless, said.started_at, %(at)s
FROM jsonb_to_recordset(%(rows)s::jsonb) AS said(workload bigint, key text, sighting bigint, written text,
    resolved text, repository bigint, tag text, part text, instances int, "user" text, privileged boolean, runtime text,
    runtime_class text, sandbox text, rootless boolean, started_at timestamptz)
LEFT JOIN runtime_sighting sighting ON sighting.id = said.sighting
LEFT JOIN findings_scan scan ON scan.id = sighting.scan_id
ON CONFLICT (workload_id, key) WHERE stopped_at IS NULL DO UPDATE
   SET instances = excluded.instances, repository_id = excluded.repository_id, image_id = excluded.image_id
   WHERE running.instances <> excluded.instances OR running.image_id IS DISTINCT FROM excluded.image_id
      OR running.repository_id IS DISTINCT FROM excluded.repository_id
RETURNING image_id
"""


def start(agent: Agent, rows: Iterable[tuple[int, Row]]) -> set[int]:
    """Begin what runs since now, and count again of how many instances; returns the images of both."""
    said = [
        row.values | {"workload": pk, "key": row.key.hex(), "started_at": moment(row.values["started_at"])}
        for pk, row in rows
    ]
    with connection.cursor() as cursor:
        cursor.execute(START, {"agent": agent.pk, "at": agent.taken_at, "rows": json.dumps(said)})
        return {image for (image,) in cursor.fetchall() if image}


def moment(at: datetime | None) -> str | None:
    """As PostgreSQL reads it."""
    return at.isoformat() if at else None


def images_of(agent: Agent) -> set[int]:
    """Every image that it ever told of."""
    told = Running.objects.filter(agent=agent, image__isnull=False).order_by()
    return set(told.values_list("image", flat=True).distinct())
