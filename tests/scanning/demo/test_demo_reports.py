"""What the generator writes: the same every time, true in itself, and read by our own parsers."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from governance.findings.report import Outcome, ReportError
from scanning.demo.fleet import RECIPES, TEAMS
from scanning.demo.images import build_all
from scanning.demo.reports import CLUSTER, Report, reports
from scanning.demo.sources import sources
from scanning.demo.statements import statements
from scanning.parsers import parse
from scanning.parsers.document import open_document

TODAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def fleet() -> list[Report]:
    return reports(TODAY)


def test_it_writes_the_same_bytes_every_time(fleet: list[Report]) -> None:
    assert [report.write() for report in reports(TODAY)] == [report.write() for report in fleet]


def test_another_day_moves_the_times_and_nothing_else(fleet: list[Report]) -> None:
    later = reports(TODAY + timedelta(days=30))
    moves = {there.at - here.at for here, there in zip(fleet, later, strict=True)}
    assert moves == {timedelta(days=30)}
    assert [report.stage for report in later] == [report.stage for report in fleet]


def test_nothing_lies_in_the_future(fleet: list[Report]) -> None:
    assert max(report.at for report in fleet) < TODAY
    assert max(image.created for image in build_all(TODAY)) < TODAY


def test_the_fleet_has_the_size_that_people_were_told() -> None:
    images = build_all(TODAY)
    assert 55 <= len(images) <= 70
    assert len({recipe.repository for recipe in RECIPES if recipe.parent}) >= 9
    assert {recipe.team for recipe in RECIPES} == set(TEAMS)


def test_children_stand_on_the_layers_of_their_base() -> None:
    children = [image for image in build_all(TODAY) if image.base]
    assert {len(image.layers) for image in children if image.base and image.base.base} >= {4, 5}
    for image in children:
        assert image.base
        assert image.layers[: len(image.base.layers)] == image.base.layers
        assert image.base.day <= image.day


def test_digests_are_those_of_the_bytes() -> None:
    for image in build_all(TODAY):
        assert image.config_digest == f"sha256:{hashlib.sha256(image.config).hexdigest()}"
        manifest = json.loads(image.manifest)
        assert manifest["config"]["digest"] == image.config_digest
        assert manifest["config"]["size"] == len(image.config)
        assert json.loads(image.config)["rootfs"]["diff_ids"] == [layer.diff_id for layer in image.layers]


def test_an_image_for_two_platforms_is_published_under_one_digest() -> None:
    pairs = [image for image in build_all(TODAY) if image.recipe.arm]
    assert len({image.config_digest for image in pairs}) == 2 * len({image.published for image in pairs})


def test_only_identifiers_that_exist_nowhere_are_used() -> None:
    flaws = [flaw for source in sources().values() for flaw in source.flaws]
    assert len({flaw.cve for flaw in flaws}) == len(flaws) > 100
    assert all(flaw.cve.startswith("CVE-2099-") for flaw in flaws)
    assert all(flaw.ghsa.startswith("GHSA-0000-0000-") for flaw in flaws if flaw.ghsa)


def test_findings_appear_and_vanish_over_the_weeks() -> None:
    builds = [image for image in build_all(TODAY) if image.recipe.repository == "shop/checkout"]
    first, last = builds[0], builds[-1]
    fresh, old = ({one.flaw.cve for one in statements(first, day)} for day in (-1, first.day))
    assert len(fresh - old) > 5
    assert len(fresh - {one.flaw.cve for one in statements(last, -1)}) > 5


def test_our_parsers_read_every_report_but_the_one_that_was_cut_off(fleet: list[Report]) -> None:
    unread = []
    for report in fleet:
        try:
            read = parse(open_document(report.write()))
        except ReportError:
            unread.append(report)
            continue
        assert CLUSTER in report.write().decode() or read.scanned_at == report.at
        assert all(scan.image.references for scan in read.images)
    assert unread == fleet[-1:]


def test_both_scanners_say_the_same_of_an_image(fleet: list[Report]) -> None:
    read = [parse(open_document(report.write())) for report in fleet[:-1]]
    by_scanner = {
        report.scanner: {(match.package.name, match.package.version) for match in report.images[0].matches}
        for report in read
        if any("base/ubuntu:24.04-2" in name for name in report.images[0].image.references)
    }
    assert len(by_scanner["trivy"] & by_scanner["grype"]) > 20


def test_there_is_a_failed_scan_and_one_that_proves_nothing(fleet: list[Report]) -> None:
    outcomes = [scan.outcome for report in fleet[:-1] for scan in parse(open_document(report.write())).images]
    assert outcomes.count(Outcome.FAILED) == 1
    assert (outcomes.count(Outcome.UNASSESSED), outcomes.count(Outcome.UNSUPPORTED)) == (1, 1)
