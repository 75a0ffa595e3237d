"""What the pages say, and how much they ask the database for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.accounts.models import Membership, Team, Token, User
from governance.accounts.throttle import THROTTLE
from governance.findings.state import refresh
from governance.images.models import Image, Repository
from scanning.models import Delivery
from tests.make import deliver, digest_of, make_image, make_report, make_token, make_user, make_vulnerability
from tests.pages import text_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    THROTTLE.failures.clear()


# An empty installation


@pytest.mark.parametrize("name", ["overview:start", "images:image_list", "scanning:delivery_list"])
def test_an_empty_installation_shows_how_to_send_the_first_report(as_admin: Client, settings: Any, name: str) -> None:
    settings.BASE_URL = "https://portwarden.example"
    page = text_of(as_admin, reverse(name))
    assert 'make manage ARGS="token create ci --scope ingest"' in page
    assert "https://portwarden.example/api/v1/reports/?image=REF&amp;stage=ci&amp;wait=30" in page
    assert "trivy image --format json" in page
    assert "grype REF -o json" in page


# The start page


def test_every_number_of_the_start_page_leads_to_exactly_its_rows(as_admin: Client, team: Team) -> None:
    make_image("registry.example/shop/bad:1", team, vulnerabilities=[make_vulnerability(Severity="CRITICAL")])
    make_image("registry.example/shop/good:1", team, vulnerabilities=[])
    deliver(b'{"a": 1}')
    page = text_of(as_admin, "/")
    assert "could not be read" in page
    links = re.findall(r'<a href="(/images/\?[^"]+)"[^>]*>\s*<(?:b|span)[^>]*>\s*(?:</span>)?([\d,]*)', page)
    counted = [(address, number) for address, number in links if number]
    assert ("/images/?live=true&amp;severity=critical", "1") in counted
    assert ("/images/?live=true&amp;age=unknown", "2") in re.findall(r'href="([^"]+)" title="\d+">(\d+)</a>', page)
    for address, number in counted:
        assert f"{number} image" in text_of(as_admin, address.replace("&amp;", "&"))


def test_the_places_count_what_is_unknown(as_admin: Client, team: Team) -> None:
    make_image(team=team)
    page = text_of(as_admin, "/")
    assert "/images/?current=true&amp;place=registry-never" in page
    assert "1 image" in text_of(as_admin, "/images/?place=registry-never")
    assert "No image matches" in text_of(as_admin, "/images/?place=registry-fresh")


# The image list


FILTERS: list[tuple[str, Callable[[Image], str], bool]] = [
    ("q", lambda image: "shop/ap", True),
    ("q", lambda image: "shop/api:1", True),
    ("q", lambda image: "shop/api:2", False),
    ("q", lambda image: "1.0", True),
    ("q", lambda image: "1.", True),
    ("q", lambda image: "2.0", False),
    ("q", lambda image: str(image.config_digest), True),
    ("q", lambda image: str(image.config_digest)[7:16], True),
    ("q", lambda image: "cve-2099-0001", True),
    ("q", lambda image: "CVE-2099-9999", False),
    ("q", lambda image: "openssl", True),
    ("q", lambda image: "opens", False),
    ("repository", lambda image: "registry.example/shop/api", True),
    ("repository", lambda image: "shop/api", True),
    ("repository", lambda image: str(image.repository_id), True),
    ("repository", lambda image: "shop/other", False),
    ("team", lambda image: "shop", True),
    ("team", lambda image: str(image.owners[0]), True),
    ("team", lambda image: "mine", False),
    ("state", lambda image: "vulnerable", True),
    ("state", lambda image: "clean", False),
    ("severity", lambda image: "high", True),
    ("severity", lambda image: "critical", False),
    ("stage", lambda image: "ci", True),
    ("stage", lambda image: "runtime", False),
    ("fixable", lambda image: "true", True),
    ("fixable", lambda image: "false", False),
    ("eol", lambda image: "true", False),
    ("identified", lambda image: "true", True),
    ("demo", lambda image: "true", False),
]


@pytest.mark.parametrize(("name", "value", "found"), FILTERS)
def test_the_image_list_is_narrowed(
    as_admin: Client, team: Team, name: str, value: Callable[[Image], str], found: bool
) -> None:
    image = make_image("registry.example/shop/api:1.0", team)
    answer = as_admin.get("/images/", {name: value(image)})
    assert answer.status_code == 200
    assert (f'href="/images/{image.pk}/' in answer.content.decode()) == found


def test_a_manifest_digest_finds_its_image(as_admin: Client, team: Team) -> None:
    image = make_image(team=team, RepoDigests=[f"registry.example/shop/api@{digest_of('manifest')}"])
    assert f"/images/{image.pk}/" in text_of(as_admin, f"/images/?q={digest_of('manifest')[:20]}")


def test_a_wrong_filter_is_explained_and_finds_nothing(as_admin: Client, team: Team) -> None:
    make_image(team=team)
    page = text_of(as_admin, "/images/?state=green", 400)
    assert "green is not one of the available choices" in page
    assert "registry.example/shop/api" not in page


@pytest.mark.parametrize(
    "query", ["cursor=nonsense", "q=%00", "team=%00", "team=99999999999999999999", "repository=%00"]
)
def test_a_damaged_address_is_no_fault(as_admin: Client, query: str) -> None:
    assert as_admin.get(f"/images/?{query}").status_code in (200, 400)


@pytest.mark.parametrize("sort", ["worst", "newest", "built", "oldest"])
def test_the_list_is_paged_without_gaps(as_admin: Client, team: Team, sort: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("governance.overview.views.ImageList.size", 2)
    made = {make_image(f"registry.example/shop/api{number}:1", team).pk for number in range(5)}
    seen: list[int] = []
    address = f"/images/?sort={sort}"
    while address:
        page = text_of(as_admin, address)
        seen += [int(pk) for pk in re.findall(r'class="ref" href="/images/(\d+)/', page)]
        further = re.search(r'rel="next" href="([^"]+)"', page)
        address = "/images/" + further[1].replace("&amp;", "&") if further else ""
    assert len(seen) == 5
    assert set(seen) == made


def test_htmx_gets_the_table_alone_and_a_clean_address(as_admin: Client, team: Team) -> None:
    make_image(team=team)
    answer = as_admin.get("/images/?q=api&state=&stage=", headers=HTMX)
    page = answer.content.decode()
    assert page.strip().startswith('<section id="table"')
    assert "<html" not in page
    assert answer["HX-Push-Url"] == "/images/?q=api"
    assert "HX-Request" in answer["Vary"]


def test_the_scope_stays_in_every_link(as_admin: Client, team: Team) -> None:
    make_image(team=team)
    page = text_of(as_admin, f"/images/?team={team.pk}")
    assert f'href="/vulnerabilities/?team={team.pk}"' in page
    assert f'<option value="{team.pk}" selected>' in page


def test_the_list_asks_ten_questions_at_most(
    as_admin: Client, team: Team, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        make_image(f"registry.example/shop/api{number}:1", team)
    # Session, person, rows; owners and scanners of the rows; scope picker and open deliveries of the frame.
    with django_assert_num_queries(7):
        as_admin.get("/images/")
    # A search asks up to four times which sets hold what it looks for.
    with django_assert_max_num_queries(11):
        as_admin.get("/images/?q=openssl")


# One image


def test_the_image_page_shows_every_name_and_who_told_it(as_admin: Client, team: Team) -> None:
    image = make_image(team=team, RepoDigests=[f"registry.example/shop/api@{digest_of('manifest')}"])
    page = text_of(as_admin, f"/images/{image.pk}/")
    for name in (image.config_digest, digest_of("manifest"), "registry.example/shop/api:1.0"):
        assert f'data-copy="{name}"' in page
    assert "told by trivy image ID" in page


def test_two_scanners_that_agree_are_one_line(as_admin: Client, team: Team) -> None:
    image = make_image(team=team)
    grype = make_report(config=image.config_digest, vulnerabilities=[make_vulnerability(Severity="CRITICAL")])
    deliver(grype, stage="registry")
    page = text_of(as_admin, f"/images/{image.pk}/")
    assert page.count('href="/vulnerabilities/CVE-2099-0001/"') == 1
    assert "Findings 1" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("severity=high", True),
        ("severity=low", False),
        ("package=openssl", True),
        ("package=zlib", False),
        ("fixable=true", True),
        ("fixable=false", False),
        ("scanner=trivy", True),
        ("scanner=grype", False),
        ("suppressed=true", False),
    ],
)
def test_findings_are_narrowed(as_admin: Client, team: Team, query: str, shown: bool) -> None:
    image = make_image(team=team)
    page = text_of(as_admin, f"/images/{image.pk}/findings/?{query}")
    assert ("/vulnerabilities/CVE-2099-0001/" in page) == shown
    assert shown or "No finding matches" in page


def test_layers_count_their_packages_and_findings(as_admin: Client, team: Team) -> None:
    layers = [digest_of("bottom"), digest_of("top")]
    vulnerable = make_vulnerability(Layer={"DiffID": layers[1]})
    image = make_image(team=team, vulnerabilities=[vulnerable], DiffIDs=layers)
    page = text_of(as_admin, f"/images/{image.pk}/layers/")
    assert page.count("sha256:") >= 2
    assert re.search(r'data-label="No." class="num">2</td>.*data-label="Packages" class="num">1</td>', page)


@pytest.mark.parametrize("tab", ["packages", "layers", "scans", "timeline", "checks"])
def test_htmx_gets_a_tab_alone(as_admin: Client, team: Team, tab: str) -> None:
    image = make_image(team=team)
    page = text_of(as_admin, f"/images/{image.pk}/{tab}/", **HTMX)
    assert page.strip().startswith('<section id="tab"')
    assert 'aria-current="page"' in page


def test_a_merged_record_leads_to_the_one_that_stayed(as_admin: Client, team: Team) -> None:
    image = make_image(team=team)
    gone = Image.objects.create(first_seen=image.first_seen, merged_into=image)
    answer = as_admin.get(f"/images/{gone.pk}/layers/")
    assert (answer.status_code, answer["Location"]) == (301, f"/images/{image.pk}/layers/")


def test_an_image_that_only_a_name_names_says_so(as_admin: Client, team: Team) -> None:
    viewer = make_token(team=team)[0]
    deliver(make_report(), viewer=viewer)
    page = text_of(as_admin, f"/images/{Image.objects.get().pk}/")
    assert "The tag may have moved since" in page


def test_never_scanned_is_not_shown_as_clean(as_admin: Client, team: Team) -> None:
    image = make_image(team=team)
    Image.objects.filter(pk=image.pk).update(state="unknown", finding_set=None, high=0, fixable=0, rank=0)
    page = text_of(as_admin, f"/images/{image.pk}/")
    assert "That is not the same as clean" in page
    assert "Findings 0" not in page
    assert "not looked at" in page
    assert "not looked at" in text_of(as_admin, "/images/")


def test_an_image_that_nobody_assessed_is_not_the_worst(as_admin: Client) -> None:
    image = Image.objects.create(first_seen="2026-01-01T00:00Z")
    refresh([image.pk])
    image.refresh_from_db()
    assert image.rank == 0
    assert "No image matches" in text_of(as_admin, "/images/?severity=critical")


def test_demo_data_is_marked_everywhere(as_admin: Client) -> None:
    deliver(make_report(config=digest_of("demo")), is_demo=True)
    image, delivery = Image.objects.get(), Delivery.objects.get()
    mark = "invented, for looking around"
    addresses = ["/images/", f"/images/{image.pk}/", "/deliveries/", f"/deliveries/{delivery.pk}/"]
    for address in [*addresses, "/vulnerabilities/CVE-2099-0001/", "/"]:
        assert mark in text_of(as_admin, address), address
    assert 'make manage ARGS="demo remove"' in text_of(as_admin, "/")


def test_the_image_page_asks_fifteen_questions_at_most(
    as_admin: Client, team: Team, django_assert_max_num_queries: Any
) -> None:
    image = make_image(team=team)
    for tab in ("findings", "packages", "layers", "scans", "timeline", "checks"):
        with django_assert_max_num_queries(15):
            as_admin.get(f"/images/{image.pk}/{tab}/")


# Vulnerabilities


def test_a_vulnerability_answers_to_every_alias(as_admin: Client, team: Team) -> None:
    make_image(team=team)
    page = text_of(as_admin, "/vulnerabilities/CVE-2099-0001/")
    assert "1 image</a> has it" in page
    assert "registry.example/shop/api" in page
    assert ">1.1</td>" in page.replace(" </td>", "</td>")


def test_others_images_are_neither_listed_nor_counted(client: Client, team: Team, stranger: User) -> None:
    image = make_image(team=team)
    other = make_image("registry.example/payments/ledger:1", stranger.teams.get())
    client.force_login(stranger)
    page = text_of(client, "/vulnerabilities/CVE-2099-0001/")
    assert f"/images/{other.pk}/" in page
    assert f"/images/{image.pk}/" not in page
    assert "1 image</a> has it" in page
    assert "shop/api" not in text_of(client, "/images/")


def test_what_only_others_have_is_not_there(client: Client, team: Team, stranger: User) -> None:
    make_image(team=team)
    client.force_login(stranger)
    assert "CVE-2099-0001" not in text_of(client, "/vulnerabilities/")
    text_of(client, "/vulnerabilities/CVE-2099-0001/", 404)
    assert "No image matches" in text_of(client, "/images/?q=CVE-2099-0001")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=cve-2099", True),
        ("q=openssl", True),
        ("q=invented", True),
        ("q=nothing", False),
        ("severity=4", True),
        ("severity=2", False),
    ],
)
def test_vulnerabilities_are_narrowed(as_mate: Client, team: Team, query: str, found: bool) -> None:
    make_image(team=team)
    assert ("/vulnerabilities/CVE-2099-0001/" in text_of(as_mate, f"/vulnerabilities/?{query}")) == found


def test_the_vulnerability_pages_ask_fifteen_questions_at_most(
    as_admin: Client, team: Team, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    make_image(team=team)
    # Session, person, rows; findings and counts of the rows; scope picker and open deliveries of the frame.
    with django_assert_num_queries(7):
        as_admin.get("/vulnerabilities/")
    with django_assert_max_num_queries(15):
        as_admin.get("/vulnerabilities/CVE-2099-0001/")


# Deliveries


def test_a_quarantined_report_says_why_and_is_read_again(as_admin: Client) -> None:
    delivery = deliver(b'{"nothing": "known"}')
    page = text_of(as_admin, f"/deliveries/{delivery.pk}/")
    assert "not recognised" in page
    as_admin.post(f"/deliveries/{delivery.pk}/replay/")
    assert Delivery.objects.get(pk=delivery.pk).state == "received"


def test_severities_of_a_report_are_in_their_order(as_admin: Client) -> None:
    delivery = deliver(make_report())
    page = text_of(as_admin, f"/deliveries/{delivery.pk}/")
    words = re.findall(r'class="n s-(\w+)', page)
    assert words == ["critical", "high", "medium", "low", "unknown"]
    assert "not read" in text_of(as_admin, f"/deliveries/{deliver(b'[7]').pk}/")


def test_nobody_else_may_have_it_read_again(client: Client, team: Team, mate: User) -> None:
    delivery = deliver(b"[7]", viewer=make_token(team=team)[0])
    client.force_login(mate)
    assert "Read it again" not in text_of(client, f"/deliveries/{delivery.pk}/").replace("Read it again after", "")
    assert client.post(f"/deliveries/{delivery.pk}/replay/").status_code == 403


def test_a_body_is_saved_under_our_own_name(as_admin: Client) -> None:
    delivery = deliver(make_report(name="<script>.html"))
    answer = as_admin.get(f"/deliveries/{delivery.pk}/raw/")
    assert answer["Content-Disposition"] == f'attachment; filename="portwarden-delivery-{delivery.pk}.json"'
    assert answer["Content-Type"] == "application/json"
    assert answer["X-Content-Type-Options"] == "nosniff"
    delivery.body.delete()
    text_of(as_admin, f"/deliveries/{delivery.pk}/raw/", 404)


def test_the_delivery_list_asks_five_questions(as_admin: Client, team: Team, django_assert_num_queries: Any) -> None:
    for number in range(3):
        make_image(f"registry.example/shop/api{number}:1", team)
    # Session, person, rows; scope picker and open deliveries of the frame.
    with django_assert_num_queries(5):
        as_admin.get("/deliveries/")


def test_a_delivery_names_only_images_that_one_may_see(client: Client, team: Team, stranger: User) -> None:
    image = make_image(team=team)
    delivery = Delivery.objects.get()
    Delivery.objects.filter(pk=delivery.pk).update(sender=stranger)
    client.force_login(stranger)
    assert image.reference not in text_of(client, f"/deliveries/{delivery.pk}/")


# Tokens


def test_a_new_token_is_shown_once_with_a_line_to_paste(as_admin: Client, settings: Any) -> None:
    answer = as_admin.post("/tokens/", {"name": "ci", "scope": "ingest", "days": "90"})
    page = answer.content.decode()
    secret = re.search(r"pw_[\w-]{40,}", page)
    assert answer.status_code == 201
    assert secret
    assert f"Bearer {secret[0]}" in page
    assert f"{settings.BASE_URL}/api/v1/reports/" in page
    assert secret[0] not in text_of(as_admin, "/tokens/")
    assert Token.objects.get().expires_at


def test_a_token_without_a_name_keeps_what_was_typed(as_admin: Client) -> None:
    answer = as_admin.post("/tokens/", {"name": "", "scope": "read", "days": "7"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "This field is required" in page
    assert 'value="7"' in page
    assert not Token.objects.exists()


def test_team_administrators_make_tokens_for_their_team_only(client: Client, team: Team, owner: User) -> None:
    client.force_login(owner)
    other = Team.objects.create(name="other")
    for said in ({"scope": "admin", "team": team.pk}, {"scope": "read", "team": other.pk}, {"scope": "read"}):
        assert client.post("/tokens/", {"name": "x", "days": "", **said}).status_code == 422
    assert client.post("/tokens/", {"name": "x", "days": "", "scope": "read", "team": team.pk}).status_code == 201


def test_a_token_is_revoked(as_admin: Client) -> None:
    token, _ = make_token()
    answer = as_admin.post(f"/tokens/{token.pk}/revoke/", follow=True)
    assert "is revoked" in answer.content.decode()
    assert Token.objects.get().state == "revoked"


# Signing in


def sign_in(client: Client, password: str, **more: str) -> Any:
    return client.post("/login/", {"username": "ada", "password": password, **more})


@pytest.fixture
def ada(db: None) -> User:
    """Has a password."""
    user = make_user("ada")
    user.set_password("correct horse battery")
    user.save()
    return user


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("/images/?q=a", "/images/?q=a"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_next_leads_to_this_host_only(client: Client, ada: User, target: str, leads: str) -> None:
    assert sign_in(client, "correct horse battery", next=target)["Location"] == leads


def test_wrong_names_and_wrong_passwords_get_the_same_answer(client: Client, ada: User) -> None:
    wrong = sign_in(client, "wrong").content.decode()
    unknown = client.post("/login/", {"username": "nobody", "password": "wrong"}).content.decode()
    assert "do not belong together" in wrong
    assert "do not belong together" in unknown


def test_guessing_is_slowed_down_and_never_locks(client: Client, ada: User, monkeypatch: Any) -> None:
    now = 1000.0
    monkeypatch.setattr("governance.accounts.throttle.time.monotonic", lambda: now)
    for _ in range(5):
        assert sign_in(client, "wrong").status_code == 422
    answer = sign_in(client, "correct horse battery")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    now += 601
    assert sign_in(client, "correct horse battery").status_code == 302


def test_another_account_is_not_slowed_down(client: Client, ada: User) -> None:
    for _ in range(6):
        client.post("/login/", {"username": "bob", "password": "wrong"})
    assert sign_in(client, "correct horse battery").status_code == 302


# Hostile text, errors, theme

HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(1)>" hx-get="/x" \u202eevil\u0007'


def test_hostile_text_is_shown_as_text(as_admin: Client, team: Team) -> None:
    entry = make_vulnerability(
        "CVE-2099-0666",
        HOSTILE,
        Title=HOSTILE,
        Description=HOSTILE,
        FixedVersion=HOSTILE,
        PrimaryURL="javascript:alert(1)",
    )
    image = make_image(team=team, vulnerabilities=[entry])
    for address in (
        f"/images/{image.pk}/",
        f"/images/{image.pk}/packages/",
        "/vulnerabilities/CVE-2099-0666/",
        "/vulnerabilities/",
    ):
        page = text_of(as_admin, address)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert ' hx-get="/x"' not in page
        assert "\u202e" not in re.sub(r'(href|data-copy)="[^"]*"', "", page)
        assert 'href="javascript:' not in page


@pytest.mark.parametrize("name", ["a/b", "..", "CVE\n1", "ä ö", "x" * 100, "?q=1#x"])
def test_any_identifier_has_a_page(as_admin: Client, team: Team, name: str) -> None:
    make_image(team=team, vulnerabilities=[make_vulnerability(name)])
    assert as_admin.get("/vulnerabilities/").status_code == 200
    assert as_admin.get(reverse("findings:vulnerability_detail", args=[name])).status_code == 200


def test_what_is_not_there_is_said_in_the_frame(as_admin: Client) -> None:
    assert "not yours to see" in text_of(as_admin, "/images/4711/", 404)
    assert "Deliveries" in text_of(as_admin, "/nowhere/", 404)


def test_strangers_learn_nothing_from_a_missing_page(client: Client) -> None:
    assert "Deliveries" not in text_of(client, "/nowhere/", 404)


@pytest.mark.parametrize(("wanted", "kept"), [("dark", "dark"), ("light", "light"), ("pink", "auto")])
def test_the_theme_comes_with_the_next_page(as_admin: Client, wanted: str, kept: str) -> None:
    answer = as_admin.post("/theme/", {"theme": wanted, "next": "//evil.example/"})
    assert answer["Location"] == "/"
    assert f'data-theme="{kept}"' in text_of(as_admin, "/")


def test_no_page_carries_inline_code_or_styles(as_admin: Client, team: Team) -> None:
    image = make_image(team=team)
    for address in (
        "/",
        "/images/",
        f"/images/{image.pk}/",
        "/vulnerabilities/",
        "/deliveries/",
        "/tokens/",
        "/login/",
    ):
        page = as_admin.get(address, follow=True).content.decode()
        assert not re.search(r"<script(?![^>]*\ssrc=)", page)
        assert not re.search(r"\s(style|on\w+)=", page)


def test_a_member_without_images_sees_how_to_begin(client: Client, team: Team) -> None:
    make_image(team=team)
    lonely = make_user("lonely")
    Membership.objects.create(user=lonely, team=Team.objects.create(name="new"))
    client.force_login(lonely)
    assert "send the first report" in text_of(client, "/")
    assert Repository.objects.exists()
