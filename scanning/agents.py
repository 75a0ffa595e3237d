"""What runtime agents tell us: `POST /api/v1/agents/snapshot/`, and the reading of what was stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models.functions import Now
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.findings.record import Arrival
from governance.findings.report import ReportError
from governance.images.clean import clean_scan_time, clean_text
from governance.runtime.models import Agent
from governance.runtime.record import Outcome, prepare, record_snapshot
from governance.runtime.snapshot import Snapshot
from governance.web.problems import Problem
from scanning.api import ERRORS, AnyBody, take, wait_for
from scanning.deliveries import Claim, Envelope, Figures, finish, read_body
from scanning.failpoints import reach
from scanning.models import Delivery
from scanning.parsers.document import decode, open_document
from scanning.parsers.scalars import moment
from scanning.summary import NOTHING, STATES

# Begins the source of every snapshot's delivery.
AGENT = "agent:"
FORMAT = "agent-snapshot"
DECODER = msgspec.json.Decoder(Snapshot)
# Kinds of containers in one snapshot: a cluster of thousands of nodes has fewer, for replicas are one.
MOST = 50_000
LONGEST_WAIT = 30.0


class Question(serializers.Serializer[dict[str, Any]]):
    """Who asks, so that the answer can say what was applied last; the snapshot says it again."""

    cluster = serializers.CharField(max_length=100, required=False, default="", help_text="the cluster's or host's uid")
    agent = serializers.CharField(max_length=100, required=False, default="", help_text="the agent's name")
    wait = serializers.FloatField(min_value=0, max_value=LONGEST_WAIT, required=False, default=0)


class Applied(serializers.Serializer[dict[str, Any]]):
    """The newest snapshot of this agent that was applied."""

    # `instance` is a serializer's own word, so the fields are added by name.
    def get_fields(self) -> dict[str, Any]:
        """instance, number, contents."""
        words = {name: serializers.CharField() for name in ("instance", "contents")}
        return {"instance": words["instance"], "number": serializers.IntegerField(), "contents": words["contents"]}


class SnapshotAnswer(serializers.Serializer[dict[str, Any]]):
    """What became of it so far."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["received", "processed", "quarantined"])
    duplicate = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())
    applied = Applied(allow_null=True)
    resync = serializers.BooleanField(help_text="send a full snapshot next, whatever changed")


class Snapshots(APIView):
    """Snapshots of what runs come in here."""

    parser_classes = [AnyBody]
    write_scopes = (Token.Scope.AGENT,)

    @extend_schema(
        operation_id="agent_snapshot",
        parameters=[Question, OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        request={"application/json": OpenApiTypes.OBJECT},
        responses={200: SnapshotAnswer, 202: SnapshotAnswer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Store the snapshot, then apply it; an older one than was applied before changes nothing."""
        question = Question(data=request.query_params)
        if not question.is_valid():
            raise ValidationError(question.errors)
        said = question.validated_data
        token = viewer_of(request)
        if not isinstance(token, Token):
            raise Problem(403, "send snapshots with a token of scope agent")
        pk, duplicate = take(request, envelope_of(request, token))
        delivery = wait_for(pk, said["wait"])
        if delivery.state == Delivery.State.QUARANTINED:
            raise Problem(422, delivery.error, id=pk, state="quarantined", duplicate=duplicate)
        return Response(answer(delivery, duplicate, said), status=202 if delivery.is_open and not duplicate else 200)


def envelope_of(request: Request, token: Token) -> Envelope:
    """Keys are unique within the token."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > 200:
        raise Problem(400, "an Idempotency-Key has at most 200 characters")
    return Envelope(token, stage="runtime", format=FORMAT, idempotency_key=key, origin=f"{AGENT}{token.pk}")


def answer(delivery: Delivery, duplicate: bool, said: dict[str, Any]) -> dict[str, Any]:
    """And what was applied last, so that the agent knows what it need not send again."""
    mine = Agent.objects.filter(cluster__uid=said["cluster"], name=said["agent"], token=delivery.token_id)
    agent = mine.values("instance", "number", "contents", "is_wanted").first() if said["cluster"] else None
    return {
        "id": delivery.pk,
        "state": STATES[Delivery.State(delivery.state)],
        "duplicate": duplicate,
        "reasons": (delivery.result or {}).get("reasons", []),
        "applied": {name: agent[name] for name in ("instance", "number", "contents")} if agent else None,
        "resync": agent is None or agent["is_wanted"],
    }


def tell(held: Claim) -> None:
    """Apply a stored snapshot. Raises `ReportError`, `NotYours`, `LostLease`."""
    row = held.delivery
    snapshot = read(read_body(row))
    arrival = Arrival(
        row.pk, row.received_at, "runtime", team=row.team_id, is_demo=row.is_demo, token=row.token_id, sender=row.source
    )
    prepared = prepare(snapshot, arrival)
    reach("tell.after_prepare")
    with transaction.atomic():
        outcome = record_snapshot(snapshot, prepared, arrival)
        finish(held, figures(snapshot, outcome, held))
        reach("tell.before_commit")


def read(body: bytes) -> Snapshot:
    """Check form and bounds. Raises `ReportError`."""
    document = open_document(body)
    if not document.has("agent", "cluster", "number", "taken_at"):
        raise ReportError(f"this is no agent's snapshot but {document.describe()}")
    snapshot = decode(DECODER, document.body)
    amount = max(len(snapshot.containers or ()), len(snapshot.images))
    if amount > MOST:
        raise ReportError(f"the snapshot names more than {MOST:,} containers or images")
    for name, value in (("cluster.uid", snapshot.cluster.uid), ("agent.instance", snapshot.agent.instance)):
        if not clean_text(value, 100).strip():
            raise ReportError(f"the snapshot's {name} is empty")
    if moment(snapshot.taken_at) is None:
        raise ReportError("the snapshot's taken_at is no time (RFC 3339)")
    if not 0 < snapshot.number < 2**63:
        raise ReportError("the snapshot's number must be from 1 to 2^63 - 1")
    return snapshot


def figures(snapshot: Snapshot, outcome: Outcome, held: Claim) -> Figures:
    """What the snapshot turned out to be. No scanner: who tells what runs is no source of scans."""
    at, _ = clean_scan_time(moment(snapshot.taken_at), held.delivery.received_at)
    result: dict[str, Any] = {**NOTHING, "reasons": [clean_text(outcome.text, 500)]}
    return Figures(FORMAT, "", clean_text(snapshot.agent.version, 60), "event", at, result)


def prune_snapshots(hours: int = 1, most: int = 50_000) -> int:
    """Forget snapshots that were applied: the next is whole again, and each agent sends one a minute."""
    old = Delivery.objects.filter(
        source__startswith=AGENT,
        state=Delivery.State.DONE,
        is_demo=False,
        finished_at__lt=Now() - timedelta(hours=hours),
    )
    done = 0
    while done < most and (gone := list(old.order_by("pk").values_list("pk", flat=True)[:1_000])):
        Delivery.objects.filter(pk__in=gone).delete()
        done += len(gone)
    return done
