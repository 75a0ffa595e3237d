"""Reports are read while feeds change and their news is carried on: nobody dies, and the end is right."""

from __future__ import annotations

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from governance.findings import weigh
from governance.findings.enrichment import Exploit, Score, enrich, look_again, store_exploits, store_scores
from governance.findings.models import Enrichment, Finding
from governance.findings.risk import risk
from governance.findings.state import settle
from governance.images.models import Image
from scanning.deliveries import Envelope, accept
from scanning.models import Delivery
from tests.make import digest_of, make_body, make_grype, make_report, make_vulnerability
from tests.state import drain, empty

CVES = [f"CVE-2099-{number}" for number in range(1000, 1030)]
DAY = date(2026, 11, 1)


def scores(turn: int) -> list[Score]:
    """A day's scores; no day has all."""
    return [Score(cve, (place * 37 + turn * 11) % 100 / 100, 0.5) for place, cve in enumerate(CVES[turn % 5 :])]


def send(number: int, dice: random.Random) -> None:
    """A report of some of them; every third teaches what a distribution's advisory covers."""
    config = digest_of(f"config {number % 12}")
    if number % 3 == 0:
        document: dict[str, Any] = make_grype(f"DSA-{number % 5}-1", aliases=dice.sample(CVES, 2))
        document["source"]["target"] |= {"imageID": config, "userInput": f"registry.example/shop/i{number % 12}:1"}
    else:
        found = [make_vulnerability(cve, package=f"lib{cve[-1]}") for cve in dice.sample(CVES, 8)]
        document = make_report(f"registry.example/shop/i{number % 12}:1", config=config, vulnerabilities=found)
    accept(make_body(document), Envelope(idempotency_key=str(number)), ring=False)


def feed(turns: Iterable[int]) -> int:
    """What the periodic tasks do, and how often the database ended one of two that waited for each other."""
    ended = 0
    try:
        for turn in turns:
            try:
                store_scores(scores(turn))
                store_exploits([Exploit(cve, DAY, None, False) for cve in CVES[turn % 7 :: 3]])
                weigh.settle_weights()
            except OperationalError:
                ended += 1
        return ended
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_reports_and_feeds_at_once() -> None:
    dice = random.Random(1)
    try:
        for number in range(60):
            send(number, dice)
        with ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(drain), pool.submit(drain), pool.submit(feed, range(12))]
            assert [job.result() for job in jobs][2] <= 2
        feed([12])
        Enrichment.objects.update(stored_at=timezone.now() - timedelta(minutes=6))
        look_again()
        settle(1_000)
        weigh.settle_weights()
        assert enrich() == set()
        assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
        images = Image.objects.present().select_related("finding_set", "split")
        assert [shown(image) for image in images] == [expected(image) for image in images]
        assert sum(image.exploited for image in images) > 10
    finally:
        empty()


def shown(image: Image) -> tuple[int, float | None, int | None]:
    return image.exploited, image.epss, image.risk


def expected(image: Image) -> tuple[int, float | None, int]:
    """The same from the findings themselves."""
    assert image.finding_set
    rows = Finding.objects.filter(pk__in=image.finding_set.findings).select_related("advisory__vulnerability")
    lines = {(row.advisory.vulnerability, row.package_id) for row in rows}
    known = [group.epss for group, _ in lines if group.epss is not None]
    exploited = sum(group.kev_added is not None for group, _ in lines)
    return exploited, max(known, default=None), risk(weigh.facts_of(image))
