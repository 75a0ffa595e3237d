"""What people see of lineage: one list of work on the base, one line on its children, and what a rebuild would do."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import Membership, Team, Token, User
from governance.approvals.models import ApprovedBase
from governance.images.models import BaseEdge, Image
from tests.conftest import Machine
from tests.governance.images.trees import layers_of, make_tree_image, settled
from tests.make import make_token, make_user
from tests.pages import text_of

pytestmark = pytest.mark.django_db
NAMES = tuple(f"CVE-2099-{number:04}" for number in range(1, 41))


def words_of(page: str) -> str:
    """Without markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(page)))


@pytest.fixture
def platform(db: None) -> Team:
    """The team that owns the bases."""
    return Team.objects.create(name="platform")


@pytest.fixture
def keeper(platform: Team) -> User:
    """Keeps the bases, and sees nothing else."""
    return make_user("keeper", team=platform, membership=Membership.Role.EDITOR)


@pytest.fixture
def as_keeper(keeper: User) -> Client:
    client = Client()
    client.force_login(keeper)
    return client


@pytest.fixture
def base(platform: Team) -> Image:
    return make_tree_image("python:3.12", layers_of("python"), NAMES[:3], platform)


@pytest.fixture
def app(base: Image, team: Team) -> Image:
    """Shop's image on the platform's base: two of three are the base's, one is its own."""
    image = make_tree_image("app", layers_of("python", "app"), (*NAMES[:2], "CVE-2099-0900"), team, day=2)
    settled(base, image)
    return image


# One base, many children


def test_one_base_and_three_hundred_children_are_forty_items_for_the_owner_and_one_line_for_the_others(
    as_keeper: Client, as_mate: Client, platform: Team, team: Team
) -> None:
    base = make_tree_image("python:3.12", layers_of("python"), NAMES, platform)
    for number in range(300):
        make_tree_image(f"app{number}", layers_of("python", f"{number}"), NAMES, team, day=2)
    settled(base)
    child = Image.objects.get(reference="registry.example/app7:1")

    first = text_of(as_keeper, f"/images/{base.pk}/work/")
    assert "300 images in 300 repositories of 1 team" in words_of(first)
    assert "40 items" in words_of(first)
    listed = set(re.findall(r"CVE-2099-\d{4}", first))
    assert listed == set(NAMES)
    assert words_of(first).count(" 300 ") >= 40

    page = text_of(as_mate, f"/images/{child.pk}/")
    assert "40 inherited from registry.example/python:3.12" in words_of(page)
    assert "No findings of its own" in page
    assert "CVE-2099-" not in page
    assert "0 its own" in words_of(text_of(as_mate, "/images/"))

    theirs = Machine(make_token(Token.Scope.READ, team)[1])
    said = theirs.get(f"/api/v1/images/{child.pk}/").json()
    assert (said["inherited"], sum(said["own"].values()), sum(said["by_severity"].values())) == (40, 0, 40)
    assert said["base"] == {"id": None, "reference": "registry.example/python:3.12"}
    assert theirs.get(f"/api/v1/images/{child.pk}/findings/?origin=own").json()["results"] == []
    assert len(theirs.get(f"/api/v1/images/{child.pk}/findings/?origin=inherited").json()["results"]) == 40
    ours = Machine(make_token(Token.Scope.READ, platform)[1])
    work = ours.get(f"/api/v1/images/{base.pk}/work/").json()
    assert (work["total"], work["is_exact"], work["looked_at"]) == (40, True, 300)
    assert {(row["images"], row["repositories"], row["teams"]) for row in work["results"]} == {(300, 300, 1)}
    assert theirs.get(f"/api/v1/images/{base.pk}/work/").status_code == 404


def test_an_item_counts_only_what_still_has_it(as_keeper: Client, base: Image, app: Image) -> None:
    page = text_of(as_keeper, f"/images/{base.pk}/work/")
    counts = dict(re.findall(r'(CVE-2099-\d{4})</a>.*?data-label="Images" class="num">(.*?)</td>', page))
    assert [words_of(counts[name]).strip() for name in NAMES[:3]] == ["1", "1", "0"]


def test_the_work_list_is_narrowed(as_keeper: Client, base: Image, app: Image) -> None:
    assert "No item matches" in text_of(as_keeper, f"/images/{base.pk}/work/?severity=critical")
    assert "3 items" in text_of(as_keeper, f"/images/{base.pk}/work/?severity=high&fixable=true")


# The image


def test_the_block_says_what_it_was_built_on_and_how_sure(as_mate: Client, app: Image) -> None:
    page = text_of(as_mate, f"/images/{app.pk}/")
    assert "registry.example/python:3.12 layer prefix, sure" in words_of(page)
    assert "Findings 1 of 3" in page
    # Another team's base is named and not linked.
    assert f"/images/{app.base_id}/" not in page


def test_nothing_unknown_and_a_name_are_told_apart(as_mate: Client, team: Team, owner: User) -> None:
    image = make_tree_image("flat", layers_of("flat"), (), team)
    settled(image)
    address = f"/images/{image.pk}/lineage/"
    assert "Nobody knows." in text_of(as_mate, address)
    for base, said in (("scratch", "Nothing: it was built from scratch"), ("alpine:3.20", "No report of it has come")):
        client = Client()
        client.force_login(owner)
        answer = client.post(address, {"base": base, "reason": "the Dockerfile"})
        assert answer.status_code == 302
        assert said in words_of(text_of(as_mate, address))


def test_inherited_findings_are_shown_where_they_are_asked_for(as_mate: Client, app: Image) -> None:
    def listed(query: str) -> set[str]:
        return set(re.findall(r"CVE-2099-\d{4}", text_of(as_mate, f"/images/{app.pk}/findings/{query}")))

    assert listed("") == {"CVE-2099-0900"}
    assert listed("?origin=inherited") == set(NAMES[:2])
    assert listed("?origin=all") == {*NAMES[:2], "CVE-2099-0900"}
    assert listed("?origin=own&scanner=trivy") == {"CVE-2099-0900"}
    assert listed("?origin=inherited&scanner=trivy") == set(NAMES[:2])


def test_how_it_was_compared_is_said(as_mate: Client, app: Image) -> None:
    assert app.split is not None
    for how, words in (("mixed", "Not every scanner"), ("layers", "never scanned")):
        type(app.split).objects.update(how=how)
        assert words in text_of(as_mate, f"/images/{app.pk}/")


def test_the_tree_shows_the_chain_and_only_numbers_of_others(
    as_mate: Client, as_keeper: Client, base: Image, app: Image
) -> None:
    def tree(client: Client, image: Image) -> dict[str, Any]:
        found = re.search(r'data-tree="([^"]*)"', text_of(client, f"/images/{image.pk}/lineage/"))
        assert found
        return json.loads(unescape(found[1]))

    above = tree(as_mate, app)
    assert (above["name"], "id" in above, above["children"][0]["here"]) == (str(base), False, True)
    assert tree(as_keeper, base)["children"] == [{"name": "1 of other teams"}]


def test_the_lineage_tab_names_evidence_and_what_speaks_against_it(as_mate: Client, app: Image) -> None:
    BaseEdge.objects.create(
        image=app,
        rung=BaseEdge.Rung.PROVENANCE,
        name="registry.example/liar:1",
        source="build of <b>yesterday</b>",
        stated_at="2026-08-01T00:00:00Z",
        agreement="contradicted",
    )
    page = text_of(as_mate, f"/images/{app.pk}/lineage/")
    words = words_of(page)
    assert "registry.example/liar:1 Build provenance contradict" in words
    assert "Its first layers are all of registry.example/python:3.12" in words
    assert "&lt;b&gt;yesterday" in page


# Correcting


def test_an_editor_states_a_base_and_takes_it_back(owner: User, app: Image) -> None:
    client, address = Client(), f"/images/{app.pk}/lineage/"
    client.force_login(owner)
    answer = client.post(address, {"base": "x y", "reason": "why"}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert 'id="correct"' in answer.content.decode()
    assert "Write registry/repository:tag" in answer.content.decode()
    assert client.post(address, {"base": "scratch", "reason": "static", "next": "/bases/unknown/"}).url == (
        "/bases/unknown/"
    )
    app.refresh_from_db()
    assert app.base is None
    assert "“static”" in text_of(client, address)
    assert client.post(address, {"revoke": "1"}).status_code == 302
    app.refresh_from_db()
    assert app.base is not None


def test_who_only_views_gets_no_form(as_mate: Client, app: Image) -> None:
    assert "State its base" not in text_of(as_mate, f"/images/{app.pk}/lineage/")


def test_the_api_states_a_base_and_takes_it_back(owner: User, app: Image) -> None:
    client, address = Client(), f"/api/v1/images/{app.pk}/base/"
    client.force_login(owner)
    said = client.post(address, {"base": "scratch", "reason": "r"}, content_type="application/json")
    assert said.json()["state"] == "nothing"
    for body in ({"base": "scratch"}, {"reason": "r"}, {"base": "\x00", "reason": "r"}, {"base": "?", "reason": "r"}):
        answer = client.post(address, body, content_type="application/json")
        assert answer.status_code == 400
    assert client.delete(address).status_code == 204
    assert client.get(f"/api/v1/images/{app.pk}/lineage/").json()["base"]["state"] == "known"


# Rebuilding


def test_the_base_moved_on_and_a_rebuild_is_foretold(
    as_mate: Client, as_keeper: Client, base: Image, app: Image, platform: Team, team: Team
) -> None:
    newest = make_tree_image("python:3.12", layers_of("newer"), NAMES[:1], platform, day=20, key="newest")
    settled(newest, app)
    assert re.search(r"sure \d+ (d|mo) behind", words_of(text_of(as_mate, f"/images/{app.pk}/")))
    page = words_of(text_of(as_mate, f"/images/{app.pk}/rebuild/"))
    assert "fixes 1 and brings 0" in page
    assert "fixes 2 and brings 0" in words_of(text_of(as_keeper, f"/images/{base.pk}/rebuild/"))
    assert re.search(r"registry.example/python:3.12 .* (d|mo) behind", words_of(text_of(as_keeper, "/bases/")))
    said = Machine(make_token(Token.Scope.READ, team)[1]).get(f"/api/v1/images/{app.pk}/lineage/").json()
    assert said["freshness"]["state"] == "moved"
    assert said["freshness"]["rebuild"]["fixes"] == 1
    assert said["freshness"]["rebuild"]["base"]["id"] is None


def test_other_bases_are_offered_to_those_who_may_see_them(
    as_mate: Client, as_keeper: Client, base: Image, app: Image, stranger: User
) -> None:
    theirs = stranger.teams.get()
    other = make_tree_image("mirror/python:3.12", layers_of("mirror"), (), theirs)
    settled(make_tree_image("theirs", layers_of("mirror", "theirs"), (), theirs, day=2), other)
    assert other.descendants == 1
    assert "mirror/python" not in text_of(as_mate, f"/images/{app.pk}/rebuild/")
    client = Client()
    client.force_login(make_user("auditor", role=User.Role.AUDITOR))
    assert "mirror/python" in text_of(client, f"/images/{app.pk}/rebuild/")


# Lists


def test_bases_are_listed_with_what_is_built_on_them(as_keeper: Client, base: Image, app: Image) -> None:
    page = words_of(text_of(as_keeper, "/bases/"))
    assert "registry.example/python:3.12" in page
    assert "1 base" in page
    for query, found in (
        ("?fresh=newest", True),
        ("?fresh=moved", False),
        ("?severity=high", True),
        ("?q=nothing-is-called-so", False),
    ):
        assert ("registry.example/python:3.12" in words_of(text_of(as_keeper, f"/bases/{query}"))) is found


def test_bases_of_other_teams_are_named_under_ones_own(as_mate: Client, app: Image) -> None:
    page = text_of(as_mate, "/bases/")
    assert "No bases yet" in page
    assert "Of other teams, under your images registry.example/python:3.12" in words_of(page).replace(
        " Base Your images on it", ""
    )
    assert f"?base={app.base_id}" in page


@pytest.mark.parametrize("words", ["number", "digest", "name", "repository"])
def test_images_are_filtered_by_their_base(as_mate: Client, base: Image, app: Image, words: str) -> None:
    value = {
        "number": base.pk,
        "digest": base.config_digest,
        "name": "registry.example/python:3.12",
        "repository": "registry.example/python",
    }[words]
    assert "registry.example/app:1" in text_of(as_mate, f"/images/?base={value}")
    assert "registry.example/app:1" not in text_of(as_mate, "/images/?base=registry.example/other:1")


def test_unknown_bases_wait_with_suggestions(owner: User, team: Team, base: Image, app: Image) -> None:
    lost = make_tree_image("lost", layers_of("common", "lost"), NAMES[:1], team, day=3)
    make_tree_image("kin", layers_of("common", "kin"), (), team, day=3)
    other = make_tree_image("other", layers_of("common", "lost"), (), team, day=4)
    Image.objects.filter(pk=other.pk).update(architecture="arm64")
    hidden = make_tree_image("hidden", layers_of("foreign", "hidden"), (), team, day=3)
    make_tree_image("theirs", layers_of("foreign", "theirs"), (), Team.objects.get(name="platform"), day=3)
    settled(lost, hidden)
    client = Client()
    client.force_login(owner)
    page = text_of(client, "/bases/unknown/")
    assert "Shares its first 1 layer with registry.example/kin:1" in words_of(page)
    assert "Its system looks like debian:12" in words_of(page)
    # The very same layers, of another platform.
    assert "with registry.example/other:1" not in words_of(page)
    assert "registry.example/theirs:1" not in page
    assert "registry.example/app:1" not in page
    assert client.post(f"/images/{lost.pk}/lineage/", {"base": "scratch", "reason": "r"}).status_code == 302
    assert f'href="/images/{lost.pk}/lineage/"' not in text_of(client, "/bases/unknown/")
    assert "registry.example/lost:1" in text_of(client, "/images/?base=scratch")
    assert "registry.example/hidden:1" in text_of(client, "/images/?base=unknown")


# Two images


def test_two_images_are_compared(as_keeper: Client, base: Image, platform: Team) -> None:
    other = make_tree_image("python:3.13", layers_of("python", "more"), NAMES[1:5], platform, day=3)
    settled(base, other)
    page = words_of(text_of(as_keeper, f"/bases/compare/?a={base.pk}&b=registry.example/python:3.13"))
    assert "2 in both, 1 only in the first, 2 only in the second" in page
    assert "The first 1 layer is the same" in page


def test_what_is_not_yours_is_not_compared(as_mate: Client, base: Image, app: Image) -> None:
    page = text_of(as_mate, f"/bases/compare/?a={base.pk}&b={app.pk}")
    assert "No image that you may see" in page
    assert "python" not in words_of(page)


# Cost


def test_no_page_of_lineage_asks_more_than_fifteen_questions(
    admin: User, base: Image, app: Image, platform: Team, team: Team, django_assert_max_num_queries: Any
) -> None:
    middle = make_tree_image("middle", layers_of("python", "middle"), NAMES[:2], team, day=3)
    make_tree_image("top", layers_of("python", "middle", "top"), NAMES[:2], team, day=4)
    make_tree_image("python:3.12", layers_of("newer"), NAMES[:1], platform, day=20, key="newest")
    settled(base, middle)
    ApprovedBase.objects.create(name="registry.example/python", pattern="3*", state="approved", grace=30)
    client = Client()
    client.force_login(admin)
    tabs = [f"/images/{middle.pk}/{tab}" for tab in ("", "lineage/", "work/", "rebuild/", "rebuild/?as=child")]
    for address in [*tabs, "/bases/", "/bases/unknown/", f"/bases/compare/?a={base.pk}&b={app.pk}", "/images/?base=1"]:
        with django_assert_max_num_queries(15):
            assert client.get(address).status_code == 200
