"""Several scanners on one image come to one line per vulnerability and package."""

from __future__ import annotations

from io import StringIO
from itertools import permutations
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from governance.accounts.models import User
from governance.findings.models import Package, Remerge, Scan
from governance.findings.witnesses import Statement, merge
from governance.images.models import Image
from tests.make import deliver, digest_of, make_grype, make_report, make_vulnerability

CONFIG = digest_of("config")
NUMBERS = iter(range(1, 1_000_000))


def say(scanner: str, name: str, version: str = "1.0", **given: Any) -> Statement:
    """One statement; scanners rank by name."""
    number = next(NUMBERS)
    fields = {
        "rank": ord(scanner[0]),
        "scanner": scanner,
        "counted": True,
        "id": number,
        "key": number.to_bytes(16),
        "vulnerability": 1,
        "severity": 4,
        "fixed_version": "",
        "package": abs(hash((name, version, given.get("type", "deb"), given.get("source_name", "")))),
        "type": "deb",
        "name": name,
        "version": version,
        "source_name": "",
        "source_version": "",
    }
    return Statement(**fields | given)


def told(*rows: Statement) -> list[tuple[str, list[str]]]:
    """[(package shown, who says so)], the same in any order of the rows."""
    ends = [
        sorted((line.chosen[0].name, sorted(line.witnesses)) for line in merge(order))
        for order in list(permutations(rows))[:24]
    ]
    assert all(end == ends[0] for end in ends)
    return ends[0]


def test_the_same_package_by_two_scanners_is_one_line() -> None:
    assert told(say("a", "libc6"), say("b", "libc6")) == [("libc6", ["a", "b"])]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(say("a", "core", type=""), say("b", "core", type="deb"), id="a scanner that knows no type"),
        pytest.param(say("a", "bash", "1:5.2"), say("b", "bash", "5.2"), id="an epoch that one does not write"),
        pytest.param(
            say("a", "org.x:core", type="maven"), say("b", "core", type="maven"), id="a Maven group that one leaves out"
        ),
        pytest.param(
            say("a", "golang.org/x/net", "v0.1", type="golang"),
            say("b", "golang.org/x/net", "0.1", type="golang"),
            id="the v of a Go module",
        ),
        pytest.param(say("a", "OpenSSL"), say("b", "openssl"), id="upper and lower case"),
        pytest.param(say("a", "curl"), say("b", "curl", ""), id="no version"),
    ],
)
def test_names_that_scanners_write_differently_are_one_line(one: Statement, other: Statement) -> None:
    assert [scanners for _, scanners in told(one, other)] == [["a", "b"]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(say("a", "core"), say("b", "core", "2.0"), id="version"),
        pytest.param(say("a", "core", type="npm"), say("b", "core", type="pypi"), id="type"),
        pytest.param(say("a", "org.x:core", type="maven"), say("b", "org.y:core", type="maven"), id="Maven group"),
        pytest.param(say("a", "core", vulnerability=1), say("b", "core", vulnerability=2), id="vulnerability"),
    ],
)
def test_what_is_not_the_same_stays_two_lines(one: Statement, other: Statement) -> None:
    assert len(told(one, other)) == 2


def test_a_scanner_itself_knows_what_it_tells_apart() -> None:
    rows = (say("a", "org.x:core", type="maven"), say("a", "core", type="maven"))
    assert len(told(*rows)) == 2


def test_a_source_package_speaks_for_its_binaries() -> None:
    binaries = [say("b", name, source_name="openssl", source_version="1.0") for name in ("libssl3", "openssl-dev")]
    assert told(say("a", "openssl"), *binaries) == [("libssl3", ["a", "b"]), ("openssl-dev", ["a", "b"])]


def test_a_binary_may_be_called_as_its_source() -> None:
    binaries = [say("b", name, source_name="openssl", source_version="1.0") for name in ("libssl3", "openssl")]
    assert told(say("a", "openssl"), *binaries) == [("libssl3", ["a", "b"]), ("openssl", ["a", "b"])]


def test_a_source_package_at_another_version_is_a_line_of_its_own() -> None:
    binary = say("b", "libssl3", source_name="openssl", source_version="2.0")
    assert told(say("a", "openssl"), binary) == [("libssl3", ["b"]), ("openssl", ["a"])]


def test_what_one_scanner_sets_aside_counts_while_another_counts_it() -> None:
    (line,) = merge([say("a", "core", counted=False, severity=5), say("b", "core", severity=2)])
    assert (line.chosen[0].counted, line.chosen[0].severity, line.disputes(2)) == (True, 2, ["status"])
    source, binary = say("a", "src"), say("b", "bin", source_name="src", source_version="1.0", counted=False)
    (line,) = merge([source, binary])
    assert line.chosen == [source]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"severity": 5}, {"severity": 4}, ["severity"]),
        ({"severity": 5}, {"severity": 0}, []),
        ({"fixed_version": "2.0"}, {"fixed_version": ""}, ["fix"]),
        ({"fixed_version": "1:2.0"}, {"fixed_version": "2.0, 3.1"}, []),
        ({"fixed_version": "2.0"}, {"fixed_version": "3.0"}, ["fix"]),
        ({}, {}, []),
    ],
)
def test_disputes(first: dict[str, Any], second: dict[str, Any], expected: list[str]) -> None:
    (line,) = merge([say("a", "core", **first), say("b", "core", **second)])
    assert line.disputes(2) == expected


def test_who_is_alone_needs_another_who_looked() -> None:
    (line,) = merge([say("a", "core")])
    assert (line.disputes(1), line.disputes(2)) == ([], ["alone"])


def test_time_grows_with_the_number_of_statements_alone() -> None:
    rows = [say("ab"[i % 2], "core", "" if i % 3 else str(i), type=f"t{i}", source_name="core") for i in range(20_000)]
    assert len(merge(rows)) > 1_000


# On the whole road


def trivy(*names: str, day: int = 20, **given: Any) -> dict[str, Any]:
    found = [make_vulnerability(name, **given) for name in names]
    return make_report(config=CONFIG, vulnerabilities=found, at=f"2026-11-{day}T09:00:00Z")


def counts() -> tuple[int, int, int, int]:
    image = Image.objects.get()
    return image.critical, image.high, image.medium, image.low


@pytest.mark.django_db
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_end_is_the_same_in_all_orders(order: tuple[int, ...]) -> None:
    reports = [
        trivy("CVE-2099-0001", "CVE-2099-0002"),
        make_grype("GHSA-0000-0000-0001", severity="Critical", fix="2.0", aliases=["CVE-2099-0001"]),
        make_grype("CVE-2099-0002", severity="Low", day=22),
    ]
    for number in order:
        deliver(reports[number])
    # Grype's newer scan names 0002 only; Trivy comes first in the order, so its severity counts.
    assert counts() == (0, 2, 0, 0)
    disputes = Image.objects.get().finding_set.disputes
    assert {name: len(ids) for name, ids in disputes.items()} == {"alone": 1, "fix": 1, "severity": 1}


@pytest.mark.django_db
def test_the_order_is_a_setting(settings: Any) -> None:
    deliver(trivy("CVE-2099-0001"))
    deliver(make_grype("CVE-2099-0001", severity="Critical"))
    assert counts() == (0, 1, 0, 0)
    settings.SCANNER_ORDER = ["grype"]
    call_command("remerge", stdout=(said := StringIO()))
    assert said.getvalue().splitlines() == ["1 of 1 images", "merged again: 1 images"]
    assert counts() == (1, 0, 0, 0)
    assert not Remerge.objects.exists()


@pytest.mark.django_db
def test_a_newly_learned_alias_makes_one_line_of_two_on_every_image() -> None:
    deliver(trivy("CVE-2099-0001"))
    deliver(make_grype("GHSA-0000-0000-0001", severity="Critical"))
    assert counts() == (1, 1, 0, 0)
    other = make_grype("GHSA-0000-0000-0001", "zlib", aliases=["CVE-2099-0001"])
    other["source"]["target"] = {"userInput": "registry.example/shop/other:1.0", "imageID": digest_of("other")}
    deliver(other)
    image = Image.objects.get(config_digest=CONFIG)
    assert (image.critical, image.high) == (0, 1)


@pytest.mark.django_db
def test_the_image_page_and_the_api_say_who_says_what(client: Client, admin: User, reader: Any) -> None:
    client.force_login(admin)
    deliver(trivy("CVE-2099-0001", day=18))
    deliver(trivy("CVE-2099-0001", "CVE-2099-0002", day=20))
    deliver(make_grype("CVE-2099-0001", severity="Critical", fix="2.0"))
    image = Image.objects.get()
    page = client.get(reverse("images:image_findings", args=[image.pk]))
    lines = {line.vulnerability: line for line in page.context["rows"]}
    both = [(one.scanner, one.severity, one.since.day, one.shown, one.differs) for one in lines["CVE-2099-0001"].said]
    assert both == [("trivy", 4, 18, True, False), ("grype", 5, 21, False, True)]
    assert [one.scanner for one in lines["CVE-2099-0002"].said] == ["trivy"]
    for dispute, names in (("severity", ["CVE-2099-0001"]), ("alone", ["CVE-2099-0002"]), ("status", [])):
        page = client.get(reverse("images:image_findings", args=[image.pk]), {"dispute": dispute})
        assert [line.vulnerability for line in page.context["rows"]] == names
    page = client.get(reverse("images:image_findings", args=[image.pk]), {"scanner": "grype"})
    assert [(line.vulnerability, line.severity) for line in page.context["rows"]] == [("CVE-2099-0001", 5)]
    answer = reader.get(f"/api/v1/images/{image.pk}/findings/").json()["results"]
    said = {row["vulnerability"]: [(one["scanner"], one["severity"]) for one in row["said_by"]] for row in answer}
    assert said == {"CVE-2099-0001": [("trivy", "high"), ("grype", "critical")], "CVE-2099-0002": [("trivy", "high")]}


@pytest.mark.django_db
def test_one_scanner_alone_keeps_its_own_set() -> None:
    deliver(trivy("CVE-2099-0001"))
    deliver(trivy("CVE-2099-0001", day=21), stage="registry")
    assert Image.objects.get().finding_set_id in set(Scan.objects.values_list("finding_set", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("source_first", [True, False])
def test_what_is_stored_of_a_package_does_not_depend_on_who_came_first(source_first: bool) -> None:
    reports = [make_grype("CVE-2099-0001", source="ssl"), make_grype("CVE-2099-0001", day=22)]
    for report in reports if source_first else reports[::-1]:
        deliver(report)
    assert sorted(Package.objects.values_list("name", "source_name")) == [("openssl", ""), ("openssl", "ssl")]
