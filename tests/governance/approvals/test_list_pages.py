"""Pages of the approved list: list, queue, entry, forms."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from governance.accounts.models import AuditEntry
from governance.approvals.facts import Base
from governance.approvals.models import ApprovedBase
from governance.approvals.users import bases_of, repository_of, users_of
from governance.images.models import Image
from tests.make import digest_of, make_image

pytestmark = pytest.mark.django_db
JAVA = "registry.example/base/java"


def make_entry(pattern: str = "17*", state: str = "approved", **fields: object) -> ApprovedBase:
    return ApprovedBase.objects.create(name=JAVA, pattern=pattern, state=state, **fields)


def on_java(team, *names: str) -> Image:
    """A base that the team's images stand on."""
    base = make_image(f"{JAVA}:17", config=digest_of("java"))
    for name in names:
        image = make_image(f"registry.example/shop/{name}:1", team=team)
        Image.objects.filter(pk=image.pk).update(base=base)
    return base


def page(client, name: str, *args: object, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_shows_how_entries_stand_today(team, mate, client) -> None:
    today = timezone.now().date()
    make_entry("17*", family="java", review_on=today, purpose="<b>services</b>")
    make_entry("11*", "deprecated", deprecated_on=today - timedelta(9), sunset_on=today)
    make_entry("8*", "requested", asked_by=team)
    on_java(team, "api")
    client.force_login(mate)
    text = page(client, "approved:base_list")
    assert f"{JAVA}:17*" in text
    assert "review due since" in text
    assert "&lt;b&gt;services" in text
    assert "Sunset" in text
    assert f"{JAVA}:8*" not in text
    assert f"{JAVA}:11*" in page(client, "approved:base_list", state="sunset")
    assert f"{JAVA}:11*" not in page(client, "approved:base_list", state="deprecated")
    assert f"{JAVA}:17*" in page(client, "approved:base_list", q="java", family="Java")


def test_the_queue_counts_all_images_and_shows_foreign_requests_to_nobody(team, mate, stranger, admin, client) -> None:
    make_entry("17", "requested", asked_by=team)
    on_java(team, "api", "web")
    client.force_login(admin)
    assert '#users" title="2">2</a></td>' in page(client, "approved:request_list")
    client.force_login(stranger)
    assert JAVA not in page(client, "approved:request_list")


def test_users_and_what_breaks_are_counted_by_sets(team, admin, django_assert_max_num_queries) -> None:
    entry, other = make_entry("17"), make_entry("21")
    asked = make_entry("*", "requested")
    base = on_java(team, "api", "web")
    named = make_image("registry.example/shop/named:1", team=team)
    Image.objects.filter(pk=named.pk).update(base_name=f"{JAVA}:17.1")
    with django_assert_max_num_queries(8):
        users = users_of([entry, other, asked], None)
    assert (users[entry.pk].images, users[entry.pk].broken) == (2, 2)
    assert users[other.pk].images == 0
    assert users[asked.pk].images == 3
    assert {(one.image, one.name): number for one, number in bases_of({JAVA}, None).items()} == {
        (base.pk, ""): 2,
        (0, f"{JAVA}:17.1"): 1,
    }


def test_an_entry_shows_life_versions_users_and_what_breaks(team, mate, admin, stranger, client) -> None:
    entry = make_entry("17", max_age=90, replacement=f"{JAVA}:21")
    on_java(team, "api")
    client.force_login(admin)
    text = page(client, "approved:base_detail", entry.pk)
    assert "1 image is refused that is not today" in text
    Image.objects.filter(descendants=0, base=None).update(descendants=7)
    assert "7 images stand on it at any depth" in page(client, "approved:base_detail", entry.pk)
    assert "7 at any depth" in page(client, "approved:base_list")
    assert re.search(r'data-label="Base"><a class="ref" href="/images/\d+/">17</a>', text)
    assert "Teams: shop 1" in text
    assert "shop/api:1" in text
    assert 'aria-current="step"' in text
    assert digest_of("java") in text
    assert "at most 90 days old" in text
    client.force_login(stranger)
    assert "shop/api:1" not in page(client, "approved:base_detail", entry.pk)


@pytest.mark.parametrize("state", ApprovedBase.State.values)
def test_every_state_has_its_page(state: str, admin, client) -> None:
    entry = make_entry(state=state)
    client.force_login(admin)
    assert 'aria-current="step"' in page(client, "approved:base_detail", entry.pk)


def test_a_team_asks_from_an_image_and_an_administrator_decides(team, mate, admin, client) -> None:
    image = on_java(team)
    client.force_login(admin)
    assert f'value="{JAVA}:17"' in page(client, "approved:base_new", image=str(image.pk))
    client.force_login(mate)
    assert JAVA not in page(client, "approved:base_new", image=str(image.pk))
    wanted = {"base": f"{JAVA}:17", "team": team.pk, "reason": "services", "breach": "deny", "outdated_days": "7"}
    assert client.post(reverse("approved:base_new"), {**wanted, "pattern": "("}).status_code == 422
    assert client.post(reverse("approved:base_new"), wanted).status_code == 302
    entry = ApprovedBase.objects.get()
    assert (entry.pattern, entry.asked_by, entry.breach, entry.outdated_days) == ("17", team, "deny", 7)
    assert client.post(reverse("approved:base_comment", args=[entry.pk]), {"comment": "soon?"}).status_code == 302
    client.force_login(admin)
    step = reverse("approved:base_step", args=[entry.pk])
    assert client.post(step, {"to": "approved", "reason": "x"}).status_code == 422
    edit = reverse("approved:base_edit", args=[entry.pk])
    assert 'value="17"' in page(client, "approved:base_edit", entry.pk)
    changed = {"pattern": "17.*", "platforms": "linux/arm64, linux/amd64", "breach": "warn", "reason": "wider"}
    assert client.post(edit, changed).status_code == 302
    for to in ("in_review", "approved"):
        assert client.post(step, {"to": to, "reason": "seen"}).status_code == 302
    entry.refresh_from_db()
    assert (entry.state, entry.pattern, entry.platforms) == ("approved", "17.*", ["linux/amd64", "linux/arm64"])
    assert client.post(edit, changed).status_code == 422
    assert AuditEntry.objects.filter(action__startswith="approval.").count() == 5
    assert "soon?" in page(client, "approved:base_detail", entry.pk)


def test_list_and_queue_take_a_fixed_number_of_statements(admin, client, django_assert_max_num_queries) -> None:
    for number in range(5):
        make_entry(f"{number}*")
        make_entry(f"{number}.1", "requested")
    client.force_login(admin)
    # Session, person, frame; rows, how many wait; the list, users by image and by name, history and places.
    for name in ("approved:base_list", "approved:request_list"):
        with django_assert_max_num_queries(15):
            page(client, name)


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("docker.io/library/alpine:3", "docker.io/library/alpine"),
        ("registry.example:5000/a/b", "registry.example:5000/a/b"),
        ("registry.example:5000/a/b:1@sha256:00", "registry.example:5000/a/b"),
    ],
)
def test_a_base_told_by_name_alone_counts_in_its_repository(name: str, repository: str) -> None:
    assert repository_of(name) == repository
    Image.objects.filter(pk=make_image().pk).update(base_name=name)
    assert bases_of({repository}, None) == {Base(0, name): 1}
    assert bases_of({f"{repository}/c", repository.rpartition("/")[0]}, None) == {}
