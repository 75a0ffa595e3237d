"""The benchmarks still fit the product: small runs of the parts that know its tables and pages."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest

from governance.images.models import Image
from scanning.admission_review import read_review
from scanning.models import Delivery
from scanning.parsers import PARSERS, parse
from scanning.parsers.document import open_document
from tests.bench import budgets, feeds, formats, gates, lineage, lives, pages, policy, seed, visits
from tests.bench.asking import Asker
from tests.bench.documents import USUAL, for_image, report
from tests.bench.large import body_of
from tests.make import deliver


def test_the_usual_report_is_one_megabyte_with_300_findings() -> None:
    body = report(USUAL)
    read = parse(open_document(body))
    assert 1_000_000 <= len(body) <= 1_200_000
    assert read.entries == len(set(read.images[0].matches)) == 300


def test_a_report_for_another_image_differs_only_in_what_it_names() -> None:
    template = report(USUAL)
    first, second = (parse(open_document(for_image(template, image, minute=image))) for image in (1, 2))
    assert len(for_image(template, 1)) == len(template)
    assert first.scanned_at != second.scanned_at
    assert {match.advisory for match in first.images[0].matches} == {
        match.advisory for match in second.images[0].matches
    }
    facts = first.images[0].image, second.images[0].image
    assert facts[0].config_digest != facts[1].config_digest
    assert facts[0].diff_ids[:-1] == facts[1].diff_ids[:-1]


@pytest.mark.django_db
def test_a_seeded_fleet_is_like_one_that_came_by_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed, "settle", lambda: None)  # VACUUM does not run inside a test's transaction
    monkeypatch.setattr(pages, "TIMES", 0)
    monkeypatch.setattr(feeds, "ROWS", 2_000)
    users = {"people": 2, "pages_per_second": 1.0, "p50_ms": 1.0, "p95_ms": 2.0, "slowest": ["/ 2 ms"], "failed": []}
    found = {"seed": seed.measure("500"), "lineage": lineage.measure(), "policy": policy.measure(), "users": users}
    found |= {"lives": lives.measure(), "pages": pages.measure()}
    found["feeds"] = feeds.measure()
    assert found["lives"]["entries"] > 380
    assert found["lives"]["kinds"] >= 12
    assert found["lineage"]["with_base"] == 480
    assert len(visits.measure("2")["cookies"]) == 2
    assert Image.objects.present().count() == 500
    assert Image.objects.get(pk=400).finding_set.critical == Image.objects.get(pk=400).critical
    answered = {row["status"] for row in found["pages"]["pages"]}
    assert answered == {200}, [row for row in found["pages"]["pages"] if row["status"] != 200]
    assert budgets.table(budgets.lines_of({"fleet": found}))


@pytest.mark.django_db
def test_a_report_of_the_benchmark_is_recorded() -> None:
    assert deliver(for_image(report(USUAL), 7)).state == Delivery.State.DONE
    assert Image.objects.get().findings_total == 300


def test_every_format_is_grown_to_what_its_parser_still_reads() -> None:
    found = formats.measure(size=30_000, rounds=1)
    assert set(found) >= {parser.NAME for parser in PARSERS} - {"empty"}
    assert budgets.format_table(found)
    assert budgets.lines_of({"formats": {name: one | {"bytes": 10**6} for name, one in found.items()}})


@pytest.mark.django_db
def test_a_grown_report_of_grype_has_its_findings() -> None:
    row = deliver(body_of("grype", 1))
    assert row.state == Delivery.State.DONE
    assert (row.result or {})["findings"] > 3_000


class Sluggish(BaseHTTPRequestHandler):
    """Stands still for a moment at the first question."""

    def do_GET(self) -> None:
        time.sleep(0.0 if getattr(self.server, "awake", False) else 0.3)
        self.server.awake = True  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Nothing."""


def test_a_wait_counts_from_when_the_question_was_due() -> None:
    """Not from when it could be sent: thirty in a row wait for a server that stands still at the first."""
    server = HTTPServer(("127.0.0.1", 0), Sluggish)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    asker = Asker(server.server_port, [b"GET / HTTP/1.0\r\n\r\n"], 200.0)
    # In a thread of its own: where tests share a browser, this one has its event loop.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(asker.run(30))).result()
    server.shutdown()
    server.server_close()
    assert (len(asker.waits), asker.wrong) == (30, {})
    assert sum(wait > 0.1 for wait in asker.waits) >= 20


def test_pods_of_the_benchmark_name_known_and_unknown_images() -> None:
    requests = gates.admission_requests("pw_1", 50)
    reviews = [read_review(msgspec.json.decode(text.partition("\r\n\r\n")[2])) for text in requests]
    images = [name for review in reviews for name in review.images]
    assert max(len(review.images) for review in reviews) == 4
    shares = [sum(word in name for name in images) / len(images) for word in ("@sha256:", ":build-", "stranger")]
    assert shares == pytest.approx([0.4, 0.4, 0.2], abs=0.05)
    one = {"answers_per_second": 200.0, "p50_ms": 2.0, "p90_ms": 3.0, "p99_ms": 9.0, "own_cpu": 0.05, "wrong": {}}
    found = {"beside": one, "alone": one | {"web_cpu_ms": 1.0, "database_cpu_ms": 0.4}}
    assert all(line.holds is not False for line in budgets.answers("gate", found))
