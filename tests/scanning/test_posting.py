"""Digests reach a real mail server, whatever refuses or hangs up on the way; what dies is in tests/faults."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import connection
from django.test import Client

from governance.accounts.models import Team, User
from governance.approvals.models import UpstreamAlarm, Watch
from governance.briefings.models import Alert, Briefing, Subscription
from governance.briefings.services import Wish, subscribe_address
from governance.findings.models import Vulnerability
from governance.images.models import Image
from scanning import failpoints, outbox, posting
from scanning.models import Outbox
from tests.inbox import Inbox, mail_server
from tests.make import deliver, digest_of, make_report, make_token, make_vulnerability
from tests.parts import free_port

pytestmark = pytest.mark.django_db(transaction=True)
MONDAY = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Controller]:
    with mail_server() as controller:
        yield controller


@pytest.fixture
def inbox(server: Controller, settings: Any) -> Inbox:
    settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", server.port, "off"
    settings.MAIL_FROM = "Portwarden <portwarden@example.org>"
    server.handler.__init__()  # type: ignore[misc]
    found = server.handler
    assert isinstance(found, Inbox)
    return found


@pytest.fixture
def mailboxes(team: Team, admin: User) -> list[Subscription]:
    """Three readers whose hour has come."""
    for name in ("a", "b", "c"):
        subscribe_address(admin, f"{name}@example.org", team, Wish(when_quiet="heartbeat"))
    Subscription.objects.update(starts_at=MONDAY - timedelta(days=30), next_at=MONDAY)
    return list(Subscription.objects.order_by("pk"))


def again() -> None:
    """As if a while had passed: leases ran out, and what waited is due."""
    past = datetime(2026, 1, 1, tzinfo=UTC)
    Outbox.objects.filter(state="sending").update(lease_until=past)
    Outbox.objects.update(next_attempt_at=past)


def test_a_digest_arrives_as_a_mail_that_one_can_leave(inbox: Inbox, mailboxes: list[Subscription]) -> None:
    assert posting.plan(MONDAY) == 3
    assert posting.carry_out() == 3
    assert {mail["To"] for mail in inbox.mails} == {"a@example.org", "b@example.org", "c@example.org"}
    mail = next(mail for mail in inbox.mails if mail["To"] == "a@example.org")
    briefing = Briefing.objects.get(recipient="a@example.org")
    assert mail["Message-ID"] == briefing.message_id
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n").strip() == briefing.text.strip()
    assert "prefers-color-scheme: dark" in html.get_content()
    assert '<p style="' in html.get_content() or 'style="' in html.get_content()
    assert briefing.state == Briefing.State.SENT
    path = mail["List-Unsubscribe"].strip("<>").removeprefix("http://127.0.0.1:8000")
    stranger = Client(enforce_csrf_checks=True)
    assert "No more digests?" in stranger.get(path).content.decode()
    assert Subscription.objects.get(address="a@example.org").is_active
    assert stranger.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Subscription.objects.get(address="a@example.org").is_active
    assert stranger.get(path[:-3] + "xx/").status_code == 404


def test_two_schedulers_at_once_make_one(inbox: Inbox, mailboxes: list[Subscription]) -> None:
    start = threading.Barrier(4)

    def scheduler() -> None:
        start.wait()
        posting.plan(MONDAY)
        posting.carry_out()
        connection.close()

    threads = [threading.Thread(target=scheduler) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    posting.carry_out()
    assert sorted(mail["To"] for mail in inbox.mails) == ["a@example.org", "b@example.org", "c@example.org"]
    assert Briefing.objects.filter(state="sent").count() == 3


def test_a_server_that_hangs_up_after_the_data_gets_the_same_bytes_again(
    inbox: Inbox, mailboxes: list[Subscription]
) -> None:
    inbox.drop = True
    posting.plan(MONDAY)
    posting.carry_out()
    assert set(Outbox.objects.values_list("state", "unknown")) == {("waiting", 1)}
    assert "hung up before it said" in Outbox.objects.first().error  # type: ignore[union-attr]
    inbox.drop = False
    again()
    posting.carry_out()
    assert set(Briefing.objects.values_list("state", flat=True)) == {"sent"}
    assert len(inbox.mails) == 6
    assert len({mail.as_bytes() for mail in inbox.mails}) == len({mail["Message-ID"] for mail in inbox.mails}) == 3


def test_a_server_that_never_answers_gets_three_copies_and_no_more(inbox: Inbox, mailboxes: list[Subscription]) -> None:
    inbox.drop = True
    posting.plan(MONDAY)
    for _ in range(6):
        posting.carry_out()
        again()
    assert len(inbox.mails) == 3 * outbox.MOST_UNKNOWN
    assert set(Briefing.objects.values_list("state", flat=True)) == {"unconfirmed"}
    assert "hung up before it said" in Briefing.objects.first().error  # type: ignore[union-attr]


def test_what_was_refused_after_it_may_have_arrived_is_not_called_undelivered(
    inbox: Inbox, mailboxes: list[Subscription]
) -> None:
    inbox.drop = True
    posting.plan(MONDAY)
    posting.carry_out()
    inbox.drop, inbox.answers["data"] = False, "451 later"
    again()
    posting.carry_out()
    assert set(Outbox.objects.values_list("state", "unknown")) == {("waiting", 1)}, "a clear no is not counted"
    inbox.answers["data"] = "554 no"
    again()
    posting.carry_out()
    assert set(Briefing.objects.values_list("state", flat=True)) == {"unconfirmed"}


@pytest.mark.parametrize(("where", "code", "state"), [("rcpt", "550 nobody", "failed"), ("data", "554 no", "failed")])
def test_a_refusal_is_final_and_said(
    inbox: Inbox, mailboxes: list[Subscription], where: str, code: str, state: str
) -> None:
    inbox.answers[where] = code
    posting.plan(MONDAY)
    posting.carry_out()
    again()
    assert posting.carry_out() == 0
    assert {row.state for row in Briefing.objects.all()} == {state}
    assert code in Briefing.objects.first().error  # type: ignore[union-attr]


@pytest.mark.parametrize("where", ["rcpt", "data"])
def test_a_busy_server_is_tried_again(inbox: Inbox, mailboxes: list[Subscription], where: str) -> None:
    inbox.answers[where] = "451 later"
    posting.plan(MONDAY)
    posting.carry_out()
    assert inbox.mails == []
    inbox.answers.clear()
    assert posting.carry_out() == 0, "not at once"
    again()
    assert posting.carry_out() == 3
    assert len(inbox.mails) == 3


def test_a_server_that_is_down_is_tried_again(inbox: Inbox, mailboxes: list[Subscription], settings: Any) -> None:
    port, settings.SMTP_PORT = settings.SMTP_PORT, free_port()
    posting.plan(MONDAY)
    posting.carry_out()
    assert "cannot be reached" in Outbox.objects.first().error  # type: ignore[union-attr]
    settings.SMTP_PORT = port
    again()
    posting.carry_out()
    assert len(inbox.mails) == 3


def test_a_scheduler_that_dies_leaves_nothing_half_made(
    inbox: Inbox, mailboxes: list[Subscription], monkeypatch: Any
) -> None:
    monkeypatch.setattr(failpoints, "POINTS", {"briefing.made": ("raise", "")})
    with pytest.raises(RuntimeError):
        posting.plan(MONDAY)
    assert not Briefing.objects.exists()
    assert not Outbox.objects.exists()
    monkeypatch.setattr(failpoints, "POINTS", {})
    assert posting.plan(MONDAY) == 3
    posting.carry_out()
    assert len(inbox.mails) == 3


def test_a_digest_that_cannot_be_made_does_not_hold_up_the_others(
    inbox: Inbox, mailboxes: list[Subscription], monkeypatch: Any
) -> None:
    real = posting.brief

    def brief(subscription: Subscription, now: datetime) -> Briefing | None:
        if subscription.pk == mailboxes[0].pk:
            raise ValueError("broken")
        return real(subscription, now)

    monkeypatch.setattr(posting, "brief", brief)
    assert posting.plan(MONDAY) == 2
    monkeypatch.setattr(posting, "brief", real)
    assert posting.plan(datetime.now(UTC) + timedelta(minutes=11)) >= 1
    assert Briefing.objects.filter(subscription=mailboxes[0]).count() == 1


def test_without_a_mail_server_digests_are_kept(mailboxes: list[Subscription]) -> None:
    assert posting.plan(MONDAY) == 3
    assert not Outbox.objects.exists()
    assert {row.state for row in Briefing.objects.all()} == {"kept"}


def test_what_cannot_wait_is_one_mail_at_once(inbox: Inbox, mailboxes: list[Subscription], team: Team) -> None:
    deliver(
        make_report("registry.example/shop/api:1", digest_of("api"), [make_vulnerability("CVE-2099-0001")]),
        viewer=make_token(team=team)[0],
    )
    Image.objects.update(running=1)
    Subscription.objects.exclude(pk=mailboxes[0].pk).update(alerts=False)
    assert posting.alarm() == 0, "the first look only remembers"
    Vulnerability.objects.update(kev_added=MONDAY.date())
    Image.objects.update(exploited=1)
    watch = Watch.objects.create(name="docker.io/library/python", tag="3.12", owners=[team.pk])
    UpstreamAlarm.objects.create(watch=watch, kind="repointed", text="Another image under the same tag")
    assert posting.alarm() == 1
    assert posting.alarm() == 0
    posting.carry_out()
    (mail,) = inbox.mails
    assert mail["Subject"].startswith("Container images of team shop: CVE-2099-0001 (a fix is known) is known to be")
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "and lies in 1 running image\n" in plain.get_content().replace("\r\n", "\n")
    assert "docker.io/library/python:3.12 was re-pointed upstream: 1 alarm on it is open" in plain.get_content()
    alert = Alert.objects.get()
    assert (alert.state, mail["Message-ID"]) == (Briefing.State.SENT, alert.message_id)
    Image.objects.update(running=None)
    posting.alarm()
    Image.objects.update(running=1)
    assert posting.alarm() == 0, "what comes and goes within a week is told once"
    assert posting.alarm(datetime.now(UTC) + timedelta(days=9)) == 0, "what stands is no news"
