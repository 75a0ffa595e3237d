"""A registry of 10,000 tags is crawled: from nothing, and where nothing changed.

The registry is a double in a process of its own (`shelf.py`).
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from governance.images.models import Image, Tag
from governance.web.addresses import Allowed
from scanning import crawl, pool
from scanning.connections import save_connection
from scanning.models import Connection, RepositoryCrawl
from tests.bench.cost import recorded


def whole(row: Connection) -> dict[str, Any]:
    """Crawl all of it, as a worker does; seconds, CPU of this process, statements."""
    Connection.objects.filter(pk=row.pk).update(next_at=timezone.now())
    RepositoryCrawl.objects.filter(connection=row).update(next_at=timezone.now())
    began, busy = time.monotonic(), time.process_time()
    with recorded() as statements:
        while crawl.work(only=row.pk):
            pass
    took = {"seconds": time.monotonic() - began, "busy": time.process_time() - busy}
    unread = RepositoryCrawl.objects.exclude(error="", unread=0)
    assert not unread.exists(), unread[0].error
    return took | {"statements": len(statements.sent)}


def measure(tags: str = "10000") -> dict[str, Any]:
    """The first crawl, and one that finds nothing new; two worker processes share such work, this is one."""
    command = [sys.executable, "-m", "tests.bench.shelf", tags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as double:
        assert double.stdout
        try:
            port = int(double.stdout.readline())
            return figures(port)
        finally:
            double.terminate()


def figures(port: int) -> dict[str, Any]:
    """What crawling the registry at that port takes."""
    pool.keep_plans()
    connection.close()
    place = f"127.0.0.1:{port}"
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([place])
    row = save_connection(None, None, {"base_url": f"http://{place}", "is_insecure": True})
    first = whole(row)
    tags = Tag.objects.filter(until=None).values("repository", "name").distinct().count()
    return {"tags": tags, "images": Image.objects.present().count(), "first": first, "again": whole(row)}
