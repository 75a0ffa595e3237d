"""Events of registries: verified by the sender's own scheme, stored before they are answered, taken as hints.

An event is a delivery like any other, but nothing in it is believed: what it hints at is looked up in the registry.
"""

from __future__ import annotations

import io
from typing import NoReturn

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from prometheus_client import Counter

from governance.web.problems import problem
from governance.web.vault import NoKey
from scanning.body import Refused
from scanning.capacity import GAUGE, Busy
from scanning.hooks import Hook, find
from scanning.hooks.google import KeysAway, verified
from scanning.hooks.proof import CHECKS, SIGNED, Call
from scanning.models_hooks import WebhookSource
from scanning.webhook_sources import note, secrets_of, store

HEARD = Counter("portwarden_webhooks_heard", "Events that proved themselves and were stored", ["kind"])
REFUSED = Counter("portwarden_webhooks_refused", "Calls of webhook endpoints that were refused", ["status"])


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, kind: str, source: str) -> HttpResponse:
    """`POST /webhooks/KIND/SOURCE/`: 200 once it is stored, whatever is in it, if the sender proved itself."""
    try:
        pk, duplicate = arrived(request, kind, source)
        return JsonResponse({"id": pk, "duplicate": duplicate})
    except Refused as refused:
        answer = problem(refused.status, str(refused))
        if refused.status == 401:
            answer["WWW-Authenticate"] = "Bearer"
    except Busy as busy:
        answer = problem(busy.status, str(busy), {"Retry-After": str(busy.seconds)})
    REFUSED.labels(str(answer.status_code)).inc()
    # Django logs the address of what was refused, and a secret may stand in it.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def arrived(request: HttpRequest, kind: str, named: str) -> tuple[int, bool]:
    """Check in the order: source, size, proof, capacity; then store. Raises `Refused` and `Busy`."""
    name, _, path = named.partition(".")
    source, hook = WebhookSource.objects.filter(kind=kind, name=name, is_enabled=True).first(), find(kind)
    if source is None or hook is None:
        raise Refused(404, "there is no such source")
    headers = headers_of(request)
    # Where only headers prove, nothing of a stranger's body is read.
    if hook.SCHEME not in SIGNED:
        check(Call(headers, b"", path), source, hook)
    elif SIGNED[hook.SCHEME] not in headers:
        refuse(source)
    body = read(request, hook.LIMIT)
    if hook.SCHEME in SIGNED:
        check(Call(headers, body, path), source, hook)
    GAUGE.check(source.key)
    found = store(source, body)
    HEARD.labels(kind).inc()
    return found


def check(call: Call, source: WebhookSource, hook: Hook) -> None:
    """Raise `Refused` where the call does not come from who knows the secret."""
    if not proves(call, source, hook):
        refuse(source)


def refuse(source: WebhookSource) -> NoReturn:
    """Say no more than that: nothing tells what was wrong."""
    note(source, "refused_at")
    raise Refused(401, "this call does not prove that it comes from the source")


def headers_of(request: HttpRequest) -> dict[str, str]:
    """By lower-case name."""
    return {name.lower(): value for name, value in request.headers.items()}


def read(request: HttpRequest, limit: int) -> bytes:
    """The body's bytes as they came. Raises `Refused`: 413 over the limit, 400 where it is cut off, 415 if packed."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refused(415, "events are not taken in a content encoding: what was signed could not be told")
    length = request.headers.get("Content-Length", "")
    chunked = request.headers.get("Transfer-Encoding", "").lower() == "chunked"
    stream = request.META["wsgi.input"] if chunked and request.META.get("wsgi.input_terminated") else request
    size = int(length) if length.isdecimal() and len(length) < 20 else 0
    if size > limit:
        raise Refused(413, f"an event of this kind has at most {limit // 2**20} MiB")
    body = bytearray()
    while len(body) <= limit and (piece := _piece(stream, limit + 1 - len(body))):
        body += piece
    if len(body) > limit:
        raise Refused(413, f"an event of this kind has at most {limit // 2**20} MiB")
    if len(body) < size:
        raise Refused(400, f"the body was cut off after {len(body):,} bytes")
    return bytes(body)


def _piece(stream: io.BufferedIOBase | HttpRequest, most: int) -> bytes:
    try:
        return stream.read(min(most, 65_536))
    except Exception as error:
        # Each server has errors of its own for a body that breaks off.
        raise Refused(400, "the body was cut off") from error


def proves(call: Call, source: WebhookSource, hook: Hook) -> bool:
    """The call comes from who knows the source's secret. Raises `Busy` where that cannot be told now."""
    try:
        if hook.SCHEME == "google":
            return verified(call.headers.get("authorization", ""), source.address(), source.account)
        return CHECKS[hook.SCHEME](call, secrets_of(source))
    except KeysAway as away:
        raise Busy(503, 60, "the signature cannot be checked now") from away
    except NoKey as missing:
        raise Busy(503, 600, "the secret of this source cannot be opened: ENCRYPTION_KEY is missing") from missing
