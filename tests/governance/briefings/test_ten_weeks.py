"""Ten weeks of twenty-five teams: what every digest says, and that each number is the number of rows behind its link.

It takes its seconds because it writes, and opens, what a company of this size would get in a quarter.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import Team, User
from governance.briefings.models import Briefing, Subscription
from governance.briefings.services import Wish, subscribe_address
from governance.findings.models import Silence, Source, Vulnerability
from governance.images.models import Event, Image
from scanning import posting
from tests.make import deliver, digest_of, make_report, make_token, make_user, make_vulnerability

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parents[2] / "data" / "digests" / "ten_weeks.txt"
START, WEEK = datetime(2026, 9, 21, 6, tzinfo=UTC), timedelta(days=7)
TEAMS, WEEKS = 25, 10
BASE = [digest_of("base layer")]


class Company:
    """Twenty-five teams with two images each, on one base, and what happens to them."""

    def __init__(self, admin: User) -> None:
        self.dice = random.Random(20260921)
        self.teams = [Team.objects.create(name=f"team-{number:02}") for number in range(1, TEAMS + 1)]
        self.tokens = [make_token(team=team)[0] for team in self.teams]
        self.found: dict[tuple[int, str], set[int]] = {}
        self.scans = 0
        whole = make_report("registry.example/base/os:12", digest_of("os"), [], DiffIDs=BASE)
        deliver(whole)
        for number, team in enumerate(self.teams):
            quiet = "heartbeat" if number % 5 == 0 else "silence"
            zone = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney")[number % 5]
            subscribe_address(admin, f"{team.name}@example.org", team, Wish(0, 8, zone, quiet))
            for name in ("api", "web"):
                self.found[number, name] = set()
                self.scan(number, name)
        subscribe_address(admin, "security@example.org", None, Wish(when_quiet="heartbeat"))
        Subscription.objects.update(starts_at=START - WEEK, next_at=START)

    def scan(self, number: int, name: str) -> None:
        """A newer report of an image."""
        self.scans += 1
        at = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=self.scans)
        reference = f"registry.example/{self.teams[number].name}/{name}:1"
        found = [
            make_vulnerability(f"CVE-2099-{one:04}", Severity="CRITICAL", FixedVersion="1.1" if one % 3 else "")
            for one in sorted(self.found[number, name])
        ]
        layers = [*BASE, digest_of(reference)]
        whole = make_report(reference, digest_of(reference), found, at=at.isoformat(), DiffIDs=layers)
        deliver(whole, viewer=self.tokens[number])

    def live(self, week: int) -> None:
        """One week: some images get or lose something, and now and then something happens to everybody."""
        for number, name in self.dice.sample(sorted(self.found), 6):
            mine = self.found[number, name]
            if mine and self.dice.random() < 0.5:
                mine.remove(min(mine))
            else:
                mine.add(self.dice.randrange(1, 40))
            self.scan(number, name)
        if week == 3:
            self.found[4, "api"] |= set(range(100, 130))
            self.scan(4, "api")
        if week == 5:
            worst = Vulnerability.objects.order_by("name").first()
            Vulnerability.objects.filter(pk=worst and worst.pk).update(kev_added=START.date())
        if week == 6:
            base = Image.objects.get(config_digest=digest_of("os"))
            at = START + week * WEEK - timedelta(days=1)
            Event.objects.create(image=base, kind=Event.Kind.GONE, text="No longer in it", at=at)
        if week == 7:
            source = Source.objects.get(sender=f"token:{self.tokens[2].pk}")
            Source.objects.filter(pk=source.pk).update(name="gitlab")
            Silence.objects.create(source=source, since=START + 5 * WEEK, raised_at=START + 6 * WEEK)


def told(week: int) -> str:
    """What that week's digests say, without those that say nothing to nobody."""
    lines = []
    for one in Briefing.objects.filter(week=(START + week * WEEK).date()).order_by("recipient"):
        lines.append(f"{week} {one.recipient.partition('@')[0]}: {one.state}, {one.changes} changes")
        lines += [f"    {line.words}" for line in one.lines.filter(is_folded=False).order_by("place")]
    return "\n".join(lines)


def open_links(week: int, readers: dict[str, Client]) -> int:
    """Open every line's link as its reader; the number is the number of rows."""
    opened = 0
    for one in Briefing.objects.filter(week=(START + week * WEEK).date()).select_related("subscription__team"):
        for line in one.lines.filter(is_folded=False):
            # The list alone: what stands around it is the same on every page.
            answer = readers[one.recipient].get(line.address, headers={"HX-Request": "true"})
            assert answer.context["total"] == line.amount, (one.recipient, line.words, line.address)
            opened += 1
    return opened


def test_ten_weeks_of_twenty_five_teams(admin: User, settings: Any) -> None:
    settings.SMTP_HOST = "mail.example"
    company = Company(admin)
    readers = {"security@example.org": Client()}
    readers["security@example.org"].force_login(admin)
    for team in company.teams:
        readers[f"{team.name}@example.org"] = Client()
        readers[f"{team.name}@example.org"].force_login(make_user(team=team))
    said, opened = [], 0
    for week in range(WEEKS):
        company.live(week)
        # Every timezone's Monday morning is over by then.
        posting.plan(START + week * WEEK + timedelta(days=1))
        posting.plan(START + week * WEEK + timedelta(days=2))
        said.append(told(week))
        # Every page is a second of everybody's test run: every third week will do.
        opened += open_links(week, readers) if week % 3 == 0 else 0
    assert Briefing.objects.count() == WEEKS * (TEAMS + 1)
    assert opened > 40
    text = "\n".join(said) + "\n"
    assert text == GOLDEN.read_text()
