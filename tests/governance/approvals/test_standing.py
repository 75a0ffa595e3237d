"""What the list says of images' bases: on their page, in the API, as a filter; the columns of the list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.approvals.facts import ground_of
from governance.approvals.models import ApprovedBase
from governance.approvals.standing import State, columns_of, standings_of
from governance.approvals.users import users_of
from governance.images.models import Image
from scanning.demo.approved import ENTRIES, load_list, remove_list
from tests.make import digest_of, make_image

pytestmark = pytest.mark.django_db
JAVA = "registry.example/base/java"


def on(name: str, base: str, team: Any = None, **fields: Any) -> Image:
    """An image of the team that stands on a base, which a report of its own has brought."""
    stands = Image.objects.filter(config_digest=digest_of(base)).first() or make_image(base, config=digest_of(base))
    image = make_image(f"registry.example/shop/{name}:1", team=team)
    Image.objects.filter(pk=image.pk).update(base=stands, base_rung=60, **fields)
    return Image.objects.get(pk=image.pk)


def make_list() -> dict[str, ApprovedBase]:
    today = timezone.now().date()
    said: dict[str, dict[str, Any]] = {
        "17*": {"state": "approved"},
        "11*": {"state": "deprecated", "deprecated_on": today, "replacement": f"{JAVA}:17", "why": "old"},
        "8*": {"state": "sunset", "sunset_on": today},
        "7*": {"state": "banned"},
    }
    return {pattern: ApprovedBase.objects.create(name=JAVA, pattern=pattern, **rest) for pattern, rest in said.items()}


def test_every_state_is_told_and_found(team, admin, client, reader) -> None:
    entries = make_list()
    states = {"17.1": "approved", "11.2": "deprecated", "8.3": "sunset", "7": "banned", "21": "unlisted"}
    images = {state: on(f"on-{tag}", f"{JAVA}:{tag}", team) for tag, state in states.items()}
    images["unknown"] = make_image("registry.example/shop/lost:1", team=team)
    Image.objects.filter(reference__startswith=JAVA).update(base_rung=60)
    images["nothing"] = Image.objects.get(reference=f"{JAVA}:21")
    found = standings_of(images.values())
    assert {state: found[image.pk].state for state, image in images.items()} == {word: word for word in images}
    assert found[images["deprecated"].pk].said.replacement == f"{JAVA}:17"
    client.force_login(admin)
    text = client.get(reverse("images:image_detail", args=[images["deprecated"].pk])).content.decode()
    assert "is deprecated (old)" in text
    assert reverse("approved:base_detail", args=[entries["11*"].pk]) in text
    for state, image in images.items():
        rows = reader.get(f"/api/v1/images/?listed={state}").json()["results"]
        assert image.pk in [row["id"] for row in rows]
        assert {row["base_listed"]["state"] for row in rows} == {state}
    one = reader.get(f"/api/v1/images/{images['banned'].pk}/").json()["base_listed"]
    assert (one["verdict"], one["entry"]) == ("deny", entries["7*"].pk)
    assert reader.get("/api/v1/images/?listed=loved").status_code == 400


def test_a_base_known_by_name_alone_and_an_outdated_one(team) -> None:
    make_list()
    named = make_image("registry.example/shop/named:1", team=team)
    Image.objects.filter(pk=named.pk).update(base_name=f"{JAVA}:7.1")
    assert standings_of([Image.objects.get(pk=named.pk)])[named.pk].state == State.BANNED
    image = on("late", f"{JAVA}:17", team)
    image.base.tags.update(until=timezone.now() - timedelta(days=3))
    found = standings_of([image])[image.pk]
    assert (found.state, found.look, found.said.verdict) == (State.OUTDATED, "warn", "allow")
    assert "points to another image" in found.why or "rebuild" in found.why


def test_what_breaks_its_terms_says_so_first(team, admin, client) -> None:
    ApprovedBase.objects.create(name=JAVA, pattern="17*", state="approved", max_age=1)
    image = on("old", f"{JAVA}:17", team)
    Image.objects.filter(pk=image.base_id).update(built_at=timezone.now() - timedelta(days=9))
    found = standings_of([image])[image.pk]
    assert (found.state, found.look) == (State.APPROVED, "warn")
    assert found.why.startswith("Against the terms")
    client.force_login(admin)
    text = client.get(reverse("images:image_detail", args=[image.pk])).content.decode()
    assert "Against the terms" in text.split("Built on</dt>")[1].split("</dd>")[0].split('is-warn">')[1]


def test_the_list_has_columns_and_their_numbers_lead_to_as_many_rows(team, admin, client) -> None:
    entry = make_list()["17*"]
    on("api", f"{JAVA}:17", team, running=2)
    on("web", f"{JAVA}:17", team)
    column = columns_of([entry], users_of([entry], admin), admin, ground_of([entry]))[entry.pk]
    assert (column.newest and column.newest.reference, column.versions, column.running) == (f"{JAVA}:17", 1, 1)
    client.force_login(admin)
    text = client.get(reverse("approved:base_list")).content.decode()
    for query, number in ((f"?entry={entry.pk}", 2), (f"?entry={entry.pk}&running=true", 1)):
        assert query.replace("&", "&amp;") in text
        rows = client.get(reverse("images:image_list") + query).content.decode()
        assert rows.count('class="thing"') == number
    detail = client.get(reverse("approved:base_detail", args=[entry.pk])).content.decode()
    assert "1 of them runs" in detail
    assert "What it contains" in detail


def test_a_page_of_images_asks_the_list_as_often_as_one_image(team, django_assert_max_num_queries) -> None:
    make_list()
    images = [on(f"n{number}", f"{JAVA}:17.{number}", team) for number in range(8)]
    with django_assert_max_num_queries(2):
        standings_of(images)


def test_the_demo_list_has_every_state_and_goes_without_a_trace(team) -> None:
    load_list(timezone.now())
    load_list(timezone.now())
    today = timezone.now().date()
    stages = {row.stage_on(today) for row in ApprovedBase.objects.all()}
    assert stages == {"requested", "in_review", "approved", "deprecated", "sunset", "banned"}
    assert ApprovedBase.objects.count() == len(ENTRIES)
    assert remove_list() == len(ENTRIES)
    assert not ApprovedBase.objects.exists()
