"""What an image has of its base and what is its own; told in any order, by any scanner."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from django.db import connection

from governance.findings.models import FindingSplit
from governance.findings.split import prune_splits
from governance.findings.state import settle
from governance.images.claims import queue
from governance.images.models import Image, LineageWork, SplitWork
from tests.make import deliver, digest_of, make_grype, make_image, make_report, make_vulnerability

pytestmark = pytest.mark.django_db
BASE, LAYERS = [digest_of("layer 1"), digest_of("layer 2")], [digest_of(f"layer {n}") for n in (1, 2, 3)]


def scan(name: str, layers: list[str], names: tuple[str, ...], day: int = 1, **fields) -> None:
    """Trivy's report of an image with these vulnerabilities."""
    found = [make_vulnerability(word, **fields) for word in names]
    reference = f"registry.example/{name}:1"
    at = f"2026-08-{day:02}T09:00:00Z"
    deliver(make_report(reference, config=digest_of(name), vulnerabilities=found, at=at, DiffIDs=layers))


def own(name: str) -> tuple[str, int] | None:
    """(how it was compared, number of own findings); None without a split."""
    settle()
    assert not SplitWork.objects.exists()
    split = Image.objects.present().get(config_digest=digest_of(name)).split
    return (split.how, split.findings_total) if split else None


def base() -> None:
    scan("os", BASE, ("CVE-2099-0001", "CVE-2099-0002"))


def app() -> None:
    scan("app", LAYERS, ("CVE-2099-0002", "CVE-2099-0003"))


def rescan() -> None:
    scan("os", BASE, ("CVE-2099-0001",), day=2)


@pytest.mark.parametrize("order", list(permutations([base, app])))
def test_own_is_what_the_base_has_not(order) -> None:
    for arrive in order:
        arrive()
    assert own("app") == ("sets", 1)
    assert own("os") is None


@pytest.mark.parametrize("order", list(permutations([base, app, rescan])))
def test_it_follows_the_newest_scan_of_the_base_in_every_order(order) -> None:
    for arrive in order:
        arrive()
        settle()
    assert own("app") == ("sets", 2)


def test_a_package_that_the_image_upgraded_is_its_own() -> None:
    base()
    scan("app", LAYERS, ("CVE-2099-0001",), InstalledVersion="1.0.1")
    assert own("app") == ("sets", 1)


def test_another_severity_or_fix_of_the_same_line_is_no_other_finding() -> None:
    base()
    scan("app", LAYERS, ("CVE-2099-0001",), Severity="LOW", FixedVersion="9")
    assert own("app") == ("sets", 0)


def test_an_alias_learned_later_closes_the_gap() -> None:
    base()
    scan("app", LAYERS, ("GHSA-aaaa-bbbb-cccc",))
    assert own("app") == ("sets", 1)
    deliver(make_grype("GHSA-aaaa-bbbb-cccc", aliases=["CVE-2099-0001"]))
    assert own("app") == ("sets", 0)


def test_a_scanner_that_never_saw_the_base_is_said_so() -> None:
    deliver(make_report("registry.example/os:1", config=digest_of("os"), DiffIDs=BASE))
    deliver(make_report("registry.example/app:1", config=digest_of("config"), vulnerabilities=[], DiffIDs=LAYERS))
    deliver(make_grype("CVE-2099-0009"))
    assert own("config") == ("mixed", 1)


def test_without_a_scan_of_the_base_the_layers_decide() -> None:
    scan("os", BASE, ())
    Image.objects.update(finding_set=None)
    found = [
        make_vulnerability("CVE-2099-0001", "openssl", Layer={"DiffID": BASE[0]}),
        make_vulnerability("CVE-2099-0002", "app-library", Layer={"DiffID": LAYERS[2]}),
        make_vulnerability("CVE-2099-0003", "nowhere"),
    ]
    deliver(make_report("registry.example/app:1", digest_of("app"), found, DiffIDs=LAYERS))
    assert own("app") == ("layers", 2)


def test_a_base_that_turns_out_to_be_none_takes_its_split_with_it() -> None:
    base()
    app()
    assert own("app")
    Image.objects.filter(config_digest=digest_of("app")).update(base=None)
    SplitWork.objects.create(image=Image.objects.get(config_digest=digest_of("app")))
    assert own("app") is None


def test_one_base_and_three_hundred_children_make_one_list() -> None:
    names = tuple(f"CVE-2099-{number:04}" for number in range(40))
    scan("os", BASE, names)
    for number in range(300):
        scan(f"app{number}", [*BASE, digest_of(f"app {number}")], names)
    settle(1_000)
    children = Image.objects.filter(base__config_digest=digest_of("os"))
    assert children.count() == 300
    assert {child.split.findings_total for child in children.select_related("split")} == {0}
    assert FindingSplit.objects.count() == 1


def test_a_split_that_no_image_shows_goes() -> None:
    base()
    app()
    assert own("app")
    rescan()
    assert own("app") == ("sets", 2)
    assert prune_splits() == 1
    assert own("app") == ("sets", 2)


def test_an_image_that_arrives_costs_ten_statements_beside_its_report() -> None:
    make_image("registry.example/base:1", DiffIDs=[digest_of("a")])
    image = make_image("registry.example/child:1", DiffIDs=[digest_of("a"), digest_of("b")])
    settle()
    Image.objects.filter(pk=image.pk).update(base=None, base_rung=0, split=None)
    queue([image.pk], LineageWork.Spread.LAYERS)
    asked: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        settle()
    image.refresh_from_db()
    assert image.split_id
    # Its base, its split, and whom it concerns; the test's own savepoints do not count.
    assert len([sql for sql in asked if "SAVEPOINT" not in sql]) <= 10, asked
