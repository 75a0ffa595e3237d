"""A real mail server (aiosmtpd) that keeps what it is given."""

from __future__ import annotations

import email
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.parts import free_port


class Inbox:
    """A mail server's memory, and how it behaves; `drop` hangs up after the dot, without an answer."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: dict[str, str] = {}
        self.drop = False

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "data" in self.answers:
            return self.answers["data"]
        content = envelope.content
        assert isinstance(content, bytes)
        found = email.message_from_bytes(content, policy=default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        if self.drop:
            assert server.transport is not None
            server.transport.close()
        return "250 taken"


@contextmanager
def mail_server() -> Iterator[Controller]:
    """It runs on `port`; its `handler` is the `Inbox`."""
    # The library binds to port 0 but then knocks at it.
    controller = Controller(Inbox(), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller
    finally:
        controller.stop()
