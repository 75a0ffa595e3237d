"""The reports endpoint: `POST /api/v1/reports/`, `GET /api/v1/reports/ID/`."""

from __future__ import annotations

import threading
import time
from typing import Any

from django.db import connection
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from prometheus_client import Counter
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.accounts.scope import Viewer
from governance.findings.models import Scan
from governance.policy.api import VERDICTS, GateSerializer
from governance.web.problems import Problem
from scanning.body import Refused, Source, receive
from scanning.capacity import GAUGE, Busy
from scanning.deliveries import Envelope, KeyReused, accept
from scanning.models import Delivery
from scanning.parsers import PARSERS
from scanning.summary import report_resource

ACCEPTED = Counter("portwarden_reports_accepted", "Reports committed", ["duplicate"])
REFUSED = Counter("portwarden_reports_refused", "Reports refused", ["status"])
LONGEST_WAIT = 60.0
SUBJECT = "the host, cluster, project or account that a benchmark looked at, where the report does not name it"
# Waiting senders hold a thread each; beyond these they get their 202 at once and poll.
WAITERS = threading.BoundedSemaphore(4)


class AnyBody(BaseParser):
    """Accepts every content type and reads nothing: the body is stored before anybody looks into it."""

    media_type = "*/*"


class Question(serializers.Serializer[dict[str, Any]]):
    """What may be said in the query."""

    image = serializers.CharField(max_length=500, required=False, default="")
    subject = serializers.CharField(max_length=200, required=False, default="", allow_blank=True, help_text=SUBJECT)
    stage = serializers.ChoiceField(choices=Scan.Stage.choices, required=False, default="ci")
    format = serializers.ChoiceField(choices=[parser.NAME for parser in PARSERS], required=False, default="")
    wait = serializers.FloatField(min_value=0, max_value=LONGEST_WAIT, required=False, default=0)


class BySeverity(serializers.Serializer[dict[str, int]]):
    """Distinct findings by their worst severity."""

    critical = serializers.IntegerField()
    high = serializers.IntegerField()
    medium = serializers.IntegerField()
    low = serializers.IntegerField()
    unknown = serializers.IntegerField()


class ByResult(serializers.Serializer[dict[str, int]]):
    """Checks by result."""

    # `pass` is a keyword, so the fields are added by name.
    def get_fields(self) -> dict[str, Any]:
        """pass, fail, warn, info."""
        return {name: serializers.IntegerField() for name in ("pass", "fail", "warn", "info")}


class ReportImage(serializers.Serializer[dict[str, Any]]):
    """An image that the report speaks of."""

    id = serializers.IntegerField()
    reference = serializers.CharField()
    config_digest = serializers.CharField(allow_null=True)
    manifest_digest = serializers.CharField(allow_null=True)


class ReportResource(serializers.Serializer[dict[str, Any]]):
    """One report: what came and what it turned out to be."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["received", "processed", "quarantined"])
    duplicate = serializers.BooleanField()
    format = serializers.CharField(allow_null=True)
    scanner = serializers.CharField(allow_null=True)
    scanner_version = serializers.CharField(allow_null=True)
    stage = serializers.ChoiceField(choices=Scan.Stage.choices)
    received_at = serializers.DateTimeField()
    scanned_at = serializers.DateTimeField(allow_null=True)
    kind = serializers.ChoiceField(choices=["vulnerability", "sbom", "compliance", "vex", "event"], allow_null=True)
    images = ReportImage(many=True)
    entries = serializers.IntegerField(help_text="vulnerability statements in the file as written")
    findings = serializers.IntegerField(help_text="distinct (advisory, package name, installed version)")
    by_severity = BySeverity()
    checks = ByResult()
    packages = serializers.IntegerField()
    verdict = serializers.ChoiceField(choices=VERDICTS, allow_null=True, help_text="the worst of its images' verdicts")
    reasons = serializers.ListField(child=serializers.CharField(), help_text="how the report was understood")
    gate = GateSerializer(allow_null=True, help_text="the verdict with its reasons, as the gate answers it")
    error = serializers.CharField(allow_null=True)


ERRORS = {
    status: OpenApiResponse(OpenApiTypes.OBJECT, text)
    for status, text in {
        400: "damaged encoding or a wrong parameter",
        413: "over the size limit",
        415: "an archive or an unknown encoding",
        422: "quarantined, or the Idempotency-Key was used for another report",
        429: "this token sends too much; Retry-After",
        503: "no capacity now; Retry-After",
    }.items()
}


class Reports(APIView):
    """Scan reports come in here."""

    parser_classes = [AnyBody]
    scopes = (Token.Scope.INGEST, Token.Scope.READ)
    write_scopes = (Token.Scope.INGEST,)

    @extend_schema(
        operation_id="report_create",
        parameters=[Question, OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
        request={"application/json": OpenApiTypes.OBJECT, "text/csv": OpenApiTypes.STR},
        responses={200: ReportResource, 202: ReportResource, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Store the report exactly as the scanner wrote it, then process it."""
        question = Question(data=request.query_params)
        if not question.is_valid():
            raise ValidationError(question.errors)
        envelope = envelope_of(request, question.validated_data)
        pk, duplicate = take(request, envelope)
        ACCEPTED.labels(str(duplicate).lower()).inc()
        delivery = wait_for(pk, question.validated_data["wait"])
        return answer(delivery, duplicate, envelope.viewer if question.validated_data["wait"] else None)


def envelope_of(request: Request, said: dict[str, Any]) -> Envelope:
    """What the sender says beside the body. Only tokens send here: a person's browser must not."""
    viewer = viewer_of(request)
    if not isinstance(viewer, Token):
        raise Problem(403, "send reports with a token of scope ingest")
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > 200:
        raise Problem(400, "an Idempotency-Key has at most 200 characters")
    return Envelope(viewer, said["image"], said["stage"], said["format"], key, subject=said["subject"])


def take(request: Request, envelope: Envelope) -> tuple[int, bool]:
    """Read and commit the body, refusing in the order: capacity, size, form."""
    try:
        GAUGE.check(envelope.source)
        length = request.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else None
        body = receive(source_of(request), request.headers.get("Content-Encoding", ""), size)
        if not body.raw_bytes:
            raise Refused(400, "the body is empty: send the report itself (curl --data-binary @report.json)")
        return accept(body, envelope)
    except Busy as busy:
        REFUSED.labels(str(busy.status)).inc()
        raise Problem(busy.status, str(busy), {"Retry-After": str(busy.seconds)}) from busy
    except Refused as refused:
        REFUSED.labels(str(refused.status)).inc()
        raise Problem(refused.status, str(refused)) from refused
    except KeyReused as reused:
        raise Problem(422, str(reused)) from reused


def source_of(request: Request) -> Source:
    """The body as a stream. One sent in chunks has no length, so Django thinks it empty; the server knows its end."""
    chunked = request.headers.get("Transfer-Encoding", "").lower() == "chunked"
    if chunked and request.META.get("wsgi.input_terminated"):
        source: Source = request.META["wsgi.input"]
        return source
    return request._request


def wait_for(pk: int, seconds: float) -> Delivery:
    """The delivery, as soon as it is finished or `seconds` have passed."""
    delivery = Delivery.objects.get(pk=pk)
    if not delivery.is_open or not seconds or not WAITERS.acquire(blocking=False):
        return delivery
    try:
        until, pause = time.monotonic() + seconds, 0.02
        while (delivery.is_open or is_settling(pk)) and time.monotonic() < until:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
            delivery = Delivery.objects.get(pk=pk)
    finally:
        WAITERS.release()
    return delivery


# What a report leads to beside its own rows: its images' bases, and with them what is inherited.
SETTLING = """
SELECT EXISTS (SELECT FROM findings_scan scan WHERE scan.delivery = %s AND (
    EXISTS (SELECT FROM images_lineagework WHERE image_id = scan.image_id)
    OR EXISTS (SELECT FROM images_splitwork WHERE image_id = scan.image_id)
    OR EXISTS (SELECT FROM findings_rematch WHERE image = scan.image_id)))
"""


def is_settling(pk: int) -> bool:
    """Whether the verdict on its images still rests on half of what the report tells."""
    with connection.cursor() as cursor:
        cursor.execute(SETTLING, [pk])
        return bool(cursor.fetchone()[0])


def answer(delivery: Delivery, duplicate: bool, asker: Viewer | None) -> Response:
    """200 when finished or known, 202 when not yet, 422 when it is in quarantine."""
    resource = report_resource(delivery, duplicate, asker)
    if delivery.state == Delivery.State.QUARANTINED:
        raise Problem(422, delivery.error, **{name: resource[name] for name in resource if name != "type"})
    status = 200 if duplicate or not delivery.is_open else 202
    return Response(resource, status=status, headers={"Location": f"/api/v1/reports/{delivery.pk}/"})


class Report(APIView):
    """One report."""

    scopes = (Token.Scope.INGEST, Token.Scope.READ)

    @extend_schema(operation_id="report_retrieve", responses=ReportResource)
    def get(self, request: Request, pk: int) -> Response:
        """State and figures; a token sees what it sent, and what its team may read."""
        delivery = Delivery.objects.visible_to(viewer_of(request)).filter(pk=pk).first()
        if delivery is None:
            raise Http404
        return Response(report_resource(delivery))
