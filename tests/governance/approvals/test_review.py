"""What a reviewer sees of a base: contents with licences, how lively it is upstream; in the page and over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from governance.accounts.models import Team
from governance.approvals.activity import Often, Stretch, activity_of, builds_in, moves_in
from governance.approvals.models import ApprovedBase, Watch
from governance.approvals.review import SHOWN
from governance.images.models import Image
from tests.make import deliver, digest_of, make_report, make_token

JAVA = "registry.example/base/java"
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def stretch(days: int, image: int, tag: str = "17", platform: str = "", built: int | None = None) -> Stretch:
    made = NOW - timedelta(days=built) if built is not None else None
    return Stretch(tag, platform, image, NOW - timedelta(days=days), made)


@pytest.mark.parametrize(
    ("stretches", "tag", "last", "short", "long"),
    [
        ([], "", None, 0, 0),
        ([stretch(10, 1)], "", None, 0, 0),
        ([stretch(400, 1), stretch(380, 2), stretch(200, 3), stretch(10, 4)], "17", 10, 1, 2),
        # It was gone for a while and is what it was: no move.
        ([stretch(30, 1), stretch(20, 1)], "", None, 0, 0),
        ([stretch(30, 1), stretch(20, 2), stretch(10, 1)], "17", 10, 2, 2),
        # An index moves for all its platforms at once, one that is reported alone as often as it is.
        (
            [
                stretch(d, d + n, platform=p)
                for n, p in ((0, "linux/amd64"), (1000, "linux/arm64"))
                for d in (30, 20, 5)
            ],
            *("17", 5, 2, 2),
        ),
        ([stretch(9, 1), stretch(8, 2), stretch(7, 3, "21"), stretch(6, 4, "21")], "21", 6, 2, 2),
    ],
)
def test_how_often_tags_moved(stretches, tag, last, short, long) -> None:
    when = NOW - timedelta(days=last) if last is not None else None
    assert moves_in(stretches[::-1], NOW) == (tag, Often(when, short, long))


def test_builds_are_counted_by_when_they_were_built_not_by_when_they_were_seen() -> None:
    seen_today = [stretch(0, n, f"17.{n}", built=days) for n, days in enumerate((5, 80, 100, 500))]
    unknown, in_future = stretch(0, 8, built=None), stretch(0, 9, built=-3)
    assert builds_in([*seen_today, unknown, in_future], NOW) == Often(NOW - timedelta(days=5), 2, 3)
    assert builds_in([unknown], NOW) == Often()


def package(name: str, *licences: str) -> dict[str, Any]:
    purl = {"PURL": f"pkg:deb/debian/{name}@1.0"}
    return {"Name": name, "Version": "1.0", "Identifier": purl, "Licenses": list(licences)}


def make_base(*packages: dict[str, Any], team: Team | None = None, tag: str = "17") -> Image:
    at = timezone.now().isoformat()
    report = make_report(f"{JAVA}:{tag}", config=digest_of(f"java {tag}"), at=at, vulnerabilities=[])
    report["Results"][0]["Packages"] = list(packages)
    deliver(report, viewer=make_token(team=team)[0] if team else None)
    return Image.objects.present().get(config_digest=digest_of(f"java {tag}"))


def make_request(**fields: Any) -> ApprovedBase:
    return ApprovedBase.objects.create(**{"name": JAVA, "pattern": "17*", "state": "in_review", **fields})


def page(client: Client, entry: ApprovedBase) -> str:
    answer = client.get(reverse("approved:base_detail", args=[entry.pk]))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.mark.django_db
def test_each_number_of_a_licence_leads_to_just_these_packages(admin, client) -> None:
    client.force_login(admin)
    make_base(
        *(package("bash", "GPL-3+"), package("zlib", "Zlib"), package("perl", "GPL-1+", "Artistic"), package("own")),
        package("evil", '<b>"&licence=x'),
        package("db", "AGPL-3"),
    )
    text = page(client, make_request())
    rows = re.findall(r'<a href="(/images/\d+/packages/\?licence=[^"]+)">(\d+)</a>', text)
    assert len(rows) == 7
    assert text.index("AGPL-3.0-only") < text.index("GPL-3.0-or-later") < text.index("Zlib")
    assert "<b>" + '"' not in text
    for href, number in rows:
        listed = client.get(href.replace("&amp;", "&")).content.decode()
        assert listed.count('data-label="Licence"') == int(number) > 0
    assert 'licence=not+told">1' in text


@pytest.mark.django_db
def test_beyond_a_dozen_licences_the_page_says_how_many_more(admin, client) -> None:
    client.force_login(admin)
    make_base(*(package(f"lib{number}", f"own-{number:02}") for number in range(SHOWN + 3)))
    text = page(client, make_request())
    assert "And 3 more licences" in text
    assert text.count("?licence=own-") == SHOWN


@pytest.mark.django_db
def test_what_is_not_known_says_what_to_do(admin, client) -> None:
    client.force_login(admin)
    entry = make_request()
    text = page(client, entry)
    assert "No image of it is known here yet" in text
    assert "not watched yet" in text
    assert "within minutes of being asked for" in text
    assert "no tag of it was seen yet" in text
    make_base()
    assert "no list is known: scan with --list-all-pkgs" in page(client, entry)
    make_base(package("bash"))
    assert "No scan of it tells licences" in page(client, entry)
    ApprovedBase.objects.update(state="declined")
    assert "ask for it anew" in page(client, entry)


@pytest.mark.django_db
def test_the_state_upstream_is_the_worst_of_its_tags(admin, client) -> None:
    client.force_login(admin)
    entry = make_request()
    at = timezone.now()
    Watch.objects.create(name=JAVA, tag="17", state="fine", is_asked=True, looked_at=at)
    Watch.objects.create(name=JAVA, tag="17.1", state="unknown", why="<b>429</b>", is_asked=True, looked_at=at)
    Watch.objects.create(name=JAVA, tag="21", state="vanished", is_used=True, looked_at=at)
    text = page(client, entry)
    assert "the worst of 2 that are watched" in text
    assert "&lt;b&gt;429" in text
    found = activity_of(entry, list(Watch.objects.filter(tag__startswith="17")), [])
    assert (found.state, found.watched, found.looked_at) == (Watch.State.UNKNOWN, 2, at)


@pytest.mark.django_db
def test_the_same_facts_over_http(reader) -> None:
    image = make_base(package("bash", "GPL-3+"), package("own"))
    entry = make_request()
    Watch.objects.create(name=JAVA, tag="17", state="fine", is_asked=True)
    said = reader.get(f"/api/v1/approved/{entry.pk}/review/").json()
    assert said["newest"]["id"] == image.pk
    assert said["licences"] == [{"name": "GPL-3.0-or-later", "kind": "copyleft", "packages": 1}]
    assert (said["packages"], said["licences_untold"], said["licences_told_by"]) == (2, 1, ["trivy"])
    assert (said["upstream"]["state"], said["upstream"]["watched"]) == ("fine", 1)
    assert said["upstream"]["tag_moves"] == {"last": None, "in_90_days": 0, "in_365_days": 0}
    assert said["publisher"]["kind"] == "unknown"
    listed = reader.get(f"/api/v1/images/{image.pk}/packages/?licence=GPL-3.0-or-later").json()["results"]
    assert [(one["name"], one["licences"], one["licence_told_by"]) for one in listed] == [
        ("bash", ["GPL-3.0-or-later"], "trivy")
    ]
    (untold,) = reader.get(f"/api/v1/images/{image.pk}/packages/?licence=not%20told").json()["results"]
    assert (untold["name"], untold["licence"], untold["licences"], untold["licence_told_by"]) == ("own", "", [], None)
    for query in ("licence=%00", "licence=nonsense", "q=%00bash", "type=%25"):
        assert reader.get(f"/api/v1/images/{image.pk}/packages/?{query}").status_code == 200


@pytest.mark.django_db
def test_a_base_nobody_knows_is_said_to_be_unknown_over_http(reader) -> None:
    said = reader.get(f"/api/v1/approved/{make_request().pk}/review/").json()
    assert (said["newest"], said["packages"], said["licences"]) == (None, 0, [])
    assert (said["upstream"]["state"], said["upstream"]["known_since"]) == (None, None)


@pytest.mark.django_db
def test_whose_image_it_is_only_they_are_led_to_it(team, mate, stranger, client) -> None:
    image = make_base(package("bash", "GPL-3+"), team=team)
    entry = make_request(state="approved")
    client.force_login(mate)
    assert f"/images/{image.pk}/" in page(client, entry)
    client.force_login(stranger)
    text = page(client, entry)
    assert "GPL-3.0-or-later" in text
    assert f"/images/{image.pk}/" not in text
    said = client.get(f"/api/v1/approved/{entry.pk}/review/").json()
    assert said["newest"]["id"] is None
    assert client.get(f"/images/{image.pk}/packages/?licence=GPL-3.0-or-later").status_code == 404
    assert client.get(f"/api/v1/images/{image.pk}/packages/").status_code == 404
    entry = make_request(asked_by=team)
    assert client.get(f"/api/v1/approved/{entry.pk}/review/").status_code == 404


@pytest.mark.django_db
def test_the_review_asks_few_questions(admin, client, django_assert_max_num_queries) -> None:
    client.force_login(admin)
    entry = make_request()
    for number in range(4):
        make_base(*(package(f"lib{number}", f"own-{number}") for number in range(30)), tag=f"17.{number}")
    # Who asks, the entry; its history, images, copies; watches; may it be opened; licences; its tags.
    with django_assert_max_num_queries(10):
        assert client.get(f"/api/v1/approved/{entry.pk}/review/").status_code == 200


@pytest.mark.django_db
def test_the_packages_tab_asks_few_questions_whatever_is_picked(admin, client, django_assert_max_num_queries) -> None:
    client.force_login(admin)
    image = make_base(*(package(f"lib{number}", f"own-{number}") for number in range(30)))
    # The frame of a page takes four, an image's head five; the licences take one.
    for query in ("", "?licence=own-1", "?licence=not+told"):
        with django_assert_max_num_queries(13):
            assert client.get(f"/images/{image.pk}/packages/{query}").status_code == 200
