"""Statements that are sent hundreds of times a second: the server keeps their plans, which cost more than they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection


@contextmanager
def kept_plans() -> Iterator[None]:
    """What is sent in here is planned once a connection. Pages are not: their best plan depends on what is asked."""
    connection.ensure_connection()
    connected = connection.connection
    before = connected.prepare_threshold
    connected.prepare_threshold = settings.PREPARE_AFTER or None
    try:
        yield
    finally:
        connected.prepare_threshold = before
