"""Package lists matched with advisories: all of a fleet once, then what a day's changes cost."""

from __future__ import annotations

import io
import json
import random
import zipfile
from typing import Any

from django.db import connection

from governance.findings.osv.rematch import wait_all, work_off
from governance.findings.osv.store import load
from scanning.feeds.osv import Archive
from tests.bench import seed
from tests.bench.cost import milliseconds

DICE = random.Random(7)


def record(number: int, changed: bool = False) -> dict[str, Any]:
    """An advisory on one package of the fleet in two releases, as Debian's look."""
    name = f"lib{number * 7919 % 4_000}"
    fixed = f"{number % 11}.{number % 3}-{2 if changed else 1}"
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    versions = [f"0.{minor}.0-1" for minor in range(number % 15)]
    affected = [
        {"package": {"ecosystem": f"Debian:{release}", "name": name}, "ranges": ranges, "versions": versions}
        for release in (11, 12)
    ]
    return {
        "id": f"DEBIAN-CVE-2099-{100_000 + number}",
        "modified": f"2026-08-{21 if changed else 20}T10:00:00Z",
        "upstream": [f"CVE-2099-{100_000 + number}"],
        "details": "An invented flaw for the benchmark: a crafted request makes the parser read beyond its buffer. "
        * 3,
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],
        "affected": affected,
    }


def archive(amount: int, changed: frozenset[int] = frozenset()) -> io.BytesIO:
    """The ecosystem's file."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for number in range(amount):
            one = record(number, number in changed)
            file.writestr(f"{one['id']}.json", json.dumps(one))
    return into


def rows() -> dict[str, int]:
    """Rows of the tables that matching fills."""
    tables = ("osvrecord", "osvaffected", "matched", "findingset", "finding", "scan")
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            size = f"pg_total_relation_size('findings_{table}')"
            cursor.execute(f"SELECT count(*), {size} FROM findings_{table}")  # noqa: S608 (names of ours)
            found[table], found[f"{table}_bytes"] = cursor.fetchone()
    return found


def measure(images: str, advisories: str) -> dict[str, Any]:
    """Seconds for each step: read the file, store it, match all images, and the same again for a day's changes."""
    seed.measure(images)
    amount = int(advisories)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE images_image SET distro = 'debian', distro_version = '12.11'")
        cursor.execute("UPDATE findings_scan SET inventory = true")
        cursor.execute("ANALYZE findings_scan")
    found: dict[str, Any] = {"images": int(images), "advisories": amount}
    changed = frozenset(DICE.sample(range(amount), amount // 100))
    for name, body in (("first", archive(amount)), ("day", archive(amount, changed))):
        offers: list[Archive] = []
        steps = {
            "read": lambda body=body, offers=offers: offers.append(Archive(body, "Debian")),
            "store": lambda offers=offers: load(offers[0]),
            "match": lambda: work_off(3_600),
        }
        found |= {f"{name}_{step}": milliseconds(work) / 1000 for step, work in steps.items()}
    wait_all()
    found["nothing_changed"] = milliseconds(lambda: work_off(3_600)) / 1000
    return found | rows()
