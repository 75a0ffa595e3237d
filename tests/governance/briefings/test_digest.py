"""The weekly digest: only what changed, the worst first, each line a link to exactly the rows it counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import Team, User
from governance.approvals.life import request_base
from governance.approvals.models import ApprovedBase, UpstreamAlarm, Watch
from governance.briefings.compose import MOST_LINES
from governance.briefings.models import Briefing, Subscription
from governance.briefings.services import Wish, brief, preview, subscribe, subscribe_address, unsubscribe
from governance.findings.models import Silence, Source, Vulnerability
from governance.images.models import Image
from governance.policy.models import GateDecision
from governance.policy.models_exemption import Exemption
from tests.make import deliver, digest_of, make_report, make_token, make_user, make_vulnerability

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
WEEK = timedelta(days=7)


def critical(number: int, **fields: Any) -> dict[str, Any]:
    """One critical vulnerability."""
    return make_vulnerability(f"CVE-2099-{number:04}", Severity="CRITICAL", **fields)


def report(team: Team, name: str, *found: dict[str, Any], day: int = 20) -> None:
    """What a scanner says of an image of the team's on a day of August."""
    whole = make_report(f"registry.example/{name}:1", digest_of(name), list(found), at=f"2026-08-{day:02}T09:00:00Z")
    deliver(whole, viewer=make_token(team=team)[0])


@pytest.fixture
def mailbox(team: Team, admin: User) -> Subscription:
    """The team's, since long ago."""
    row = subscribe_address(admin, "shop@example.org", team, Wish())
    Subscription.objects.update(starts_at=MONDAY - 52 * WEEK)
    row.refresh_from_db()
    return row


def digest(row: Subscription, week: int = 0) -> Briefing:
    """That of the week, as if it were its Monday."""
    found = brief(row, MONDAY + week * WEEK)
    assert found is not None
    return found


def shown(briefing: Briefing) -> list[str]:
    """Its lines as the mail has them."""
    return list(briefing.lines.filter(is_folded=False).order_by("place").values_list("words", flat=True))


def rows_at(client: Client, address: str) -> int:
    """How many rows a page says it has."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    assert not answer.context["problems"], address
    assert answer.context["exact"], address
    return int(answer.context["total"])


def check_links(briefing: Briefing, reader: User) -> None:
    """Every number of the mail is the number of rows behind its link."""
    client = Client()
    client.force_login(reader)
    for line in briefing.lines.filter(is_folded=False):
        assert rows_at(client, line.address) == line.amount, line.words
    for words, amount, _, _, address in briefing.numbers:
        assert rows_at(client, address) == amount, words


def test_it_tells_only_what_changed(team: Team, mate: User, mailbox: Subscription) -> None:
    report(team, "shop/api", critical(1), make_vulnerability("CVE-2099-0500"))
    report(team, "shop/web", critical(1))
    first = digest(mailbox)
    assert shown(first) == ["CVE-2099-0001 (a fix is known): 2 images"]
    check_links(first, mate)
    assert shown(digest(mailbox, 1)) == []
    report(team, "shop/api", critical(2), day=21)
    report(team, "shop/web", day=21)
    third = digest(mailbox, 2)
    assert shown(third) == [
        "CVE-2099-0002 (a fix is known): 1 image",
        "1 critical vulnerability gone from what runs or is current",
    ]
    check_links(third, mate)
    assert third.changes == 2
    assert "2 changes" in third.subject


def test_what_becomes_known_exploited_is_told_again_and_first(team: Team, mate: User, mailbox: Subscription) -> None:
    report(team, "shop/api", critical(1), critical(2, FixedVersion=""))
    digest(mailbox)
    Vulnerability.objects.filter(name="CVE-2099-0002").update(kev_added=MONDAY.date())
    report(team, "shop/web", critical(3))
    later = digest(mailbox, 1)
    assert shown(later) == [
        "CVE-2099-0002 (no fix known yet): 1 image",
        "CVE-2099-0003 (a fix is known): 1 image",
    ]
    check_links(later, mate)


def test_a_team_reads_nothing_of_another(team: Team, stranger: User, mailbox: Subscription) -> None:
    report(stranger.teams.get(), "payments/api", critical(1))
    assert shown(digest(mailbox)) == []
    assert [row[1] for row in Briefing.objects.get().numbers] == [0, 0, 0, 0, 0]


def test_a_person_reads_about_all_their_teams_and_an_auditor_about_everything(team: Team, stranger: User) -> None:
    report(team, "shop/api", critical(1))
    report(stranger.teams.get(), "payments/api", critical(2))
    stranger.email = "s@example.org"
    stranger.save()
    for person, expected in ((stranger, 1), (make_user(role=User.Role.AUDITOR, email="a@example.org"), 2)):
        row = subscribe(person, Wish())
        Subscription.objects.filter(pk=row.pk).update(starts_at=MONDAY - WEEK)
        row.refresh_from_db()
        found = digest(row)
        assert len(shown(found)) == expected
        check_links(found, person)


def test_it_has_twenty_lines_at_most_and_the_rest_is_in_the_archive(
    team: Team, mate: User, mailbox: Subscription
) -> None:
    report(team, "shop/api", *(critical(number) for number in range(1, 41)))
    source = Source.objects.latest("pk")
    Silence.objects.create(source=source, since=MONDAY, raised_at=MONDAY)
    found = digest(mailbox)
    lines = shown(found)
    assert len(lines) == MOST_LINES
    assert lines[18] == "22 more critical vulnerabilities"
    assert lines[19] == f"{source} fell silent: 1 source is silent now"
    check_links(found, mate)


def test_silence_or_one_line_in_a_quiet_week(settings: Any, mailbox: Subscription, team: Team, admin: User) -> None:
    settings.SMTP_HOST = "mail.example"
    assert digest(mailbox).state == Briefing.State.QUIET
    row = subscribe_address(admin, mailbox.address, team, Wish(when_quiet="heartbeat"))
    Subscription.objects.update(starts_at=MONDAY - WEEK)
    row.refresh_from_db()
    beat = digest(row, 1)
    assert beat.state == Briefing.State.WAITING
    assert "Nothing changed" in beat.text


def test_what_may_not_have_arrived_is_told_again(team: Team, mailbox: Subscription) -> None:
    report(team, "shop/api", critical(1))
    digest(mailbox)
    Briefing.objects.update(state=Briefing.State.UNCONFIRMED)
    assert len(shown(digest(mailbox, 1))) == 1
    assert shown(digest(mailbox, 2)) == []


def test_there_is_one_for_each_week_however_often_one_asks(mailbox: Subscription, team: Team, admin: User) -> None:
    assert digest(mailbox).week == MONDAY.date()
    assert brief(mailbox, MONDAY + timedelta(hours=1)) is None
    row = subscribe_address(admin, mailbox.address, team, Wish(weekday=4))
    Subscription.objects.update(starts_at=MONDAY)
    row.refresh_from_db()
    assert brief(row, MONDAY + timedelta(days=4, hours=1)) is None, "the week has its digest"


def test_weeks_nobody_was_there_for_become_one_digest(mailbox: Subscription) -> None:
    digest(mailbox)
    late = brief(mailbox, MONDAY + 3 * WEEK + timedelta(days=2))
    assert late is not None
    assert (late.slot, late.since) == (MONDAY + 3 * WEEK, MONDAY)
    assert Briefing.objects.count() == 2
    assert mailbox.next_at == MONDAY + 4 * WEEK


def test_a_slot_before_one_subscribed_is_not_ones_own(team: Team, admin: User) -> None:
    row = subscribe_address(admin, "new@example.org", team, Wish())
    Subscription.objects.update(starts_at=MONDAY + timedelta(hours=1))
    row.refresh_from_db()
    assert brief(row, MONDAY + timedelta(hours=2)) is None
    assert brief(row, MONDAY + WEEK) is not None


def test_a_hostile_name_stays_text(team: Team, admin: User, mailbox: Subscription) -> None:
    Team.objects.filter(pk=team.pk).update(name="x\r\nBcc: a@example.org <script>alert(1)</script>")
    report(team, "shop/api", critical(1))
    mailbox.refresh_from_db()
    found = digest(mailbox)
    assert "\n" not in found.subject
    assert "<script>" not in found.html
    assert "<script>" in found.subject


def test_a_preview_stores_nothing(team: Team, mailbox: Subscription) -> None:
    report(team, "shop/api", critical(1))
    digest(mailbox)
    report(team, "shop/web", critical(2))
    found, context = preview(mailbox)
    assert found is not None
    assert [line["words"][:13] for line in context["lines"]] == ["CVE-2099-0002"]
    assert Briefing.objects.count() == 1
    assert Briefing.objects.get().week == MONDAY.date()


def test_whoever_unsubscribed_gets_none(mailbox: Subscription) -> None:
    assert unsubscribe(mailbox)
    assert not unsubscribe(mailbox)
    mailbox.refresh_from_db()
    assert not mailbox.is_active


def test_the_other_sections_tell_their_own(team: Team, mate: User, admin: User, mailbox: Subscription) -> None:
    report(team, "shop/api", make_vulnerability())
    image = Image.objects.get()
    now = datetime.now(UTC)
    ask_base(team, now)
    watch = Watch.objects.create(name="docker.io/library/python", tag="3.12", is_used=True, owners=[team.pk])
    UpstreamAlarm.objects.create(watch=watch, kind="vanished", text="The tag is gone")
    GateDecision.objects.create(
        key=b"1",
        image=image,
        reference="shop/api:1",
        stage="ci",
        verdict="fail",
        gate="gate",
        reasons=[{"text": "A critical finding"}],
    )
    Exemption.objects.create(
        scope="team", team=team, owner=team, vulnerability="CVE-2099-0007", kind=Exemption.Kind.values[0],
        reason="accepted", state="granted", expires_on=(now + timedelta(days=5)).date(),
    )  # fmt: skip
    Source.objects.all().delete()
    found = brief(mailbox, datetime.now(UTC))
    assert found is not None
    assert shown(found) == [
        "docker.io/library/python:3.12 vanished upstream: 1 alarm on it is open",
        "Gates turned away shop/api:1: 1 refusal in the last 7 days",
        f"The exemption of {Exemption.objects.get()} ends soon: 1 exemption within 14 days",
        "docker.io/library/alpine:3.22 ends or is to be reviewed soon: 1 approval within 30 days",
    ]
    check_links(found, mate)


def ask_base(team: Team, now: datetime) -> None:
    """An approved base of the team's that has to be reviewed soon."""
    entry = request_base(None, "alpine:3.22", team=team, reason="needed")
    ApprovedBase.objects.filter(pk=entry.pk).update(state="approved", review_on=(now + timedelta(days=9)).date())


def test_what_nobody_owns_is_told_to_who_looks_after_everything(admin: User) -> None:
    deliver(make_report("registry.example/lost/one:1", digest_of("lost"), []))
    row = subscribe_address(admin, "security@example.org", None, Wish())
    Subscription.objects.update(starts_at=MONDAY - WEEK)
    row.refresh_from_db()
    found = digest(row)
    assert shown(found) == ["registry.example/lost/one came without an owner: 1 repository belongs to nobody"]
    check_links(found, admin)
