"""The page of the feeds, the running indicator, the metrics; and what feeds say on every other page."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.accounts.models import AuditEntry, Team, User
from governance.findings import weigh
from governance.images.models import Image
from scanning.feeds import epss, kev
from scanning.models import FeedState
from scanning.refresh import Copy, state_of, take
from tests.make import make_image, make_vulnerability
from tests.pages import text_of
from tests.scanning.feeds.test_feeds import EPSS, KEV

pytestmark = pytest.mark.django_db


def words_of(client: Client, address: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text_of(client, address)))


def feed_all(*images: str, team: Team | None = None) -> list[Image]:
    """Images whose only vulnerability is the first, with both feeds there."""
    made = [make_image(name, team=team) for name in images]
    take(epss, Copy(io.BytesIO(EPSS), "test"))
    take(kev, Copy(io.BytesIO(KEV), "test"))
    weigh.settle_weights()
    return made


def test_what_is_not_there_yet_is_said(as_admin: Client) -> None:
    page = words_of(as_admin, "/feeds/")
    assert page.count("Not there yet") == 3
    assert "What it tells stays unknown, and counts as that." in page
    assert "Fetch now" in page


def test_what_is_there_is_shown_with_its_age_and_trouble(as_admin: Client) -> None:
    feed_all()
    FeedState.objects.filter(name="kev").update(error="https://<b>kev</b> does not answer in time")
    FeedState.objects.filter(name="epss").update(feed_date=timezone.now() - timedelta(days=4))
    page = text_of(as_admin, "/feeds/")
    assert "https://&lt;b&gt;kev&lt;/b&gt; does not answer in time" in page
    assert "The last good copy is in use." in page
    assert ">Old<" in page
    assert "4 d ago" in page
    assert "v2026.03.14" in page


def test_an_administrator_asks_for_a_look(as_admin: Client) -> None:
    answer = as_admin.post("/feeds/kev/fetch/", follow=True)
    assert "A worker looks for a newer copy now" in answer.content.decode()
    assert "Being fetched" in answer.content.decode()
    assert state_of(kev).is_wanted
    assert AuditEntry.objects.filter(action="feed.fetch").count() == 1
    assert as_admin.post("/feeds/nothing/fetch/").status_code == 404


def test_others_look_only(client: Client, mate: User) -> None:
    client.force_login(mate)
    assert "Fetch now" not in text_of(client, "/feeds/")


def test_what_is_being_carried_on_is_shown_everywhere(as_admin: Client) -> None:
    make_image()
    take(kev, Copy(io.BytesIO(KEV), "test"))
    assert "1 to weigh" in words_of(as_admin, "/images/")
    page = text_of(as_admin, "/feeds/")
    assert "1 set of findings" in page
    assert 'hx-trigger="every 5s"' in page
    weigh.settle_weights()
    assert "to weigh" not in words_of(as_admin, "/feeds/")


def test_metrics(client: Client) -> None:
    feed_all()
    text = client.get("/metrics").content.decode()
    assert 'portwarden_feed_rows{feed="epss"} 3.0' in text
    assert 'portwarden_feed_failed{feed="kev"} 0.0' in text
    assert 'portwarden_feed_age_seconds{feed="kev"}' in text
    assert "portwarden_finding_sets_to_weigh 0.0" in text


def test_the_image_list_marks_filters_and_sorts(as_admin: Client) -> None:
    other = make_image("registry.example/shop/other:1", vulnerabilities=[make_vulnerability("CVE-2099-0007")])
    (image,) = feed_all("registry.example/shop/api:1.0")
    page = text_of(as_admin, "/images/?exploited=true")
    assert f"/images/{image.pk}/?exploit=known" in page
    assert f"/images/{other.pk}/" not in page
    assert f"/images/{image.pk}/" not in text_of(as_admin, "/images/?exploited=false")
    never = Image.objects.create(reference="never/scanned:1", placeholder="never/scanned:1", first_seen=timezone.now())
    order = re.findall(r'class="ref" href="/images/(\d+)/', text_of(as_admin, "/images/?sort=risk"))
    assert order == [str(image.pk), str(other.pk), str(never.pk)]


def test_the_start_page_puts_known_exploits_first(as_admin: Client) -> None:
    feed_all("registry.example/shop/api:1.0")
    page = text_of(as_admin, "/")
    assert "/images/?live=true&amp;exploited=true" in page
    assert "1 image with vulnerabilities that are known to be used in attacks" in re.sub(r"<[^>]+>", " ", page).replace(
        "  ", " "
    )


def test_the_image_page_shows_the_points(as_admin: Client) -> None:
    (image,) = feed_all("registry.example/shop/api:1.0")
    page = words_of(as_admin, f"/images/{image.pk}/")
    points = {"severity": "25", "known exploited": "20", "exploitation likely": "14", "fix known": "5"}
    for factor, given in points.items():
        assert f"{factor} {given} " in page
    assert "not known: running, runs as root, own layers" in page
    assert Image.objects.get(pk=image.pk).risk == 25 + 20 + 14 + 5


@pytest.mark.parametrize(("query", "there"), [("known", True), ("likely", True), ("nonsense", True)])
def test_findings_are_narrowed_by_exploitation(as_admin: Client, query: str, there: bool) -> None:
    other = make_image("registry.example/shop/other:1", vulnerabilities=[make_vulnerability("CVE-2099-0007")])
    (image,) = feed_all("registry.example/shop/api:1.0")
    assert ("94 %" in text_of(as_admin, f"/images/{image.pk}/?exploit={query}")) is there
    nothing = query != "nonsense"
    assert ("No finding matches" in text_of(as_admin, f"/images/{other.pk}/?exploit={query}")) is nothing


def test_the_vulnerability_page_says_when_by_which_model_and_since_when(as_admin: Client) -> None:
    feed_all("registry.example/shop/api:1.0")
    page = words_of(as_admin, "/vulnerabilities/CVE-2099-0001/")
    assert "94 % within 30 days, more than 99.9 % of all CVEs" in page
    assert "model v2026.03.14" in page
    assert "KEV since 2026-11-01 , also by ransomware ; agencies" in page
    # Their deadline is not ours.
    assert " agencies of the United States had to act by 2026-11-22" in page
    make_image("registry.example/shop/other:1", vulnerabilities=[make_vulnerability("CVE-2099-0007")])
    other = words_of(as_admin, "/vulnerabilities/CVE-2099-0007/")
    assert "no score" in other
    assert "not in CISA's catalogue" in other


def test_without_a_copy_of_the_feed_nothing_is_claimed(as_admin: Client) -> None:
    make_image()
    page = words_of(as_admin, "/vulnerabilities/CVE-2099-0001/")
    assert page.count("unknown: there is no copy of the feed yet") == 2


def test_vulnerabilities_are_filtered_and_sorted(as_admin: Client) -> None:
    make_image("registry.example/shop/other:1", vulnerabilities=[make_vulnerability("CVE-2099-0007")])
    feed_all("registry.example/shop/api:1.0")
    assert "CVE-2099-0007" not in text_of(as_admin, "/vulnerabilities/?exploited=true")
    assert "CVE-2099-0001" not in text_of(as_admin, "/vulnerabilities/?exploited=false")
    page = text_of(as_admin, "/vulnerabilities/?sort=likely")
    assert page.index("CVE-2099-0001") < page.index("CVE-2099-0007")


def test_the_api_says_it_too(reader: Any) -> None:
    (image,) = feed_all("registry.example/shop/api:1.0")
    (listed,) = reader.get("/api/v1/images/?exploited=true").json()["results"]
    assert (listed["exploited"], listed["epss"], listed["risk"]) == (1, 0.9421, 64)
    detail = reader.get(f"/api/v1/images/{image.pk}/").json()
    assert detail["risk_points"]["exploited"] == 20
    assert detail["risk_points"]["running"] is None
    (finding,) = reader.get(f"/api/v1/images/{image.pk}/findings/").json()["results"]
    assert (finding["epss"], finding["known_exploited"]) == (0.9421, "2026-11-01")
    found = json.loads(reader.get("/api/v1/vulnerabilities/CVE-2099-0001/").content)
    assert (found["epss_cve"], found["kev_added"], found["kev_ransomware"]) == ("CVE-2099-0001", "2026-11-01", True)
