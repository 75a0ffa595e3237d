"""Chats: an address is a secret, a message goes the one way out, and what is new is one message to each chat."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.test import Client
from requests.adapters import HTTPAdapter

from governance.accounts.models import AuditEntry, Team, User
from governance.briefings.channels import chat, chat_child
from governance.briefings.channels.mail import Refused, TryLater, Unknown
from governance.briefings.chats import add_channel, try_channel
from governance.briefings.models import Alert, Channel
from governance.findings.models import Vulnerability
from governance.images.models import Image
from governance.web.addresses import Allowed
from scanning import posting
from scanning.models import Outbox
from tests.make import deliver, digest_of, make_report, make_token, make_vulnerability

pytestmark = pytest.mark.django_db
KEY = "3ccdd113474722377935511fc85d3dd4"


class Receiver(ThreadingHTTPServer):
    """A chat's server: keeps what it was sent, and answers as it is told."""

    status = 200

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        """Of a Mattermost webhook."""
        return f"mmost://127.0.0.1:{self.server_port}/{KEY}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def receiver(monkeypatch: Any) -> Iterator[Receiver]:
    with Receiver() as server:
        monkeypatch.setenv("OUTBOUND_ALLOWED_HOSTS", f"127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def at_once(monkeypatch: Any, settings: Any, receiver: Receiver) -> None:
    """The child's work without its process: starting one is most of the cost."""
    monkeypatch.setattr(HTTPAdapter, "send", HTTPAdapter.send)
    monkeypatch.setattr(chat, "ask", chat_child.answer)
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{receiver.server_port}"])


def test_what_is_new_is_one_message_and_its_failures_are_seen(
    receiver: Receiver, team: Team, owner: User, client: Client
) -> None:
    client.force_login(owner)
    said = {"team": team.pk, "name": "#shop-alerts", "address": receiver.address}
    assert client.post("/digests/chats/", said).status_code == 302
    channel = Channel.objects.get()
    assert (channel.service, channel.host) == ("Mattermost", "127.0.0.1")
    report = make_report(
        "registry.example/shop/api:1",
        digest_of("api"),
        [make_vulnerability("CVE-2099-0001"), make_vulnerability("CVE-2099-0002")],
    )
    deliver(report, viewer=make_token(team=team)[0])
    Image.objects.update(running=1)
    assert posting.alarm() == 0, "the first look only remembers"
    Vulnerability.objects.update(kev_added=datetime.now(UTC).date())
    Image.objects.update(exploited=2)
    assert posting.alarm() == 1
    assert posting.alarm() == 0
    receiver.status = 503
    posting.carry_out()
    page = client.get("/digests/chats/").content.decode()
    assert "127.0.0.1 answered 503" in page
    assert KEY not in page
    receiver.status, receiver.got = 200, []
    Outbox.objects.update(next_attempt_at=datetime(2026, 1, 1, tzinfo=UTC))
    posting.carry_out()
    ((path, message),) = receiver.got
    assert path == f"/hooks/{KEY}"
    words = message["text"]
    assert words.startswith(
        "Container images of team shop: CVE-2099-0001 (a fix is known) is known to be exploited and 1 m"
    )
    assert "• CVE-2099-0002 (a fix is known) is known to be exploited and lies in 1 running image" in words
    assert f"http://127.0.0.1:8000/images/?vulnerability=CVE-2099-0002&running=true&team={team.pk}" in words
    assert Alert.objects.get().state == "sent"
    assert "delivered" in client.get("/digests/chats/").content.decode()
    channel.refresh_from_db()
    assert channel.error == ""


def test_an_address_is_a_secret_that_goes_in_and_never_comes_out(
    receiver: Receiver, team: Team, owner: User, mate: User, stranger: User
) -> None:
    client = Client()
    client.force_login(owner)
    said = {"team": "shop", "name": "#shop-alerts", "address": receiver.address}
    answer = client.post("/api/v1/chats/", said, content_type="application/json")
    assert answer.status_code == 201
    channel = Channel.objects.get()
    assert KEY.encode() not in bytes(channel.address)
    assert client.post(f"/api/v1/chats/{channel.pk}/test/").json() == {"error": ""}
    assert "This is a test" in receiver.got[0][1]["text"]
    for body in (answer.content, client.get(f"/api/v1/chats/{channel.pk}/").content):
        assert b"address" not in body
        assert KEY.encode() not in body
    assert not [row for row in AuditEntry.objects.values() if KEY in str(row)]
    client.force_login(mate)
    assert client.post(f"/api/v1/chats/{channel.pk}/test/").status_code == 403
    client.force_login(stranger)
    assert client.get("/api/v1/chats/").json()["results"] == []
    assert client.post(f"/digests/chats/{channel.pk}/test/").status_code == 404
    assert len(receiver.got) == 1
    other = Channel.objects.create(team=None, name="copied", service="Slack", address=channel.address)
    assert "does not belong where it stands" in try_channel(None, other), "a copied secret does not open"
    other.delete()
    call_command("reseal")
    client.force_login(owner)
    assert client.delete(f"/api/v1/chats/{channel.pk}/").status_code == 204


@pytest.mark.usefixtures("at_once")
def test_nothing_is_called_that_the_one_way_out_does_not_allow(receiver: Receiver) -> None:
    for address in ("json://127.0.0.1:1/x", "jsons://localhost/x", "mmosts://[::1]/abc", "ntfys://169.254.169.254/x"):
        with pytest.raises(Refused, match="OUTBOUND_ALLOWED_HOSTS"):
            chat.deliver(address, "title", "text")
    receiver.status = 404
    with pytest.raises(Refused, match=r"^127\.0\.0\.1 answered 404$"):
        chat.deliver(receiver.address, "title", "text")
    receiver.status = 500
    with pytest.raises(TryLater, match="answered 500"):
        chat.deliver(receiver.address, "title", "text")


@pytest.mark.usefixtures("at_once")
def test_only_chats_are_spoken_to(receiver: Receiver, team: Team, owner: User, stranger: User) -> None:
    refused = ("mailto://a:b@example.org", "syslog://localhost", "https://example.org/", "json://h/?method=PUT", "\x00")
    for address in refused:
        with pytest.raises(ValidationError):
            add_channel(owner, team, "#x", address)
    slack = "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/abcdefghijklmnopqrstuvwx"
    assert chat.look(slack) == chat.Service("Slack", "")
    with pytest.raises(PermissionDenied):
        add_channel(stranger, team, "#x", slack)
    with pytest.raises(PermissionDenied):
        add_channel(owner, None, "#x", slack)
    add_channel(owner, team, "#x", slack)
    with pytest.raises(ValidationError, match="of this name already"):
        add_channel(owner, team, "#x", slack)
    assert receiver.got == []


def test_a_message_that_takes_too_long_may_have_arrived(monkeypatch: Any) -> None:
    monkeypatch.setattr(chat, "SECONDS", 0.01)
    with pytest.raises(Unknown, match="did not answer within"):
        chat.deliver("json://127.0.0.1:1/", "title", "text")
