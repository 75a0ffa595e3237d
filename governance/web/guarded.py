"""The library `requests`, led the one way out: for what is built on it and cannot be given another client.

Loaded by nothing but what needs it: `requests` costs memory.
"""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import BaseAdapter

from governance.web.outbound import Client, Limits, OutboundError


class Guarded(BaseAdapter):
    """Sends through `governance.web.outbound`: no proxy, certificate or time limit of the caller's counts."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__()
        self.limits = limits

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """One request, no redirects. Raises `requests.ConnectionError`, caused by an `OutboundError`."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        # Only what `Client` itself decodes is asked for.
        headers = {name: text(value) for name, value in request.headers.items() if name.lower() != "accept-encoding"}
        with Client(limits=self.limits) as client:
            try:
                answer, content = client.fetch(
                    request.method or "GET",
                    request.url or "",
                    headers=headers,
                    body=body,  # type: ignore[arg-type]
                )
            except OutboundError as error:
                raise requests.ConnectionError(str(error)) from error
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, answer.url, request
        response.headers.update(answer.headers)
        response._content = content
        return response

    def close(self) -> None:
        """Nothing is kept."""


def text(value: str | bytes) -> str:
    """A header's value."""
    return value if isinstance(value, str) else value.decode("latin-1")
