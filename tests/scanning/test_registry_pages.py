"""Registries in pages and API: what they say, what the test button finds, and that no password comes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.accounts.models import AuditEntry, Token
from governance.web.addresses import Allowed
from scanning import crawl
from scanning.connections import crawl_now, save_connection, target_of
from scanning.models import Connection, RepositoryCrawl
from tests.conftest import Machine
from tests.make import make_token
from tests.registry import Shelf, make_built, make_layer, reply, shelved

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def place(settings: Any) -> Iterator[tuple[Shelf, str]]:
    shelf = Shelf()
    shelf.push("shop/api", make_built(make_layer(a="1")), "1")
    with shelved(shelf) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        yield shelf, f"http://127.0.0.1:{port}"


def entered(base: str, **more: str) -> dict[str, str]:
    return {
        "kind": "standard",
        "base_url": base,
        "is_insecure": "on",
        "is_enabled": "on",
        "every_minutes": "60",
        **more,
    }


def steps_of(client: Client, said: dict[str, str], pk: int = 0) -> list[str]:
    """The state of each step."""
    address = reverse("registries:registry_edit", args=[pk]) if pk else reverse("registries:registry_new")
    answer = client.post(address, said | {"do": "test"}, headers=HTMX)
    assert answer.status_code == 200
    return [step.state for step in answer.context["steps"]]


def test_the_test_button_says_what_works(as_admin: Client, place: tuple[Shelf, str]) -> None:
    shelf, base = place
    assert steps_of(as_admin, entered(base)) == ["works"] * 5
    assert not Connection.objects.exists()
    assert steps_of(as_admin, entered(base, repositories="shop/api")) == ["works", "works", "open", "works", "works"]
    assert steps_of(as_admin, entered(base, repositories="shop/none")) == ["works", "works", "open", "fails", "open"]
    assert steps_of(as_admin, entered(base, kind="dockerhub")) == ["works", "works", "fails", "open", "open"]
    assert steps_of(as_admin, entered("http://127.0.0.1:9")) == ["fails", "open", "open", "open", "open"]

    def locked(request: BaseHTTPRequestHandler) -> bool:
        reply(request, b"", 401, WWW_Authenticate="Basic")
        return True

    shelf.instead = locked
    assert steps_of(as_admin, entered(base)) == ["works", "fails", "open", "open", "open"]


def test_a_test_uses_the_stored_password_only_where_it_was_entered_for(
    as_admin: Client, place: tuple[Shelf, str]
) -> None:
    shelf, base = place
    row = save_connection(None, None, {"base_url": base, "is_insecure": True}, "s3cret")
    seen: list[str | None] = []

    def basic(request: BaseHTTPRequestHandler) -> bool:
        seen.append(request.headers.get("Authorization"))
        if seen[-1] is None:
            reply(request, b"", 401, WWW_Authenticate="Basic")
        return seen[-1] is None

    shelf.instead = basic
    assert steps_of(as_admin, entered(base), row.pk) == ["works"] * 5
    seen.clear()
    steps_of(as_admin, entered(base, token_server="127.0.0.1:1"), row.pk)
    assert set(seen) == {None}


def test_a_registry_is_connected_by_the_form_and_shown_without_its_password(
    as_admin: Client, place: tuple[Shelf, str]
) -> None:
    _, base = place
    answer = as_admin.post(reverse("registries:registry_new"), entered(base, username="robot", secret="s3cret"))
    row = Connection.objects.get()
    assert answer["Location"] == reverse("registries:registry_detail", args=[row.pk])
    assert target_of(row).secret == "s3cret"
    crawl_now(None, row)
    while crawl.work():
        pass
    for name, arguments in (("list", []), ("detail", [row.pk]), ("edit", [row.pk])):
        page = as_admin.get(reverse(f"registries:registry_{name}", args=arguments)).content.decode()
        assert row.registry.host in page
        assert "s3cret" not in page
    page = as_admin.get(reverse("registries:registry_detail", args=[row.pk])).content.decode()
    assert "1 of 1 crawled" in page
    assert "shop/api" in page
    assert "Plain http is allowed" in page


def test_a_mistake_is_said_beside_its_field(as_admin: Client) -> None:
    answer = as_admin.post(reverse("registries:registry_new"), entered("http://registry.example") | {"is_insecure": ""})
    assert answer.status_code == 422
    assert "Plain http is refused" in answer.content.decode()


def test_progress_is_seen_while_it_runs(as_admin: Client) -> None:
    row = save_connection(None, None, {"base_url": "https://registry.example"})
    made = {"connection": row, "name": "shop/api", "tags_total": 400, "tags_done": 120}
    RepositoryCrawl.objects.create(**made, started_at=row.created_at)
    address = reverse("registries:registry_detail", args=[row.pk])
    page = as_admin.get(address).content.decode()
    assert "120 of 400 tags" in page
    assert 'hx-trigger="every 3s"' in page
    assert '1 <span class="wide">crawled</span>' in page
    part = as_admin.get(address, headers={**HTMX, "HX-Target": "div#progress"}).content.decode()
    assert part.strip().startswith('<div id="progress"')
    assert "<html" not in part


@pytest.mark.parametrize("amount", [2, 12])
def test_the_list_asks_as_little_for_many_as_for_few(as_admin: Client, amount: int) -> None:
    for number in range(amount):
        row = save_connection(None, None, {"base_url": f"https://r{number}.example"})
        RepositoryCrawl.objects.create(connection=row, name="shop/api")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        as_admin.get(reverse("registries:registry_list"))
    # Session, person, what runs now, quarantined and scope of the frame; the rows; their figures.
    assert len(seen) <= 8
    with CaptureQueriesContext(connection) as seen:
        as_admin.get("/api/v1/registries/")
    assert len(seen) <= 5


def test_the_api_writes_passwords_and_never_reads_them(place: tuple[Shelf, str]) -> None:
    _, base = place
    machine = Machine(make_token(Token.Scope.ADMIN)[1])
    said = {"base_url": base, "is_insecure": True, "username": "robot", "password": "s3cret"}
    made = machine.post("/api/v1/registries/", json.dumps(said), content_type="application/json")
    assert made.status_code == 201
    row = Connection.objects.get()
    one = f"/api/v1/registries/{row.pk}/"
    changed = machine.patch(one, json.dumps({"tags": "v*"}), content_type="application/json").json()
    assert (changed["tags"], changed["password_set"], changed["state"]) == ("v*", True, "waiting")
    wrong = machine.patch(one, json.dumps({"every_minutes": 0}), content_type="application/json")
    assert (wrong.status_code, "every_minutes" in wrong.content.decode()) == (400, True)
    assert [step["state"] for step in machine.post(f"{one}check/").json()] == ["works"] * 5
    assert machine.post(f"{one}crawl/").status_code == 202
    while crawl.work():
        pass
    listed = machine.get("/api/v1/registries/").json()["results"]
    assert [(one["state"], one["repositories_known"]) for one in listed] == [("fine", 1)]
    assert machine.get(f"{one}repositories/").json()["results"][0]["name"] == "shop/api"
    for answer in (made, machine.get(one), machine.get("/api/v1/registries/")):
        assert b"s3cret" not in answer.content
    assert all("s3cret" not in f"{entry.before}{entry.after}" for entry in AuditEntry.objects.all())
    assert machine.delete(one).status_code == 204
    assert {entry.action for entry in AuditEntry.objects.all()} >= {
        "registry.create",
        "registry.change",
        "registry.crawl",
        "registry.remove",
    }
