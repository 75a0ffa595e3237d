"""Every state is told apart from clean, and follows by itself when only the clock moves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import User
from governance.findings.models import Scan
from governance.findings.state import follow_clock, refresh
from governance.images.models import Image
from tests.conftest import Machine
from tests.make import deliver, digest_of, make_report, make_vulnerability

pytestmark = pytest.mark.django_db
CONFIG = digest_of("config")


def days_ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def scan(days: float = 1, stage: str = "ci", **changes: Any) -> Image:
    """A Trivy report of so many days ago in which nothing was found; `OS` and `Results` may be another."""
    found = changes.pop("found", [])
    report = make_report(config=CONFIG, vulnerabilities=found, at=days_ago(days).isoformat())
    report["Metadata"]["OS"] |= changes.pop("OS", {})
    deliver(report | changes, stage=stage)
    return Image.objects.get()


def set_aside() -> Image:
    modified = {"Type": "vulnerability", "Status": "not_affected", "Finding": make_vulnerability()}
    result = {"Target": "x (debian 12.11)", "Class": "os-pkgs", "Type": "debian"}
    return scan(Results=[result | {"ExperimentalModifiedFindings": [modified]}])


def failing() -> Image:
    """An image with a scan that failed after one that found nothing."""
    image = scan(days=3)
    kept = Scan.objects.get()
    kept.pk, kept.outcome, kept.error = None, Scan.Outcome.FAILED, "no space left"
    kept.is_current, kept.scanned_at = False, days_ago(1)
    kept.save()
    refresh([image.pk])
    return image


STATES = {
    "clean": scan,
    "vulnerable": lambda: scan(found=[make_vulnerability()]),
    "stale": lambda: scan(days=20),
    "end_of_life": lambda: scan(OS={"EOSL": True}),
    "unsupported": lambda: scan(OS={"Family": "none", "Name": ""}, Results=None),
    "unknown": lambda: scan(Results=[{"Target": "x", "Class": "secret"}]),
    "suppressed": set_aside,
    "failed": failing,
}
MEANING = {
    "stale": "was 20 d ago at CI, where one counts for 14 days",
    "end_of_life": "debian 12.11 is past its end of life",
    "unsupported": "trivy looked, but has no advisories for a system that it did not recognise",
    "unknown": "no scanner has looked for vulnerabilities",
    "suppressed": "scanners found 1 and all were set aside",
    "failed": "the last scan at CI failed: trivy says “no space left”; what is shown was found 3 d ago",
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_told_apart_and_counted_apart(state: str, admin: User, client: Client, reader: Machine) -> None:
    STATES[state]()
    image = Image.objects.get()
    assert image.state == state
    follow_clock()
    image.refresh_from_db()
    assert image.state == state, "the clock says the same as the scans"
    found = {word: len(reader.get("/api/v1/images/", {"state": word}).json()["results"]) for word in STATES}
    assert found == dict.fromkeys(STATES, 0) | {state: 1}
    client.force_login(admin)
    start = client.get("/").content.decode()
    assert f"?live=true&amp;state={state}" in start
    assert state == "clean" or "&amp;state=clean" not in start
    page = re.sub(r"\s+", " ", client.get(f"/images/{image.pk}/").content.decode())
    assert MEANING.get(state, "").lower() in page.lower()
    assert ('class="banner"' in page) == (state in MEANING)


def test_fedora_with_packages_and_nothing_found_is_not_clean() -> None:
    assert scan(OS={"Family": "fedora", "Name": "42"}).state == "unsupported"


def test_another_scanner_that_knows_the_system_makes_up_for_it() -> None:
    STATES["unsupported"]()
    matches: dict[str, Any] = {"matches": [], "distro": {"name": "debian", "version": "12"}}
    target = {"userInput": "registry.example/shop/api:1.0", "imageID": CONFIG}
    moment = {"name": "grype", "timestamp": days_ago(1).isoformat()}
    deliver(matches | {"source": {"type": "image", "target": target}, "descriptor": moment})
    assert Image.objects.get().state == "clean"


def test_each_place_has_its_own_limit(settings: Any, admin: User, client: Client) -> None:
    settings.STALE_DAYS_AT = {"ci": 30, "registry": 3, "runtime": 14}
    assert scan(days=5, stage="registry").state == "stale"
    client.force_login(admin)
    assert "registry.example" in client.get("/images/?place=registry-stale").content.decode()
    assert scan(days=6, stage="ci").state == "clean"
    page = client.get("/images/").content.decode()
    assert ("CI: fresh" in page, "Registry: stale" in page, "Runtime: never" in page) == (True, True, True)


def test_time_alone_changes_the_state_and_changes_it_back(settings: Any) -> None:
    scan(days=5)
    set_aside = Image.objects.filter(state="clean")
    assert (set_aside.count(), follow_clock()) == (1, 0)
    settings.STALE_DAYS_AT = {"ci": 4, "registry": 14, "runtime": 14}
    assert (follow_clock(), Image.objects.get().state) == (1, "stale")
    settings.STALE_DAYS_AT = {"ci": 40, "registry": 14, "runtime": 14}
    assert (follow_clock(), Image.objects.get().state) == (1, "clean")
    Image.objects.update(end_of_life=True)
    assert (follow_clock(), Image.objects.get().state) == (1, "end_of_life")


def test_a_list_of_packages_does_not_keep_a_scan_fresh(settings: Any) -> None:
    """Only what looked for vulnerabilities does."""
    scan(days=5)
    scan(days=1, Results=[{"Target": "x", "Class": "secret"}], stage="registry")
    settings.STALE_DAYS_AT = {"ci": 4, "registry": 4, "runtime": 4}
    assert (follow_clock(), Image.objects.get().state) == (1, "stale")


def test_what_has_findings_stays_vulnerable_and_says_what_else_there_is(admin: User, client: Client) -> None:
    image = scan(days=20, found=[make_vulnerability()], OS={"Family": "debian", "Name": "10", "EOSL": True})
    assert (image.state, follow_clock()) == ("vulnerable", 0)
    client.force_login(admin)
    page = client.get(f"/images/{image.pk}/").content.decode()
    assert "past its end of life" in page
    assert "the last scan that looked" in page.lower()
