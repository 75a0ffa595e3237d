"""No page of the approved list asks more than 15 statements, whatever there is to show and whoever looks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from governance.accounts.models import Team, User
from governance.approvals.copies import name_place
from governance.approvals.life import Step, comment_on, take_step
from governance.approvals.models import (
    ApprovedBase,
    KeptCopy,
    RetentionItem,
    RetentionPin,
    RetentionRule,
    RetentionRun,
    UpstreamAlarm,
    Watch,
)
from governance.images.models import Image, Manifest, Registry
from tests.make import deliver, digest_of, make_image, make_report, make_running, make_token

JAVA = "registry.example/base/java"
BUDGET = 15


def make_java(tag: str, build: int, token: Any) -> Image:
    """A build of the base with packages and licences."""
    at = timezone.now() + timedelta(minutes=build)
    report = make_report(f"{JAVA}:{tag}", config=digest_of(f"java {tag} {build}"), at=at.isoformat())
    report["Results"][0]["Packages"] = [
        {
            "Name": f"lib{number}",
            "Version": "1.0",
            "Identifier": {"PURL": f"pkg:deb/debian/lib{number}@1.0"},
            "Licenses": [f"own-{number}"] if number % 3 else [],
        }
        for number in range(20)
    ]
    deliver(report, viewer=token)
    image = Image.objects.present().get(config_digest=digest_of(f"java {tag} {build}"))
    Manifest.objects.create(
        image=image, digest=digest_of(f"manifest {tag} {build}"), source="test", first_seen=image.first_seen
    )
    return image


def make_users(base: Image, team: Team) -> None:
    """Images on it by content and by name, of two teams, some running; the newest findings differ."""
    for number, whose in enumerate((team, team, Team.objects.create(name="web"))):
        image = make_image(f"registry.example/shop/app{number}:1", team=whose)
        Image.objects.filter(pk=image.pk).update(base=base)
        make_running(image, f"app{number}")
    named = make_image("registry.example/shop/named:1", team=team)
    Image.objects.filter(pk=named.pk).update(base_name=f"{JAVA}:17")


def make_upstream(team: Team) -> None:
    """Watches with alarms, and copies in all states."""
    registry = Registry.objects.create(host="own.example")
    name_place(None, registry, "kept", True)
    for number in range(4):
        now, before = digest_of(f"manifest 17.{number} 1"), digest_of(f"manifest 17.{number} 0")
        watch = Watch.objects.create(
            name=JAVA, tag=f"17.{number}", seen_digest=now, is_approved=True, owners=[team.pk], state="fine"
        )
        given = {"text": "moved", "before": before, "now": now, "teams": [team.pk]}
        UpstreamAlarm.objects.create(watch=watch, kind="repointed", **given)
        for digest, state in ((now, "kept"), (before, "missing")):
            given = {"tag": f"17.{number}", "place": f"kept/{JAVA}", "digests": [digest], "state": state}
            KeptCopy.objects.create(name=JAVA, digest=digest, registry=registry, **given)


def make_retention(admin: User) -> None:
    """Rules, pins and a run with items."""
    RetentionRule.objects.create(name="old", repositories="*")
    run = RetentionRun.objects.create(state="listed", actor="somebody", held={"running": 3})
    for number, image in enumerate(Image.objects.present()):
        RetentionPin.objects.create(digest=digest_of(f"pin {number}"), reason="law", actor="somebody", person=admin)
        RetentionItem.objects.create(
            run=run, image=image, repository=image.placements.first().repository, rule="old", size=5
        )


@pytest.fixture
def entries(team: Team, owner: User, mate: User, admin: User, settings: Any) -> dict[str, ApprovedBase]:
    """An entry that counts and one that is in review, both with all there can be, among other entries."""
    settings.APPROVAL_NEEDS_TWO = True
    token = make_token(team=team)[0]
    builds = [make_java(f"17.{number}", build, token) for build in range(2) for number in range(4)]
    make_users(builds[-1], team)
    make_upstream(team)
    make_retention(admin)
    terms = {"max_age": 90, "max_high": 3, "grace": 30, "must_be_kept": True, "must_not_be_root": True}
    for number in range(4):
        ApprovedBase.objects.create(name=f"registry.example/base/other{number}", pattern="*", state="approved")
    found = {
        state: ApprovedBase.objects.create(
            name=JAVA, pattern=pattern, state="requested", owner=team, asked_by=team, proposer=mate, **terms
        )
        for state, pattern in (("approved", "17.*"), ("in_review", "*"))
    }
    for entry in found.values():
        take_step(owner, entry, Step("in_review", comment="seen"))
        comment_on(mate, entry, "soon?")
    take_step(admin, found["approved"], Step("approved", "sound", replacement=f"{JAVA}:21"))
    return found


@pytest.mark.django_db
def test_no_page_asks_more_than_its_budget(
    entries: dict[str, ApprovedBase], admin: User, owner: User, mate: User, client: Client
) -> None:
    copy, run = KeptCopy.objects.get(tag="17.1", state="kept"), RetentionRun.objects.get()
    pages = [reverse("approved:base_detail", args=[entry.pk]) for entry in entries.values()]
    names = ("base_list", "request_list", "alarm_list", "watch_list", "copy_list", "base_new", "retention")
    pages += [reverse(f"approved:{name}") for name in names]
    pages += [reverse("approved:copy_detail", args=[copy.pk])]
    pages += [f"{reverse('approved:retention')}?digest={digest}" for digest in (copy.digest, digest_of("pin 1"))]
    asked = {}
    for person in (mate, owner, admin):
        client.force_login(person)
        for page in [*pages, reverse("approved:run_detail", args=[run.pk])] if person == admin else pages:
            with CaptureQueriesContext(connection) as found:
                assert client.get(page).status_code == 200, page
            asked[person.username, page] = len(found)
    assert {page: number for page, number in asked.items() if number > BUDGET} == {}
