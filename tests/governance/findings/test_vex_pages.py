"""Who set a finding aside and why: on the image's page, in the list of statements, over HTTP."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import Team, User
from governance.findings.models_vex import VexStatement
from governance.images.models import Image
from tests.conftest import Machine
from tests.make import (
    deliver,
    digest_of,
    make_image,
    make_report,
    make_statement,
    make_token,
    make_vex,
    make_vulnerability,
)

pytestmark = pytest.mark.django_db
ONE, TWO = "CVE-2099-0001", "CVE-2099-0002"
WORDS = "TLS ends at the proxy <b>"


@pytest.fixture(autouse=True)
def never_stale(settings) -> None:
    settings.STALE_DAYS_AT = dict.fromkeys(("ci", "registry", "runtime"), 30_000)


@pytest.fixture
def image(team: Team) -> Image:
    """An image with two findings, of which one is set aside, and one that its scanner set aside."""
    ignored = make_vulnerability("CVE-2099-0003", Status="not_affected")
    found = make_image(team=team, vulnerabilities=[make_vulnerability(ONE), make_vulnerability(TWO), ignored])
    said = make_statement(impact_statement=WORDS)
    deliver(make_vex(said, make_statement("affected", name=TWO)), viewer=make_token(team=team)[0])
    found.refresh_from_db()
    return found


def page(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_image_says_how_many_were_set_aside_and_by_whom(as_mate: Client, image: Image) -> None:
    text = page(as_mate, f"/images/{image.pk}/")
    assert "2 set aside" in text
    assert "1 by VEX" in text
    assert f"/vulnerabilities/{ONE}/" not in text
    # What is affected says so too.
    assert "VEX: affected" in text


@pytest.mark.parametrize(
    ("wanted", "shown"), [("true", {ONE, "CVE-2099-0003"}), ("vex", {ONE}), ("scanner", {"CVE-2099-0003"}), ("", {TWO})]
)
def test_what_was_set_aside_is_told_apart(
    as_mate: Client, machine: Any, image: Image, reader: Machine, wanted: str, shown: set[str]
) -> None:
    text = page(as_mate, f"/images/{image.pk}/findings/", suppressed=wanted)
    assert {name for name in (ONE, TWO, "CVE-2099-0003") if f"/vulnerabilities/{name}/" in text} == shown
    answer = reader.get(f"/api/v1/images/{image.pk}/findings/", {"suppressed": wanted}).json()
    assert {row["advisory"] for row in answer["results"]} == shown


def test_the_line_says_issuer_justification_and_words_and_leads_to_the_statement(as_mate: Client, image: Image) -> None:
    text = page(as_mate, f"/images/{image.pk}/findings/", suppressed="vex")
    assert WORDS not in text
    text = unescape(text)
    for words in ("VEX: not affected", "Shop Security", "component_not_present", WORDS):
        assert words in text
    statement = VexStatement.objects.get(status="not_affected")
    assert f'href="/vex/?statement={statement.pk}"' in text
    assert "Shop Security" in page(as_mate, "/vex/", statement=str(statement.pk))


def test_a_scanners_own_view_counts_as_the_image_does(as_mate: Client, image: Image) -> None:
    text = page(as_mate, f"/images/{image.pk}/findings/", scanner="trivy")
    assert f"/vulnerabilities/{TWO}/" in text
    assert f"/vulnerabilities/{ONE}/" not in text
    assert f"/vulnerabilities/{ONE}/" in page(
        as_mate, f"/images/{image.pk}/findings/", scanner="trivy", suppressed="vex"
    )


def test_an_image_that_is_clean_by_vex_alone_says_so(as_admin: Client) -> None:
    deliver(make_report(config=digest_of("config"), at="2026-11-20T09:00:00Z"))
    deliver(make_vex(make_statement()))
    image = Image.objects.get()
    assert "all were set aside by VEX: not affected is somebody" in unescape(page(as_admin, f"/images/{image.pk}/"))


def test_a_word_that_does_not_count_is_shown_as_such(as_mate: Client, team: Team) -> None:
    image = make_image(team=team)
    deliver(make_vex(make_statement(product="pkg:deb/debian/openssl@1.0", component="")))
    text = page(as_mate, f"/images/{image.pk}/")
    assert "not applied" in text
    assert "shown only: not a trusted issuer" in text


def test_the_findings_over_http_say_what_statements_say(reader: Machine, image: Image) -> None:
    (row,) = reader.get(f"/api/v1/images/{image.pk}/findings/?suppressed=vex").json()["results"]
    (word,) = row["vex"]
    assert (word["issuer"], word["status"], word["counts"]) == ("Shop Security", "not_affected", True)
    assert word["detail"] == WORDS
    refused = reader.get(f"/api/v1/images/{image.pk}/findings/?suppressed=odd")
    assert refused.status_code == 400
    assert refused.json()["errors"]["suppressed"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"q": ONE}, 1),
        ({"q": "registry.example/shop/api"}, 2),
        ({"q": "openssl"}, 2),
        ({"issuer": "Shop Security"}, 2),
        ({"issuer": "Nobody"}, 0),
        ({"status": "affected"}, 1),
        ({"standing": "current"}, 2),
        ({"standing": "revoked"}, 0),
        ({"standing": "history"}, 0),
    ],
)
def test_the_list_is_narrowed_alike_on_the_page_and_over_http(
    as_mate: Client, reader: Machine, image: Image, query: Any, count: int
) -> None:
    assert page(as_mate, "/vex/", **query).count("<tr>") - 1 == count or count == 0
    assert len(reader.get("/api/v1/vex/", query).json()["results"]) == count


def test_a_statement_is_revoked_with_a_reason_and_restored(as_admin: Client, image: Image, reader: Machine) -> None:
    statement = VexStatement.objects.get(status="not_affected")
    assert (
        as_admin.post(f"/vex/{statement.pk}/revoke/", {"reason": " "}, follow=True).content.decode().count("Say why")
        == 1
    )
    answer = as_admin.post(f"/vex/{statement.pk}/revoke/", {"reason": "reachable"}, follow=True)
    assert "Revoked" in answer.content.decode()
    said = reader.get(f"/api/v1/vex/{statement.pk}/").json()
    assert (said["is_current"], said["revoked_because"]) == (False, "reachable")
    assert len(reader.get("/api/v1/vex/?standing=revoked").json()["results"]) == 1
    assert "Restore" in page(as_admin, "/vex/", standing="revoked")
    as_admin.post(f"/vex/{statement.pk}/restore/", {"next": "https://evil.example/"})
    assert reader.get(f"/api/v1/vex/{statement.pk}/").json()["is_current"]


def test_the_list_says_what_is_only_shown(as_mate: Client, reader: Machine, settings) -> None:
    deliver(make_vex(make_statement(product="pkg:deb/debian/openssl@1.0", component="")))
    assert "shown only" in page(as_mate, "/vex/")
    assert reader.get("/api/v1/vex/").json()["results"][0]["counts"] is False
    settings.VEX_ISSUER_ORDER = ["Shop Security"]
    assert "in force" in page(as_mate, "/vex/").split("<tbody>")[1]
    assert reader.get("/api/v1/vex/").json()["results"][0]["counts"] is True


def test_others_see_what_may_concern_them(image: Image, stranger: User, as_mate: Client) -> None:
    image_of_nobody = make_statement(product="registry.example/other/thing", name="CVE-2099-0007")
    vendors = make_statement(product="pkg:deb/debian/openssl@1.0", component="", name="CVE-2099-0008")
    own = make_statement(product=f"pkg:oci/api@{image.config_digest.replace(':', '%3A')}", name="CVE-2099-0009")
    deliver(make_vex(image_of_nobody, vendors, own, make_statement(name="CVE-2099-0010"), author="Vendor"))
    other = Client()
    other.force_login(stranger)
    seen = page(other, "/vex/")
    assert [name for name in range(10) if f"CVE-2099-000{name}" in seen] == [8]
    mates = page(as_mate, "/vex/")
    assert [name for name in range(10) if f"CVE-2099-000{name}" in mates] == [1, 2, 8, 9]
    assert "CVE-2099-0010" in mates


def test_the_list_asks_few_questions(as_mate: Client, image: Image, django_assert_max_num_queries: Any) -> None:
    # Session, person, teams, rows, and what the frame shows.
    with django_assert_max_num_queries(8):
        page(as_mate, "/vex/")
    for narrowed in ("", "?scanner=trivy", "?scanner=trivy&suppressed=vex&origin=own&dispute=alone"):
        with django_assert_max_num_queries(14):
            page(as_mate, f"/images/{image.pk}/{narrowed}")
