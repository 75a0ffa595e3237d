"""Errors as RFC 9457 problem details (`application/problem+json`)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework.exceptions import APIException, NotFound
from rest_framework.exceptions import ValidationError as FieldErrors
from rest_framework.views import set_rollback

from governance.web.request import REQUEST


class Problem(APIException):
    """An error with its own status, extra members and headers."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status_code = status
        self.members = members
        self.headers = headers or {}


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> JsonResponse:
    """Build the answer: type, title, status, detail, the request's id, and what the caller adds."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": REQUEST.get()[0],
        **members,
    }
    return JsonResponse(body, status=status, headers=headers, content_type="application/problem+json")


def exception_handler(error: Exception, context: dict[str, Any]) -> JsonResponse | None:
    """DRF's hook: every refusal of the API in one form; what is not ours to explain stays a logged 500."""
    set_rollback()
    if isinstance(error, Problem):
        return problem(error.status_code, str(error.detail), error.headers, **error.members)
    if isinstance(error, Http404 | NotFound):
        return problem(404, "there is no such thing, or it is not yours to see")
    if isinstance(error, PermissionDenied):
        return problem(403, str(error) or "you may not do that")
    if isinstance(error, ValidationError):
        return problem(400, "; ".join(error.messages), errors=getattr(error, "message_dict", {}))
    if isinstance(error, OperationalError | InterfaceError):
        return problem(503, "the database cannot be reached; try again in a few seconds", {"Retry-After": "5"})
    return _api_exception(error) if isinstance(error, APIException) else None


def _api_exception(error: APIException) -> JsonResponse:
    headers: dict[str, str] = {}
    if asks := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = asks
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    if isinstance(error, FieldErrors):
        return problem(400, "some fields are wrong", headers, errors=error.detail)
    return problem(error.status_code, str(error.detail), headers)
