"""The benchmarks still fit the product: small runs of the parts that know its tables and pages."""

import pytest

from governance.images.models import Image
from scanning.models import Delivery
from scanning.parsers import PARSERS, parse
from scanning.parsers.document import open_document
from tests.bench import budgets, feeds, formats, lineage, pages, policy, seed, visits
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
    found = {"seed": seed.measure("500"), "pages": pages.measure(), "users": users}
    found["feeds"] = feeds.measure()
    found["lineage"] = lineage.measure()
    found["policy"] = policy.measure()
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
