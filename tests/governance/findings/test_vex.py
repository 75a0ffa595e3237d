"""VEX statements are kept, applied where they are meant, and can be taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.accounts.models import AuditEntry, User
from governance.findings.handover import hand_over
from governance.findings.models import FindingSet, Scan
from governance.findings.models_vex import VexStatement, VexWork
from governance.findings.state import merge_all_again, settle, settle_merges
from governance.findings.vex import restore, revoke
from governance.images.models import Image, Repository
from tests.make import (
    deliver,
    digest_of,
    make_grype,
    make_report,
    make_statement,
    make_token,
    make_vex,
    make_vulnerability,
)

pytestmark = pytest.mark.django_db
CONFIG, MANIFEST = digest_of("config"), digest_of("manifest")
OCI = f"pkg:oci/api@{MANIFEST.replace(':', '%3A')}?repository_url=registry.example%2Fshop%2Fapi"


@pytest.fixture(autouse=True)
def never_stale(settings) -> None:
    settings.STALE_DAYS_AT = dict.fromkeys(("ci", "registry", "runtime"), 30_000)


def scan(*found: dict[str, Any], day: int = 10, **envelope: Any) -> None:
    rows = list(found) or [make_vulnerability()]
    digests = [f"registry.example/shop/api@{MANIFEST}"]
    at = f"2026-11-{day:02}T09:00:00Z"
    deliver(make_report(config=CONFIG, vulnerabilities=rows, at=at, RepoDigests=digests), **envelope)


def figures() -> tuple[str, int, int]:
    image = Image.objects.present().get()
    return image.state, image.high, image.suppressed


COUNTED, ASIDE = ("vulnerable", 1, 0), ("suppressed", 0, 1)


@pytest.mark.parametrize("first", ["scan", "vex"])
@pytest.mark.parametrize(
    "product",
    [
        OCI,
        CONFIG,
        f"registry.example/shop/api@{MANIFEST}",
        "registry.example/shop/api:1.0",
        "registry.example/shop/api",
        "pkg:oci/api?repository_url=registry.example/shop/api&tag=1.0",
    ],
)
def test_it_is_applied_by_digest_purl_and_name_whatever_came_first(product: str, first: str) -> None:
    document = make_vex(make_statement(product=product))
    for what in (first, "vex" if first == "scan" else "scan"):
        scan() if what == "scan" else deliver(document)
    assert figures() == ASIDE
    image = Image.objects.get()
    assert (image.finding_set.findings, len(image.finding_set.by_vex)) == ([], 1)
    assert Scan.objects.get().finding_set.findings, "the scan keeps what it saw"


@pytest.mark.parametrize(
    "statement",
    [
        make_statement(product=f"pkg:oci/api@{digest_of('other').replace(':', '%3A')}"),
        make_statement(product="registry.example/shop/api:2.0"),
        make_statement(product="registry.example/shop/web"),
        make_statement(component="pkg:deb/debian/openssl@1.1"),
        make_statement(component="pkg:deb/ubuntu/openssl@1.0"),
        make_statement(component="pkg:deb/debian/libssl3"),
        make_statement(component="openssl"),
        make_statement(name="CVE-2099-0002"),
        make_statement("affected"),
        make_statement("under_investigation"),
        # Wherever the package lies: only for issuers that are trusted.
        make_statement(product="pkg:deb/debian/openssl@1.0", component=""),
        make_statement(product=""),
    ],
)
def test_it_is_applied_to_nothing_else(statement: dict[str, Any]) -> None:
    deliver(make_vex(statement))
    scan()
    assert figures() == COUNTED


@pytest.mark.parametrize(
    "component", ["", "pkg:deb/debian/openssl", "pkg:deb/openssl@1.0", "pkg:deb/debian/openssl@0:1.0"]
)
@pytest.mark.parametrize("status", ["not_affected", "fixed"])
def test_a_statement_without_component_or_version_means_all(component: str, status: str) -> None:
    scan()
    deliver(make_vex(make_statement(status, component=component)))
    assert figures() == ASIDE


def test_a_statement_on_the_source_package_is_one_on_its_binaries() -> None:
    deliver(make_grype("CVE-2099-0001", package="libssl3", source="openssl"))
    deliver(make_vex(make_statement(component="pkg:deb/debian/openssl@1.0")))
    assert figures() == ASIDE


def test_a_trusted_issuers_word_holds_wherever_the_package_lies(settings) -> None:
    settings.VEX_ISSUER_ORDER = ["shop  security"]
    deliver(make_vex(make_statement(product="pkg:deb/debian/openssl@1.0", component="")))
    scan()
    assert figures() == ASIDE


def csaf(name: str, cpe: str) -> dict[str, Any]:
    package = {"product_id": "P", "product_identification_helper": {"purl": "pkg:deb/debian/openssl@1.0"}}
    return {
        "document": {
            "csaf_version": "2.0",
            "publisher": {"name": name},
            "tracking": {"current_release_date": "2026-11-01T00:00:00Z"},
        },
        "product_tree": {
            "full_product_names": [package, {"product_id": "OS", "product_identification_helper": {"cpe": cpe}}],
            "relationships": [
                {
                    "full_product_name": {"product_id": "OS:P"},
                    "product_reference": "P",
                    "relates_to_product_reference": "OS",
                }
            ],
        },
        "vulnerabilities": [{"cve": "CVE-2099-0001", "product_status": {"known_not_affected": ["OS:P"]}}],
    }


@pytest.mark.parametrize(
    ("cpe", "expected"),
    [
        ("cpe:/o:debian:debian_linux:12", ASIDE),
        ("cpe:/o:debian:debian_linux:1", COUNTED),
        ("cpe:/a:shop:api:12", COUNTED),
    ],
)
def test_a_vendors_word_holds_on_its_operating_system(settings, cpe: str, expected: tuple[Any, ...]) -> None:
    settings.VEX_ISSUER_ORDER = ["Vendor"]
    scan()
    deliver(csaf("Vendor", cpe))
    assert figures() == expected


def test_only_listed_issuers_where_that_is_wanted(settings) -> None:
    settings.VEX_LISTED_ONLY = True
    deliver(make_vex(make_statement()))
    scan()
    assert figures() == COUNTED
    settings.VEX_ISSUER_ORDER = ["Shop Security"]
    merge_all_again()
    settle_merges()
    assert figures() == ASIDE


def test_the_newest_of_an_issuer_counts_whatever_came_last() -> None:
    scan()
    deliver(make_vex(make_statement("affected"), at="2026-11-21T12:00:00Z"))
    deliver(make_vex(make_statement(), at="2026-11-20T12:00:00Z"))
    assert figures() == COUNTED
    assert list(VexStatement.objects.order_by("pk").values_list("status", "is_current")) == [
        ("affected", True),
        ("not_affected", False),
    ]
    deliver(make_vex(make_statement("fixed"), at="2026-11-22T12:00:00Z"))
    assert figures() == ASIDE


def test_of_two_issuers_the_first_in_order_decides_else_the_newest(settings) -> None:
    scan()
    deliver(make_vex(make_statement("affected"), author="Vendor", at="2026-11-01T12:00:00Z"))
    deliver(make_vex(make_statement(), author="Team", at="2026-11-20T12:00:00Z"))
    assert figures() == ASIDE
    settings.VEX_ISSUER_ORDER = ["Vendor", "Team"]
    merge_all_again()
    settle_merges()
    assert figures() == COUNTED


def test_a_statement_on_one_name_holds_for_every_alias() -> None:
    scan()
    deliver(make_vex(make_statement(name="GHSA-0000-0000-0001")))
    assert figures() == COUNTED
    deliver(make_grype("GHSA-0000-0000-0001", aliases=["CVE-2099-0001"]))
    assert figures()[1:] == (0, 1)


def test_the_same_document_again_writes_nothing() -> None:
    scan()
    document = make_vex(make_statement(), make_statement("affected", name="CVE-2099-0009"))
    deliver(document)
    before = list(VexStatement.objects.order_by("pk").values())
    assert deliver(document | {"@id": "again"}, stage="registry").state == "done"
    assert list(VexStatement.objects.order_by("pk").values()) == before


def test_a_statement_without_a_time_is_kept_once() -> None:
    document = make_vex(make_statement(), at="")
    deliver(document)
    deliver(document | {"@id": "again"})
    assert VexStatement.objects.count() == 1


def test_revoking_and_restoring_are_reversible_and_audited(admin: User) -> None:
    scan()
    deliver(make_vex(make_statement()))
    statement = VexStatement.objects.get()
    revoke(admin, statement, "it is reachable after all")
    settle()
    assert figures() == COUNTED
    # Sent again, newer: what was revoked stays so.
    deliver(make_vex(make_statement(), at="2026-11-25T12:00:00Z"))
    assert figures() == COUNTED
    restore(admin, statement)
    settle()
    assert figures() == ASIDE
    trail = AuditEntry.objects.filter(action__startswith="vex.").order_by("pk")
    assert list(trail.values_list("action", "reason")) == [
        ("vex.revoke", "it is reachable after all"),
        ("vex.restore", ""),
    ]


def test_who_may_revoke(admin: User, mate: User) -> None:
    deliver(make_vex(make_statement()))
    statement = VexStatement.objects.get()
    with pytest.raises(PermissionDenied):
        revoke(mate, statement, "no")
    with pytest.raises(PermissionDenied):
        restore(mate, statement)
    with pytest.raises(ValidationError, match="say why"):
        revoke(admin, statement, " ")


def test_a_teams_token_speaks_for_its_own_images_alone(team, stranger) -> None:
    own = make_token(team=team)[0]
    other = make_token(team=stranger.teams.get())[0]
    scan(viewer=own)
    deliver(make_vex(make_statement()), viewer=other)
    assert figures() == COUNTED
    deliver(make_vex(make_statement()), viewer=own)
    assert figures() == ASIDE


def test_a_repository_that_changes_hands_takes_the_teams_word_with_it(team, stranger) -> None:
    scan(viewer=make_token(team=team)[0])
    deliver(make_vex(make_statement()), viewer=make_token(team=team)[0])
    assert figures() == ASIDE
    hand_over(None, Repository.objects.get(), stranger.teams.get())
    settle()
    assert figures() == COUNTED


def test_a_rescan_that_found_the_same_costs_no_more_where_statements_apply() -> None:
    deliver(make_vex(make_statement()))
    scan(day=10)
    VexWork.objects.all().delete()
    with CaptureQueriesContext(connection) as asked:
        scan(day=11)
    words = [query["sql"] for query in asked.captured_queries]
    recorded = [sql for sql in words if "findings_" in sql or "images_" in sql]
    assert not any("findings_vexstatement" in sql for sql in recorded)
    assert figures() == ASIDE


def test_a_vendors_document_of_thousands_is_kept_in_few_statements() -> None:
    scan()
    many = [make_statement(component=f"pkg:deb/debian/p{number}@1") for number in range(5_000)]
    document = make_vex(*many, make_statement())
    with CaptureQueriesContext(connection) as asked:
        deliver(document)
    assert VexStatement.objects.filter(is_current=True).count() == 5_001
    assert len(asked) < 80
    assert figures() == ASIDE


def test_a_name_that_is_learned_later_brings_its_statements() -> None:
    deliver(make_vex(make_statement(product=f"pkg:oci/api@{digest_of('index').replace(':', '%3A')}")))
    scan()
    assert figures() == COUNTED
    digests = [f"registry.example/shop/api@{MANIFEST}", f"registry.example/shop/api@{digest_of('index')}"]
    deliver(make_report(config=CONFIG, at="2026-11-12T09:00:00Z", RepoDigests=digests))
    assert figures() == ASIDE


def test_others_are_left_alone() -> None:
    scan(make_vulnerability(), make_vulnerability("CVE-2099-0002"), make_vulnerability(package="zlib"))
    deliver(make_vex(make_statement()))
    assert figures() == ("vulnerable", 2, 1)


def test_what_one_scanner_counts_is_set_aside_for_all() -> None:
    scan()
    deliver(make_grype("CVE-2099-0001", severity="Critical"))
    deliver(make_vex(make_statement()))
    assert figures()[0] == "suppressed"
    assert Image.objects.get().findings_total == 0


def test_images_of_equal_findings_share_a_set_also_where_statements_apply() -> None:
    deliver(make_vex(make_statement()))
    for number in (1, 2):
        deliver(make_report(f"registry.example/shop/api:{number}", config=digest_of(f"c{number}")))
    sets = set(Image.objects.values_list("finding_set", flat=True))
    assert (len(sets), FindingSet.objects.exclude(by_vex=[]).count()) == (1, 1)


def test_work_is_looked_at_again_when_older_transactions_have_ended(django_db_blocker) -> None:
    scan()
    deliver(make_vex(make_statement()))
    work = VexWork.objects.get()
    assert work.until, "another worker may have read before the statement was there"
    VexWork.objects.update(until=1)
    settle()
    assert not VexWork.objects.exists()


def test_a_hostile_document_is_kept_within_bounds() -> None:
    odd = make_statement(
        product="x" * 2_000,
        component="pkg:deb/debian/" + "y" * 2_000,
        name="CVE-\x00" + "z" * 500,
        impact_statement="d" * 9_000,
    )
    many = make_statement() | {
        "vulnerability": {"name": "CVE-2099-0001", "aliases": [f"A-{number}" for number in range(500)]}
    }
    assert deliver(make_vex(odd, many, make_statement(name=""), author="i" * 999)).state == "done"
    assert VexStatement.objects.count() == 3
