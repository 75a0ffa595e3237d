"""The reports endpoint, as a CI system meets it."""

from __future__ import annotations

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import zstandard
from django.db import connection

from governance.accounts.models import Token
from governance.findings.models import Scan
from governance.images.models import Image
from scanning import ingest
from scanning.capacity import GAUGE
from scanning.models import Delivery
from tests.conftest import Machine
from tests.make import digest_of, make_report, make_token

pytestmark = pytest.mark.django_db
URL = "/api/v1/reports/"


def post(machine: Machine, document: Any, query: str = "", **headers: str) -> Any:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return machine.post(URL + query, data, content_type="application/json", headers=headers)


@pytest.fixture
def report() -> dict[str, Any]:
    return make_report(config=digest_of("config"))


def test_a_report_goes_in_and_its_figures_come_out(machine, report) -> None:
    first = post(machine, report, "?stage=ci")
    assert first.status_code == 202
    assert first.json()["state"] == "received"
    ingest.work_off()
    found = machine.get(first["Location"]).json()
    assert (found["state"], found["entries"], found["findings"]) == ("processed", 1, 1)
    assert found["by_severity"]["high"] == 1
    assert found["images"][0]["config_digest"] == digest_of("config")
    assert (found["verdict"], found["gate"]["policy"]) == ("pass", "observe")


def test_the_same_again_is_200_with_the_first_id(machine, report) -> None:
    first = post(machine, report).json()
    second = post(machine, report)
    assert second.status_code == 200
    assert (second.json()["id"], second.json()["duplicate"]) == (first["id"], True)


def test_the_same_of_another_subject_is_another_report(machine, report) -> None:
    ids = [
        post(machine, report, query).json()["id"]
        for query in ("", "?subject=", "?subject=web-1", "?subject=web-2", "?image=web-1", "?subject=+web-1+")
    ]
    assert ids[0] == ids[1]
    assert ids[2] == ids[5]
    assert len(set(ids)) == 4
    assert Delivery.objects.get(pk=ids[3]).subject == "web-2"


def test_long_names_are_told_apart(machine, report) -> None:
    name = "registry.example/" + "x" * 300
    assert {post(machine, report, f"?image={name}{end}").status_code for end in (":1", ":2")} == {202}


def test_a_key_with_another_body_is_422(machine, report) -> None:
    headers = {"Idempotency-Key": "build-7"}
    assert post(machine, report, **headers).status_code == 202
    assert post(machine, report, **headers).status_code == 200
    answer = post(machine, {}, **headers)
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"


def test_an_unreadable_report_is_422_with_its_reason(machine) -> None:
    first = post(machine, {"hello": 1}).json()
    ingest.work_off()
    again = post(machine, {"hello": 1})
    assert again.status_code == 422
    assert "not recognised" in again.json()["detail"]
    assert again.json()["state"] == "quarantined"
    assert machine.get(f"{URL}{first['id']}/").json()["state"] == "quarantined"
    assert not Image.objects.exists()


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_compressed_reports_are_taken(machine, report, name, pack) -> None:
    answer = post(machine, pack(json.dumps(report).encode()), **{"Content-Encoding": name})
    assert answer.status_code == 202
    ingest.work_off()
    assert machine.get(answer["Location"]).json()["state"] == "processed"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("?stage=moon", "stage"),
        ("?format=nonsense", "format"),
        ("?wait=soon", "wait"),
        ("?image=" + "x" * 501, "image"),
        ("?subject=" + "x" * 201, "subject"),
    ],
)
def test_a_wrong_parameter_is_named(machine, report, query, word) -> None:
    answer = post(machine, report, query)
    assert answer.status_code == 400
    assert word in answer.json()["errors"]


def test_the_refusals_have_their_status(machine, settings) -> None:
    settings.WIRE_LIMIT = 2000
    assert post(machine, b"x" * 2001).status_code == 413
    assert post(machine, b"PK\x03\x04").status_code == 415
    assert post(machine, b"{}", **{"Content-Encoding": "br"}).status_code == 415
    assert post(machine, b"nonsense", **{"Content-Encoding": "gzip"}).status_code == 400
    assert post(machine, b"").status_code == 400
    assert not Delivery.objects.exists()


def test_too_many_reports_are_429_with_retry_after(machine, settings, report) -> None:
    settings.REPORTS_PER_MINUTE = 1
    post(machine, report)
    answer = post(machine, report)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


def test_a_full_backlog_is_503_with_retry_after(machine, settings, report) -> None:
    settings.BACKLOG_LIMIT = 10
    post(machine, report)
    GAUGE.looked_at = 0
    answer = post(machine, report)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 10


@pytest.mark.parametrize("scope", ["read", "agent"])
def test_other_scopes_may_not_send(scope, report) -> None:
    assert post(Machine(make_token(scope)[1]), report).status_code == 403


def test_nobody_may_send(client, report) -> None:
    answer = client.post(URL, json.dumps(report), content_type="application/json")
    assert answer.status_code == 401
    assert "Bearer" in answer["WWW-Authenticate"]


def test_a_person_in_a_browser_does_not_send(client, admin, report) -> None:
    client.force_login(admin)
    assert client.post(URL, json.dumps(report), content_type="application/json").status_code == 403


def test_another_token_does_not_see_the_report(machine, report) -> None:
    first = post(machine, report)
    stranger = Machine(make_token(Token.Scope.INGEST)[1])
    assert stranger.get(first["Location"]).status_code == 404
    assert stranger.get(f"{URL}999999/").json() | {"request_id": ""} == stranger.get(first["Location"]).json() | {
        "request_id": ""
    }


def test_the_callers_name_is_one_more_reference(machine, report) -> None:
    post(machine, report, "?image=registry.example/shop/renamed:2")
    ingest.work_off()
    tags = set(Image.objects.get().tags.values_list("repository__name", "name"))
    assert tags == {("shop/renamed", "2"), ("shop/api", "1.0")}


def test_a_null_report_counts_for_the_image_that_the_caller_names(machine) -> None:
    first = post(machine, b"null", "?image=registry.example/shop/api:1.0")
    ingest.work_off()
    found = machine.get(first["Location"]).json()
    assert (found["state"], found["entries"]) == ("processed", 0)
    assert found["images"][0]["reference"] == "registry.example/shop/api:1.0"


@pytest.mark.django_db(transaction=True)
def test_ten_times_from_eight_clients_at_once(report) -> None:
    secret = make_token()[1]
    barrier = threading.Barrier(8)

    def send(_: int) -> list[tuple[int, int]]:
        barrier.wait()
        answers = [post(Machine(secret), report) for _ in range(10)]
        connection.close()
        return [(answer.status_code, answer.json()["id"]) for answer in answers]

    with ThreadPoolExecutor(8) as pool:
        answers = [answer for answers in pool.map(send, range(8)) for answer in answers]
    assert len({pk for _, pk in answers}) == 1
    assert sorted(status for status, _ in answers) == [200] * 79 + [202]
    ingest.work_off()
    assert (Delivery.objects.count(), Scan.objects.count()) == (1, 1)
