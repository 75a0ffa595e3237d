"""Digests over HTTP: what the pages show, as the mail was sent, and only one's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import Team, Token, User
from governance.briefings.models import Briefing, Line, Subscription
from governance.briefings.services import Wish, brief, subscribe, subscribe_address
from tests.conftest import Machine
from tests.make import deliver, digest_of, make_report, make_token, make_vulnerability

pytestmark = pytest.mark.django_db


@pytest.fixture
def digest(team: Team, admin: User) -> Briefing:
    """One with a change, of the team's mailbox."""
    found = [make_vulnerability("CVE-2099-0001", Severity="CRITICAL")]
    deliver(make_report("registry.example/shop/api:1", digest_of("api"), found), viewer=make_token(team=team)[0])
    row = subscribe_address(admin, "shop@example.org", team, Wish())
    row.starts_at = datetime(2026, 1, 1, tzinfo=UTC)
    briefing = brief(row, datetime.now(UTC))
    assert briefing is not None
    return briefing


def test_the_archive_is_read_as_it_was_sent(team: Team, digest: Briefing) -> None:
    machine = Machine(make_token(Token.Scope.READ, team=team)[1])
    (row,) = machine.get("/api/v1/digests/?news=true&q=shop").json()["results"]
    assert (row["id"], row["about"], row["changes"], row["state"]) == (digest.pk, "team shop", 1, "kept")
    whole = machine.get(f"/api/v1/digests/{digest.pk}/").json()
    (line,) = whole["lines"]
    assert line["words"].startswith("CVE-2099-0001 (a fix is known): 1 image")
    api = machine.get(line["address"].replace("/images/", "/api/v1/images/")).json()
    assert len(api["results"]) == line["amount"] == 1
    assert whole["numbers"][0] | {"address": ""} == {
        "words": "images that run or are current",
        "amount": 1,
        "share": 100,
        "before": None,
        "address": "",
    }
    for kind, media in (("html", "text/html; charset=utf-8"), ("text", "text/plain; charset=utf-8")):
        answer = machine.get(f"/api/v1/digests/{digest.pk}/{kind}/", headers={"Accept": media.partition(";")[0]})
        assert answer.content.decode() == getattr(digest, kind)
        assert (answer["Content-Type"], answer["Content-Disposition"]) == (media, "attachment")
    Line.objects.update(is_folded=True)
    assert machine.get(f"/api/v1/digests/{digest.pk}/").json()["lines"] == []
    assert len(machine.get(f"/api/v1/digests/{digest.pk}/lines/").json()["results"]) == 1
    Briefing.objects.update(html="")
    assert machine.get(f"/api/v1/digests/{digest.pk}/html/").status_code == 404


def test_a_preview_stores_nothing_and_is_ones_own(team: Team, digest: Briefing, mate: User, stranger: User) -> None:
    client = Client()
    client.force_login(mate)
    assert client.get("/api/v1/digests/preview/").json()["subject"].startswith("Container images of your teams: what")
    found = client.get(f"/api/v1/digests/preview/?reader={digest.subscription_id}").json()
    assert "nothing new" in found["subject"]
    assert found["lines"] == []
    assert (Briefing.objects.count(), Subscription.objects.count()) == (1, 1)
    client.force_login(stranger)
    for reader in (digest.subscription_id, "x", "9" * 30):
        assert client.get("/api/v1/digests/preview/", {"reader": reader}).status_code == 404


def test_no_token_reads_what_a_person_gets(team: Team, digest: Briefing, mate: User, machine: Any) -> None:
    mate.email = "mate@example.org"
    mate.save()
    row = subscribe(mate, Wish())
    row.starts_at -= timedelta(days=30)
    assert brief(row, datetime.now(UTC)) is not None
    everything = Machine(make_token(Token.Scope.READ)[1])
    assert [one["recipient"] for one in everything.get("/api/v1/digests/").json()["results"]] == ["shop@example.org"]
    assert machine.get("/api/v1/digests/").status_code == 403
    other = Machine(make_token(Token.Scope.READ, team=Team.objects.create(name="other"))[1])
    assert other.get("/api/v1/digests/").json()["results"] == []
    client = Client()
    client.force_login(mate)
    assert len(client.get("/api/v1/digests/").json()["results"]) == 2


def test_a_list_costs_the_same_however_long(
    team: Team, digest: Briefing, mate: User, django_assert_num_queries: Any
) -> None:
    row = digest.subscription
    for week in range(1, 6):
        brief(row, datetime.now(UTC) + timedelta(weeks=week))
    client = Client()
    client.force_login(mate)
    # Session, person, roles, and the rows with their readers.
    with django_assert_num_queries(4):
        assert len(client.get("/api/v1/digests/").json()["results"]) == 6
