"""Keyset paging for the API: `{next, previous, results}`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.web.keyset import Page, paginate
from governance.web.problems import Problem

MAX_SIZE = 200


class KeysetPagination(BasePagination):
    """The view names its order in `keyset` (default newest first); `?cursor=` comes from `next`, `?size=` up to 200."""

    page: Page
    request: Request

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """One page."""
        self.request = request
        size = request.query_params.get("size", "50")
        if not size.isdecimal() or not 1 <= int(size) <= MAX_SIZE:
            raise Problem(400, f"size must be a whole number from 1 to {MAX_SIZE}")
        order = getattr(view, "keyset", ("-id",))
        self.page = paginate(queryset, order, int(size), request.query_params.get("cursor", ""))
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        """Wrap it."""
        return Response({"next": self.link(self.page.older), "previous": self.link(self.page.newer), "results": data})

    def link(self, cursor: str | None) -> str | None:
        """The address of another page, with the same filters."""
        if cursor is None:
            return None
        query = {name: value for name, value in self.request.query_params.items() if name != "cursor"}
        return self.request.build_absolute_uri(f"{self.request.path}?{urlencode({**query, 'cursor': cursor})}")

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """For the OpenAPI document."""
        link = {"type": "string", "nullable": True, "format": "uri"}
        return {
            "type": "object",
            "required": ["results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For the OpenAPI document."""
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "from `next`"},
            {"name": "size", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MAX_SIZE}},
        ]
