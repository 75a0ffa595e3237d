"""One mail through the configured server, so that it is known at every moment whether the server has it.

The server takes a mail over when it answers the line with the single dot (RFC 5321, 4.1.1.4 and 6.1). Everything before
that line may be tried again; once it is sent and no answer came, nobody knows (RFC 1047), and only the caller can
decide. `before_dot` is called between the two. Every try sends the same bytes, Message-ID and date among them.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from email.utils import formatdate

from django.conf import settings

SECONDS = 20.0
DOT = re.compile(rb"^\.", re.MULTILINE)


class TryLater(Exception):
    """Not sent, and it may work later; the sentence says why."""


class Refused(Exception):
    """Not sent, and another try would be answered the same."""


class Unknown(Exception):
    """Handed over, but no answer came: it may have arrived."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is sent: to one address, two parts that say the same."""

    to: str
    subject: str
    text: str
    html: str
    message_id: str
    written_at: datetime
    headers: dict[str, str] = field(default_factory=dict)

    def message(self) -> EmailMessage:
        """As a message (RFC 5322) of ASCII lines."""
        message = EmailMessage(policy=POLICY.clone(cte_type="7bit"))
        message["From"] = settings.MAIL_FROM
        message["To"] = one_line(self.to)
        message["Subject"] = one_line(self.subject)
        message["Date"] = formatdate(self.written_at.timestamp(), usegmt=True)
        message["Message-ID"] = self.message_id
        message["Auto-Submitted"] = "auto-generated"
        for name, value in self.headers.items():
            message[name] = one_line(value)
        message.set_content(self.text, cte="quoted-printable")
        message.add_alternative(self.html, subtype="html", cte="quoted-printable")
        # No quoted-printable line has "=_" in it (RFC 2045, 6.7).
        message.set_boundary(f"=_{hashlib.sha256(self.message_id.encode()).hexdigest()[:32]}")
        return message


def one_line(text: str) -> str:
    """Without anything that could begin another header."""
    return " ".join(text.split())


def deliver(mail: Mail, before_dot: Callable[[], object]) -> None:
    """Hand it over. Raises `TryLater`, `Refused` or, after `before_dot`, `Unknown`."""
    data = mail.message().as_bytes()
    try:
        server = connect()
    except (OSError, smtplib.SMTPException) as error:
        raise TryLater(f"the mail server cannot be reached: {said(error)}") from error
    try:
        announce(server, mail.to)
        server.send(DOT.sub(b"..", data if data.endswith(b"\r\n") else data + b"\r\n"))
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        server.close()
        raise TryLater(f"the mail server hung up: {said(error)}") from error
    except (TryLater, Refused):
        server.close()
        raise
    try:
        before_dot()
    except Exception:
        # Without the dot the server forgets the mail.
        server.close()
        raise
    finish(server)


def connect() -> smtplib.SMTP:
    """Connected, with TLS that is verified unless it is off, and signed in where a name is configured."""
    context = ssl.create_default_context()
    if settings.OUTBOUND_CA_FILE:
        context.load_verify_locations(settings.OUTBOUND_CA_FILE)
    where = (settings.SMTP_HOST, settings.SMTP_PORT)
    if settings.SMTP_TLS == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(*where, timeout=SECONDS)
    try:
        if settings.SMTP_TLS == "starttls":
            server.starttls(context=context)
        server.ehlo_or_helo_if_needed()
        if settings.SMTP_USER:
            server.login(settings.SMTP_USER, settings.SMTP_PASSWORD)
    except (OSError, smtplib.SMTPException):
        server.close()
        raise
    return server


def announce(server: smtplib.SMTP, to: str) -> None:
    """From whom, to whom, and that the mail comes now."""
    sender = settings.MAIL_FROM.rpartition("<")[2].rstrip(">")
    for code, answer in (server.mail(sender), server.rcpt(to), server.docmd("DATA")):
        if code >= 500:
            raise Refused(f"the mail server refused: {code} {readable(answer)}")
        if code >= 400:
            raise TryLater(f"the mail server is not ready: {code} {readable(answer)}")


def finish(server: smtplib.SMTP) -> None:
    """The dot, and the server's answer to it."""
    try:
        server.send(b".\r\n")
        code, answer = server.getreply()
    except (smtplib.SMTPException, OSError) as error:
        server.close()
        raise Unknown(f"the mail server hung up before it said whether it took the mail: {said(error)}") from error
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    if code >= 500:
        raise Refused(f"the mail server refused the mail: {code} {readable(answer)}")
    if code >= 400:
        raise TryLater(f"the mail server did not take the mail: {code} {readable(answer)}")


def said(error: Exception) -> str:
    """What went wrong, without anything secret: a refused sign-in says the server's words only."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {readable(error.smtp_error)}"
    return f"{type(error).__name__} {error}"[:200]


def readable(answer: bytes | str) -> str:
    """The server's words."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return one_line(text)[:200]
