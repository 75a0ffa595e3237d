"""What people complain of in public when much arrives at once: uploads that meet, and reports of any size."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from governance.findings.models import Advisory, Finding, FindingSet, Package, Scan
from governance.images.models import Image, Tag
from scanning import ingest
from scanning.models import Delivery
from tests.conftest import Machine
from tests.make import digest_of, make_report, make_token, make_vulnerability
from tests.state import drain

URL = "/api/v1/reports/"
MANY = 50_000
# On a quiet machine with two cores it takes 6 s; what must not be is a cost that grows with every finding.
SECONDS = 60.0


def upload(secret: str, document: dict[str, Any], query: str = "") -> tuple[int, int]:
    """Send from a thread of its own; returns status and delivery."""
    try:
        answer = Machine(secret).post(URL + query, json.dumps(document), content_type="application/json")
        return answer.status_code, answer.json()["id"]
    finally:
        connections.close_all()


def found(day: int) -> dict[str, Any]:
    """A report of one image, each with findings that the others share in part."""
    names = [make_vulnerability(f"CVE-2099-{number:04}") for number in range(day, day + 40)]
    return make_report(config=digest_of("api"), vulnerabilities=names, at=f"2026-09-{day:02}T09:00:00Z")


@pytest.mark.django_db(transaction=True)
def test_five_uploads_of_one_image_at_once_are_five_scans_of_one_image() -> None:
    secret = make_token()[1]
    with ThreadPoolExecutor(7) as pool:
        sent = [pool.submit(upload, secret, found(day), "?wait=30") for day in range(1, 6)]
        workers = [pool.submit(drain_until, sent) for _ in range(2)]
        answers = [one.result() for one in sent]
        assert all(worker.result() for worker in workers)
    assert {status for status, _ in answers} <= {200, 202}
    assert set(Delivery.objects.values_list("state", "attempts", "error")) == {("done", 1, "")}
    image = Image.objects.get()
    assert (image.high, image.scans.count(), image.scans.filter(is_current=True).count()) == (40, 5, 1)
    assert image.scans.get(is_current=True).scanned_at.day == 5
    assert (Finding.objects.count(), Advisory.objects.count(), Package.objects.count()) == (44, 44, 1)
    assert Tag.objects.get().since.day == 1


def drain_until(sent: list[Any]) -> bool:
    """Work as workers do as long as somebody waits for an answer."""
    while not all(one.done() for one in sent):
        drain()
    drain()
    return True


@pytest.mark.django_db(transaction=True)
def test_the_same_upload_five_times_at_once_is_one_scan() -> None:
    secret = make_token()[1]
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: upload(secret, found(1)), range(5)))
        list(pool.map(lambda work: work(), [drain] * 2))
    assert Counter(status for status, _ in answers) == {202: 1, 200: 4}
    assert len({pk for _, pk in answers}) == 1
    assert (Delivery.objects.count(), Scan.objects.count(), FindingSet.objects.count()) == (1, 1, 1)


@pytest.mark.django_db
def test_fifty_thousand_findings_in_one_report_are_read_in_bounded_time(machine: Machine, reader: Machine) -> None:
    started = time.monotonic()
    many = [make_vulnerability(f"CVE-2099-{number:06}", f"package{number % 5_000}") for number in range(MANY)]
    for day, rows in ((1, many), (2, many[1:])):
        document = make_report(config=digest_of("api"), vulnerabilities=rows, at=f"2026-09-{day:02}T09:00:00Z")
        answer = machine.post(URL, json.dumps(document), content_type="application/json")
        assert answer.status_code == 202
        ingest.work_off()
        told = machine.get(answer["Location"]).json()
        assert (told["state"], told["entries"], told["findings"]) == ("processed", len(rows), len(rows))
    assert time.monotonic() - started < SECONDS
    image = Image.objects.get()
    assert (image.high, Finding.objects.count(), FindingSet.objects.count()) == (MANY - 1, MANY, 2)
    assert len(reader.get(f"/api/v1/images/{image.pk}/findings/").json()["results"]) > 0
