"""What surrounds every request: an id, a sign-in, and a clear answer while the database is away."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from urllib.parse import urlencode

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django.urls import Resolver404, resolve

from governance.web.problems import problem
from governance.web.request import REQUEST

type Next = Callable[[HttpRequest], HttpResponse]

GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
RETRY_SECONDS = 5


class RequestId:
    """Give each request an id (or take the caller's), for logs, errors and the audit trail."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        name = given if GIVEN.fullmatch(given) else secrets.token_hex(8)
        token = REQUEST.set((name, request.META.get("REMOTE_ADDR", "")))
        try:
            response = self.get_response(request)
        finally:
            REQUEST.reset(token)
        response["X-Request-Id"] = name
        response.setdefault("Cache-Control", "no-store")
        response.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response


class Unavailable:
    """The database is away: 503 with Retry-After instead of a 500, whatever was being done."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer only for connection troubles; all else is a fault of ours and stays a 500."""
        return unavailable(request) if isinstance(error, OperationalError | InterfaceError) else None


def unavailable(request: HttpRequest) -> HttpResponse:
    """503 in the form the caller reads."""
    text = "the database cannot be reached; nothing was lost, try again in a few seconds"
    if request.path.startswith(("/api/", "/webhooks/")):
        response: HttpResponse = problem(503, text)
    else:
        response = render(request, "503.html", {"text": text}, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


class LoginRequired:
    """Every page needs a sign-in but for those that say otherwise; API and webhooks authenticate by themselves."""

    OPEN = (
        "/api/",
        "/webhooks/",
        "/admission/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/static/",
        "/login/",
        "/programs/",
        # Whoever has the mail may end it; the address proves that.
        "/digests/unsubscribe/",
    )

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(self.OPEN) or request.user.is_authenticated:
            return self.get_response(request)
        try:
            resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        target = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': request.get_full_path()})}"
        response = HttpResponse(status=302, headers={"Location": target})
        if request.headers.get("HX-Request"):
            response = HttpResponse(status=204, headers={"HX-Redirect": target})
        return response
