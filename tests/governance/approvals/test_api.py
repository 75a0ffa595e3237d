"""The approved list over HTTP."""

from __future__ import annotations

import json

import pytest

from governance.accounts.models import AuditEntry
from governance.approvals.enforcers import ENFORCERS
from governance.approvals.models import ApprovedBase

pytestmark = pytest.mark.django_db
CHECK, DOCUMENTS = "/api/v1/approved/check/", "/api/v1/approved/documents/"


def make_entry(pattern: str = "3.19*", state: str = "banned", **fields: object) -> ApprovedBase:
    return ApprovedBase.objects.create(name="docker.io/library/alpine", pattern=pattern, state=state, **fields)


def post(client, url: str, data: object):
    return client.post(url, json.dumps(data), content_type="application/json")


def test_a_dockerfile_is_checked_line_by_line(reader) -> None:
    entry = make_entry(replacement="docker.io/library/alpine:3.22")
    answer = post(reader, CHECK, {"dockerfile": "ARG V\nFROM alpine:$V AS a\nFROM a", "args": {"V": "3.19"}}).json()
    assert answer["verdict"] == "deny"
    first, second = answer["lines"]
    assert (first["line"], first["entry"], first["replacement"]) == (2, entry.pk, "docker.io/library/alpine:3.22")
    assert (second["stage"], second["verdict"]) == ("a", "allow")


def test_references_are_checked(reader) -> None:
    make_entry()
    answer = post(reader, CHECK, {"references": ["alpine:3.19.1", "alpine:3.20", "./x"]}).json()
    assert [line["verdict"] for line in answer["lines"]] == ["deny", "unknown", "unknown"]


def test_a_check_asks_how_it_will_stand_on_a_day(reader) -> None:
    make_entry("3.22", "deprecated", deprecated_on="2027-01-10", sunset_on="2027-02-10")
    days = {"2027-01-09": "allow", "2027-01-10": "warn", "2027-02-09": "warn", "2027-02-10": "deny"}
    for on, verdict in days.items():
        assert post(reader, f"{CHECK}?on={on}", {"dockerfile": "FROM alpine:3.22"}).json()["verdict"] == verdict
        assert post(reader, f"{CHECK}?on={on}", {"references": ["alpine:3.22"]}).json()["verdict"] == verdict
    assert post(reader, f"{CHECK}?on=soon", {"references": ["alpine:3.22"]}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dockerfile": "FROM a", "references": []},
        {"dockerfile": "RUN x"},
        {"dockerfile": "x" * (1 << 20) + "y"},
        {"references": ["a"] * 501},
        {"dockerfile": "FROM a", "args": {str(number): "" for number in range(201)}},
        {"dockerfile": 1, "args": []},
        [],
    ],
)
def test_what_cannot_be_checked_is_refused(body: object, reader) -> None:
    answer = post(reader, CHECK, body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("text", ["FROM a\x00b", "FROM \ud800", "FROM a:\u202e3", "FROM ${" * 1000])
def test_hostile_text_is_answered(text: str, reader) -> None:
    answer = post(reader, CHECK, {"dockerfile": text})
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or answer.json()["verdict"] == "unknown"


@pytest.mark.parametrize("enforcer", ENFORCERS, ids=lambda one: one.NAME)
def test_every_document_has_a_version_and_an_etag(enforcer, reader) -> None:
    make_entry()
    url = f"{DOCUMENTS}{enforcer.NAME}/"
    first = reader.get(url)
    assert first.status_code == 200
    assert ".19" in first.content.decode() or enforcer.NAME in ("policy.json", "registries.conf")
    assert reader.get(url, headers={"If-None-Match": first["ETag"]}).status_code == 304
    ApprovedBase.objects.update(pattern="3.18*")
    second = reader.get(url, headers={"If-None-Match": first["ETag"]})
    assert second.status_code == 200 or enforcer.NAME in ("policy.json", "registries.conf")
    assert second["X-List-Version"] != first["X-List-Version"]


def test_a_document_of_another_day(reader) -> None:
    make_entry(state="approved", sunset_on="2099-01-01")
    for on, verdict in (("", "allow"), ("2099-01-01", "deny")):
        assert reader.get(f"{DOCUMENTS}json/?on={on}").json()["rules"][0]["verdict"] == verdict
    assert reader.get(f"{DOCUMENTS}json/?on=tomorrow").status_code == 400
    assert reader.get(f"{DOCUMENTS}nothing/").status_code == 404


def test_a_request_goes_its_way_by_api(team, mate, admin, client) -> None:
    client.force_login(mate)
    wanted = {"base": "alpine", "pattern": "~3.22", "team": "shop", "reason": "smaller", "max_age": 90}
    made = post(client, "/api/v1/approved/", wanted)
    assert made.status_code == 201, made.content
    url = f"/api/v1/approved/{made.json()['id']}/"
    assert post(client, "/api/v1/approved/", wanted).status_code == 400
    assert client.get("/api/v1/approved/").json()["results"] == []
    assert len(client.get("/api/v1/approved/?state=requested").json()["results"]) == 1
    client.force_login(admin)
    for to in ("in_review", "approved"):
        answer = post(client, f"{url}step/", {"to": to, "reason": "seen"})
    assert (answer.json()["stage"], answer.json()["publisher"]) == ("approved", "official")
    assert [one["to"] for one in client.get(f"{url}steps/").json()] == ["requested", "in_review", "approved"]
    assert AuditEntry.objects.filter(action__startswith="approval.").count() == 3
    assert post(client, f"{url}step/", {"to": "requested"}).status_code == 400


def test_the_list_takes_a_fixed_number_of_statements(reader, django_assert_num_queries) -> None:
    for number in range(5):
        make_entry(f"3.{number}")
    # The token, the note of its use, and the entries with their teams.
    with django_assert_num_queries(3):
        assert len(reader.get("/api/v1/approved/").json()["results"]) == 5
