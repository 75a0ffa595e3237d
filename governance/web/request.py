"""What the code below a view may know of the request being answered."""

from __future__ import annotations

from contextvars import ContextVar

# (request id, address of the caller); empty in workers and on the command line.
REQUEST: ContextVar[tuple[str, str]] = ContextVar("request", default=("", ""))
