"""One message to a chat, by a process of its own (`chat_child`) that ends with the message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from django.conf import settings

from governance.briefings.channels.mail import Refused, TryLater, Unknown

CHILD = "governance.briefings.channels.chat_child"
# The child's own clock ends a request earlier; a long message may be several.
SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Service:
    """What an address leads to; `host` only where people run the service themselves."""

    name: str
    host: str


def look(address: str) -> Service:
    """Which service an address is of. Raises `Refused` for one that nobody here can speak to."""
    found = ask({"address": address})
    if found["outcome"] != "fine":
        raise Refused(found["why"])
    return Service(found["service"], found["host"])


def deliver(address: str, title: str, text: str) -> None:
    """Send it. Raises `Refused`, `TryLater`, or `Unknown` where it may have arrived."""
    found = ask({"address": address, "title": title, "text": text})
    if found["outcome"] == "refused":
        raise Refused(found["why"])
    if found["outcome"] != "fine":
        raise TryLater(found["why"])


def ask(asked: dict[str, str]) -> dict[str, str]:
    """The child's answer. Raises `Unknown` where it gave none."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "governance.settings"}
    try:
        run = subprocess.run(  # noqa: S603 (our own program; the address goes to its standard input)
            [sys.executable, "-m", CHILD],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=SECONDS,
            cwd=settings.ROOT,
            env=environment,
            check=False,
        )
        found: dict[str, str] = json.loads(run.stdout)
    except subprocess.TimeoutExpired as error:
        raise Unknown(f"the chat did not answer within {SECONDS:.0f} seconds") from error
    except (OSError, ValueError) as error:
        # Its last words stay unsaid: the address might be among them.
        raise Unknown("the program that speaks to chats ended without an answer") from error
    return found
