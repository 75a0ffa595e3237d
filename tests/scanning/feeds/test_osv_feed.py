"""Advisories as a feed among others: fetched, brought by file, shown with their age and what could not be read."""

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from governance.accounts.models import User
from governance.findings import state
from governance.findings.models import OSV, Scan
from governance.findings.osv.ecosystems import feed_addresses
from governance.findings.osv.models import OsvEcosystem, OsvRecord, Rematch
from governance.findings.osv.rematch import wait_all
from governance.findings.osv.store import confirm
from governance.images.models import Image
from scanning import tasks
from scanning.feeds import FeedError, find
from scanning.models import FeedState, ScheduleSlot
from scanning.refresh import Copy, refresh, refresh_due, take
from tests.make import deliver
from tests.make_osv import feed, make_advisory, make_cyclonedx, make_zip

pytestmark = pytest.mark.django_db
DEBIAN = "osv-debian"
OPENSSL = "pkg:deb/debian/openssl@3.0.15-1"


def words_of(client: Client, admin: User) -> str:
    """The page of the feeds without its tags."""
    client.force_login(admin)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/feeds/").content.decode()))


def brought(*records: Any, force: bool = False) -> int:
    """A file is taken."""
    return take(find(DEBIAN), Copy(io.BytesIO(make_zip(*records)), "test"), force)


def test_a_copy_is_stored_and_its_images_are_matched_in_the_background(settings: Any, tmp_path: Path) -> None:
    deliver(make_cyclonedx(OPENSSL))
    path = tmp_path / "all.zip"
    path.write_bytes(make_zip(make_advisory()))
    settings.FEEDS = {**dict.fromkeys(settings.FEEDS, "off"), DEBIAN: str(path)}
    assert refresh(find(DEBIAN)) == ""
    found = FeedState.objects.get(name=DEBIAN)
    assert (found.rows, str(found.feed_date)) == (1, "2026-08-20 10:00:00+00:00")
    tasks.rematch()
    assert Image.objects.get().high == 1


def test_a_copy_that_lost_much_or_is_older_is_refused() -> None:
    brought(*(make_advisory(f"DSA-{number}") for number in range(10)))
    with pytest.raises(FeedError, match="7 rows where the last copy had 10"):
        brought(*(make_advisory(f"DSA-{number}") for number in range(7)))
    with pytest.raises(FeedError, match="older"):
        brought(*(make_advisory(f"DSA-{number}", modified="2026-08-19T10:00:00Z") for number in range(10)))
    assert OsvRecord.objects.count() == 10
    brought(make_advisory("DSA-1"), force=True)
    assert OsvRecord.objects.count() == 1


def test_what_nobody_asked_for_is_neither_fetched_nor_shown(client: Client, admin: User, settings: Any) -> None:
    settings.FEEDS = dict.fromkeys(settings.FEEDS, "off")
    refresh_due()
    assert not FeedState.objects.filter(name__startswith="osv").exists()
    assert "OSV:" not in words_of(client, admin)


def test_the_page_shows_what_is_there_what_waits_and_what_could_not_be_read(client: Client, admin: User) -> None:
    deliver(make_cyclonedx(OPENSSL))
    brought(make_advisory(), b"{")
    wait_all()
    page = words_of(client, admin)
    assert "OSV: Debian" in page
    assert "1 record could not be read; what was known of it stays." in page
    assert "1 image waits for what the advisories say of their packages now." in page
    assert "Nobody fetches it: it is imported by hand." in page
    assert "OSV: PyPI" not in page


def test_a_file_is_brought_and_matched_by_command(tmp_path: Path) -> None:
    deliver(make_cyclonedx(OPENSSL))
    path, said = tmp_path / "all.zip", io.StringIO()
    path.write_bytes(make_zip(make_advisory()))
    call_command("feeds", DEBIAN, file=path, stdout=said)
    assert said.getvalue().splitlines() == ["osv-debian: 1 rows of 2026-08-20", "matched with advisories: 1 images"]
    assert Image.objects.get().high == 1


def test_everything_is_matched_again_by_command() -> None:
    deliver(make_cyclonedx(OPENSSL))
    feed(make_advisory())
    Scan.objects.filter(scanner=OSV).delete()
    said = io.StringIO()
    call_command("rematch", all=True, stdout=said)
    assert said.getvalue().splitlines() == ["1 images matched, 0 wait", "matched: 1 images"]
    assert Scan.objects.filter(scanner=OSV).exists()
    call_command("rematch", forget="Debian", stdout=said)
    assert "Debian: forgotten" in said.getvalue()
    assert not Scan.objects.filter(scanner=OSV).exists()


def test_what_it_says_is_as_fresh_as_the_advisories_are(settings: Any) -> None:
    settings.STALE_DAYS_AT = {"ci": 14, "registry": 14, "runtime": 14}
    deliver(make_cyclonedx("pkg:deb/debian/openssl@3.0.16-1", day=1))
    feed(make_advisory())
    Scan.objects.update(scanned_at=timezone.now() - timedelta(days=100))
    state.follow_clock()
    assert Image.objects.get().state == "clean"
    OsvEcosystem.objects.update(loaded_at=timezone.now() - timedelta(days=15))
    state.follow_clock()
    assert Image.objects.get().state == "stale"
    confirm("Debian")
    state.follow_clock()
    assert Image.objects.get().state == "clean"


def test_one_worker_at_a_time_takes_a_turn() -> None:
    deliver(make_cyclonedx(OPENSSL))
    feed(make_advisory(), match=False)
    tasks.rematch()
    assert Image.objects.get().high == 1
    wait_all()
    tasks.rematch()
    assert Rematch.objects.exists()
    ScheduleSlot.objects.all().delete()
    tasks.rematch()
    assert not Rematch.objects.exists()


def test_addresses_are_made_of_the_ecosystems_name() -> None:
    found = feed_addresses(["Red Hat", "npm"], "https://osv.example/ECOSYSTEM/all.zip")
    assert found["osv-red-hat"] == "https://osv.example/Red%20Hat/all.zip"
    assert (found["osv-npm"], found["osv-debian"]) == ("https://osv.example/npm/all.zip", "off")
    assert feed_addresses(["Red Hat"], "/srv/ECOSYSTEM.zip")["osv-red-hat"] == "/srv/Red Hat.zip"
