"""The pages of teams, people, the own account and a repository's owner."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import AuditEntry, Membership, Team, User
from governance.accounts.throttle import THROTTLE
from governance.images.models import Image, Repository
from tests.make import make_image, make_token, make_user
from tests.pages import text_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    THROTTLE.failures.clear()


# People


def test_a_person_is_created_with_a_password_that_is_shown_once(as_admin: Client) -> None:
    answer = as_admin.post("/people/", {"username": "new", "name": "Newt", "role": "member"})
    secret = re.search(r"<pre><code>([\w-]{24})</code>", answer.content.decode())
    assert answer.status_code == 201
    assert secret
    assert "choose a team" in answer.content.decode()
    assert secret[1] not in text_of(as_admin, "/people/")
    made = User.objects.get(username="new")
    assert made.check_password(secret[1])
    assert Client().post("/login/", {"username": "new", "password": secret[1]}).status_code == 302


def test_a_wrong_person_keeps_what_was_typed_and_swaps_the_form_alone(as_admin: Client) -> None:
    said = {"username": "admin", "email": "a@example.org", "role": "member"}
    answer = as_admin.post("/people/", said, headers=HTMX)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.strip().startswith('<form class="card make" id="new"')
    assert "Somebody has this name already" in page
    assert 'value="a@example.org"' in page
    assert "autofocus" in page
    assert "<html" in as_admin.post("/people/", said).content.decode()


def test_the_secret_comes_with_the_list_where_htmx_asks(as_admin: Client) -> None:
    answer = as_admin.post("/people/", {"username": "new", "role": "member"}, headers=HTMX)
    assert answer["HX-Retarget"] == "#people"
    assert answer.content.decode().strip().startswith('<div id="people">')
    token = as_admin.post("/tokens/", {"name": "ci", "scope": "ingest", "days": ""}, headers=HTMX)
    assert token["HX-Retarget"] == "#tokens"
    assert "pw_" in token.content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=MAT", True), ("q=nobody", False), ("role=member", True), ("role=auditor", False), ("active=false", False)],
)
def test_people_are_narrowed(as_admin: Client, mate: User, query: str, found: bool) -> None:
    assert (f'href="/people/{mate.pk}/"' in text_of(as_admin, f"/people/?{query}")) == found


@pytest.mark.parametrize("sort", ["name", "seen", "newest"])
def test_people_are_paged_without_gaps(as_admin: Client, sort: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("governance.accounts.person_views.PersonList.size", 2)
    for number in range(4):
        make_user(last_login="2026-01-01T00:00Z" if number % 2 else None)
    seen, address = [], f"/people/?sort={sort}"
    while address:
        page = text_of(as_admin, address)
        seen += re.findall(r'<td class="thing"><a href="/people/(\d+)/', page)
        further = re.search(r'rel="next" href="([^"]+)"', page)
        address = "/people/" + further[1].replace("&amp;", "&") if further else ""
    assert len(seen) == len(set(seen)) == 5


def test_the_lists_ask_a_few_questions(as_admin: Client, team: Team, mate: User, django_assert_num_queries) -> None:
    # Session, person, rows; teams of the rows; scope picker and open deliveries of the frame.
    with django_assert_num_queries(6):
        as_admin.get("/people/")
    # Session, person, rows; members, repositories, tokens and images; repositories of nobody; picker and deliveries.
    with django_assert_num_queries(10):
        as_admin.get("/teams/")
    for address in (f"/teams/{team.pk}/", f"/people/{mate.pk}/"):
        assert as_admin.get(address).status_code == 200


def test_the_last_administrator_is_told_so_beside_the_field(as_admin: Client, admin: User) -> None:
    answer = as_admin.post(f"/people/{admin.pk}/role/", {"role": "member"})
    assert answer.status_code == 422
    assert re.search(r'id="id_role_error">This is the last administrator', answer.content.decode())
    assert as_admin.post(f"/people/{admin.pk}/active/", {"active": "false"}).status_code == 422
    assert User.objects.get(pk=admin.pk).is_admin


def test_a_role_is_changed_and_the_page_comes_anew(as_admin: Client, mate: User) -> None:
    answer = as_admin.post(f"/people/{mate.pk}/role/", {"role": "auditor"}, headers=HTMX)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, f"/people/{mate.pk}/")
    assert "mate is now: Auditor." in text_of(as_admin, f"/people/{mate.pk}/")
    assert as_admin.post(f"/people/{mate.pk}/role/", {"role": "emperor"}).status_code == 422
    assert as_admin.post(f"/people/{mate.pk}/active/", {"active": "perhaps"}).status_code == 422


def test_who_gives_up_the_right_is_led_to_the_start(as_admin: Client, admin: User) -> None:
    make_user(role=User.Role.ADMIN)
    assert as_admin.post(f"/people/{admin.pk}/role/", {"role": "member"})["Location"] == "/"


def test_somebody_is_deactivated_and_comes_back(as_admin: Client, mate: User) -> None:
    make_token()
    as_admin.post(f"/people/{mate.pk}/active/", {"active": "false"})
    assert "deactivated" in text_of(as_admin, f"/people/{mate.pk}/")
    assert f"/people/{mate.pk}/" in text_of(as_admin, "/people/?active=false")
    as_admin.post(f"/people/{mate.pk}/active/", {"active": "true"})
    assert User.objects.get(pk=mate.pk).is_active


def test_a_new_password_is_shown_once(as_admin: Client, mate: User, admin: User) -> None:
    page = as_admin.post(f"/people/{mate.pk}/password/").content.decode()
    secret = re.search(r"<pre><code>([\w-]{24})</code>", page)
    assert secret
    assert User.objects.get(pk=mate.pk).check_password(secret[1])
    assert as_admin.post(f"/people/{admin.pk}/password/").status_code == 422


def test_people_are_a_page_of_those_who_see_everything(as_owner: Client) -> None:
    assert 'href="/people/"' not in text_of(as_owner, "/")
    assert 'href="/teams/"' in text_of(as_owner, "/")


@pytest.mark.parametrize("path", ["role", "active", "password"])
def test_who_may_not_change_people_does_not_learn_who_is_there(as_owner: Client, mate: User, path: str) -> None:
    theirs = as_owner.post(f"/people/{mate.pk}/{path}/")
    nothing = as_owner.post(f"/people/999999/{path}/")
    assert theirs.status_code == nothing.status_code == 403


# The own account


def test_the_own_password_is_changed_and_this_session_stays(client: Client) -> None:
    me = make_user("ada")
    me.set_password("correct horse battery")
    me.save()
    client.force_login(me)
    elsewhere = Client()
    elsewhere.force_login(me)
    new = "staple correct horse"
    said = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    assert "not your password" in client.post("/account/", said).content.decode()
    said["old_password"] = "correct horse battery"
    for wrong in ({"new_password2": "another thing"}, {"new_password1": "short", "new_password2": "short"}):
        assert client.post("/account/", said | wrong).status_code == 422
    assert client.post("/account/", said).status_code == 302
    assert "your other sessions have ended" in text_of(client, "/account/")
    assert elsewhere.get("/account/").status_code == 302
    assert AuditEntry.objects.get().action == "user.password"


def test_guessing_the_own_password_is_slowed_down(client: Client, mate: User) -> None:
    client.force_login(mate)
    for _ in range(5):
        assert client.post("/account/", {"old_password": "wrong"}).status_code == 422
    answer = client.post("/account/", {"old_password": "wrong"})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1


# Teams


def test_a_team_is_listed_with_what_it_has(as_admin: Client, team: Team, mate: User) -> None:
    make_image(team=team)
    page = text_of(as_admin, "/teams/")
    numbers = re.findall(r'data-label="(\w+)" class="num">\s*<?[^>]*>?(\d+)', page)
    assert numbers == [("Members", "1"), ("Repositories", "1"), ("Images", "1"), ("Tokens", "1")]
    assert f'href="/images/?team={team.pk}"' in page


def test_one_sees_the_own_teams_only(as_owner: Client, team: Team, stranger: User) -> None:
    page = text_of(as_owner, "/teams/")
    assert f'href="/teams/{team.pk}/"' in page
    assert "payments" not in page
    assert "New team" not in page
    assert "Owner rules" not in page


def test_a_team_is_created_and_led_to(as_admin: Client) -> None:
    answer = as_admin.post("/teams/", {"name": "store"})
    made = Team.objects.get(name="store")
    assert answer["Location"] == f"/teams/{made.pk}/"
    page = text_of(as_admin, f"/teams/{made.pk}/")
    assert "Nobody is in this team" in page
    assert "It owns no repository" in page
    again = as_admin.post("/teams/", {"name": "Store"}, headers=HTMX)
    assert again.status_code == 422
    assert "Another team has this name" in again.content.decode()
    assert as_admin.post("/teams/", {"name": ""}).status_code == 422


def test_a_team_administrator_looks_after_the_members(as_owner: Client, team: Team, stranger: User) -> None:
    page = text_of(as_owner, f"/teams/{team.pk}/")
    assert "Add a member" in page
    assert "Rename" not in page
    as_owner.post(f"/teams/{team.pk}/members/", {"username": "stranger", "role": "viewer"})
    as_owner.post(f"/teams/{team.pk}/members/{stranger.pk}/role/", {"role": "editor"})
    assert Membership.objects.get(team=team, user=stranger).role == "editor"
    for _ in range(2):
        assert as_owner.post(f"/teams/{team.pk}/members/{stranger.pk}/remove/").status_code == 302
    assert not Membership.objects.filter(team=team, user=stranger).exists()
    assert as_owner.post(f"/teams/{team.pk}/name/", {"name": "mine now"}).status_code == 403


def test_a_wrong_member_is_said_in_the_form(as_owner: Client, team: Team, mate: User) -> None:
    answer = as_owner.post(f"/teams/{team.pk}/members/", {"username": "nobody", "role": "viewer"}, headers=HTMX)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.strip().startswith('<form class="card make" id="join"')
    assert "Nobody who can sign in has this name" in page
    assert as_owner.post(f"/teams/{team.pk}/members/{mate.pk}/role/", {"role": "emperor"}).status_code == 422
    assert as_owner.post(f"/teams/{team.pk}/members/999999/role/", {"role": "viewer"}).status_code == 404


def test_who_leaves_the_team_is_led_to_the_list(as_owner: Client, team: Team, owner: User) -> None:
    assert as_owner.post(f"/teams/{team.pk}/members/{owner.pk}/remove/")["Location"] == "/teams/"


def test_a_team_is_renamed(as_admin: Client, team: Team) -> None:
    Team.objects.create(name="payments")
    answer = as_admin.post(f"/teams/{team.pk}/name/", {"name": "payments"}, headers=HTMX)
    assert answer.status_code == 422
    assert answer.content.decode().strip().startswith('<form class="card make" id="rename"')
    as_admin.post(f"/teams/{team.pk}/name/", {"name": "store"})
    assert "The team is called store now." in text_of(as_admin, f"/teams/{team.pk}/")


# Whose a repository is


def test_a_repository_changes_hands(as_admin: Client, team: Team, stranger: User) -> None:
    image, other = make_image(team=team), Team.objects.get(name="payments")
    here = f"/images/repositories/{image.repository_id}/"
    assert f'href="{here}"' in text_of(as_admin, f"/images/{image.pk}/")
    page = text_of(as_admin, here)
    assert "1 image goes with it; members of shop no longer see it" in page
    as_admin.post(here, {"owner": other.pk, "reason": "moved"})
    assert "belongs to payments now, with 1 image." in text_of(as_admin, here)
    assert Image.objects.get(pk=image.pk).owners == [other.pk]
    as_admin.post(here, {"owner": other.pk})
    assert "belongs to payments already." in text_of(as_admin, here)
    assert "from shop to payments" in text_of(as_admin, f"/images/{image.pk}/timeline/")


def test_a_repository_of_nobody_waits_in_the_queue(as_admin: Client, team: Team) -> None:
    image = make_image(team=team)
    here = f"/images/repositories/{image.repository_id}/"
    assert as_admin.post(here, {"owner": "999999"}).status_code == 422
    as_admin.post(here, {"owner": ""})
    assert Repository.objects.get().owner is None
    assert "Unowned repositories 1" in text_of(as_admin, "/teams/")
    assert f'href="{here}"' in text_of(as_admin, "/images/repositories/?owned=false")


def test_who_only_sees_it_gets_no_form(as_owner: Client, team: Team) -> None:
    image = make_image(team=team)
    page = text_of(as_owner, f"/images/repositories/{image.repository_id}/")
    assert "Give it to a team" not in page
    assert ">shop</a>" in page


# What they have in common


def test_hostile_names_are_shown_as_text(as_admin: Client, team: Team, mate: User) -> None:
    hostile = '<img src=x onerror=alert(1)>" hx-get="/x" \u202e'
    Team.objects.filter(pk=team.pk).update(name=hostile)
    User.objects.filter(pk=mate.pk).update(name=hostile, email=hostile)
    image = make_image(team=team)
    for address in (
        *("/teams/", f"/teams/{team.pk}/", "/people/", f"/people/{mate.pk}/"),
        f"/images/repositories/{image.repository_id}/",
    ):
        page = text_of(as_admin, address)
        assert "<img" not in page, address
        assert ' hx-get="/x"' not in page, address
        # A form shows what there is to be changed as it is.
        shown = re.sub(r'<option.*?</option>|value="[^"]*"', "", page)
        assert "\u202e" not in shown, address


def test_they_carry_no_inline_code_or_styles(as_admin: Client, team: Team, mate: User) -> None:
    image = make_image(team=team)
    for address in (
        *("/teams/", f"/teams/{team.pk}/", "/people/", f"/people/{mate.pk}/", "/account/"),
        f"/images/repositories/{image.repository_id}/",
    ):
        page = text_of(as_admin, address)
        assert not re.search(r"<script(?![^>]*\ssrc=)", page)
        assert not re.search(r"\s(style|on\w+)=", page)
