"""Twenty people at the pages of the fleet at once, through gunicorn: what a reader waits while others read, too."""

from __future__ import annotations

import http.client
import random
import threading
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from governance.local.datadir import DataDirectory
from governance.local.instance import HOST, free_port, programs
from governance.local.process import start, stop
from tests.bench.ground import Ground, part
from tests.bench.stack import percentile, wait_until_ready

PEOPLE = 20
SECONDS = 30.0
# A person looks at a page before they ask for the next: so many seconds, somewhere between.
LOOKING = (1.0, 3.0)


def measure(ground: Ground, environment: dict[str, str]) -> dict[str, Any]:
    """Start the web process on the fleet's database and let half the people be administrators, half members."""
    port = free_port(0)
    environment = environment | {"BASE_URL": f"http://{HOST}:{port}", "WEB_CONCURRENCY": "2"}
    visits = part(environment, "visits", PEOPLE)
    web = programs(DataDirectory(ground.directory), port, environment)[0]
    process = start(web)
    try:
        wait_until_ready(port)
        return visited(port, visits["cookies"], [quote(path, safe="/?=&%:") for path in visits["paths"]])
    finally:
        stop(process, web)


def visited(port: int, cookies: list[str], paths: list[str]) -> dict[str, Any]:
    """What all of them met; the first seconds, in which caches fill, do not count."""
    seconds: list[tuple[float, str]] = []
    failed: list[str] = []
    counted, until = time.monotonic() + SECONDS / 6, time.monotonic() + SECONDS * 7 / 6

    def read(number: int, cookie: str) -> None:
        chance = random.Random(number)
        while time.monotonic() < until:
            time.sleep(chance.uniform(*LOOKING))
            path = chance.choice(paths)
            # A new one each time: the server closes what is quiet for two seconds.
            connection = http.client.HTTPConnection(HOST, port, timeout=30)
            asked = time.perf_counter()
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            if answer.status != HTTPStatus.OK:
                failed.append(f"{path} ({answer.status})")
            elif time.monotonic() > counted:
                seconds.append((time.perf_counter() - asked, path))

    threads = [threading.Thread(target=read, args=pair) for pair in enumerate(cookies)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = [taken for taken, _ in seconds]
    return {
        "people": len(cookies),
        "pages": len(times),
        "pages_per_second": len(times) / SECONDS,
        "p50_ms": percentile(times, 0.5) * 1000,
        "p95_ms": percentile(times, 0.95) * 1000,
        "slowest": [f"{path} {taken * 1000:.0f} ms" for taken, path in sorted(seconds, reverse=True)[:10]],
        "failed": sorted(set(failed)),
    }
