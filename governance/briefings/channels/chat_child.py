"""One message to a chat, in a process of its own: `python -m governance.briefings.channels.chat_child`.

It reads `{"address", "title", "text"}` as JSON (without `text` it only looks at the address) and answers
`{"outcome": "fine" | "refused" | "later", "why", "service", "host"}`. Apprise knows how to speak to each service and
takes 30 MB, so no process that stays loads it. All it sends goes through `governance.web.outbound`, whatever an address
says about proxies and certificates, and of its hundred services only those below are let in, which speak HTTP alone.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import requests.adapters
from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode

from governance.web.guarded import Guarded
from governance.web.outbound import Limits, OutboundError

LIMITS = Limits(connect=5, read=10, whole=20, body=2**20)
# Scheme of its addresses: what people call it.
SERVICES = {
    "slack": "Slack",
    "workflow": "Microsoft Teams",
    "workflows": "Microsoft Teams",
    "msteams": "Microsoft Teams",
    "mmost": "Mattermost",
    "mmosts": "Mattermost",
    "discord": "Discord",
    "matrix": "Matrix",
    "matrixs": "Matrix",
    "rocket": "Rocket.Chat",
    "rockets": "Rocket.Chat",
    "gchat": "Google Chat",
    "tgram": "Telegram",
    "ntfy": "ntfy",
    "ntfys": "ntfy",
    "json": "JSON",
    "jsons": "JSON",
}
# Those that people run themselves: the host tells one from another.
OWN_HOST = {"Mattermost", "Matrix", "Rocket.Chat", "ntfy", "JSON"}
# Answers after which the same may work later.
TRANSIENT = {408, 425, 429}
UNKNOWN = "this is no address of a chat that is known here; docs/digests.md says how each is written"


class Road:
    """Where requests go, and what went wrong on the way, in sentences that hold nothing of the address but its host."""

    def __init__(self) -> None:
        self.outcome, self.why = "fine", ""

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """One request of whatever apprise does; replaces `HTTPAdapter.send`."""
        try:
            response = Guarded(LIMITS).send(request)
        except requests.ConnectionError as error:
            refused = isinstance(error.__cause__, OutboundError) and error.__cause__.kind == "refused"
            self.note("refused" if refused else "later", str(error))
            raise
        if response.status_code >= 400:
            final = response.status_code < 500 and response.status_code not in TRANSIENT
            host = urlsplit(request.url or "").hostname
            self.note("refused" if final else "later", f"{host} answered {response.status_code}")
        return response

    def note(self, outcome: str, why: str) -> None:
        """The first trouble is the cause of all others."""
        if not self.why:
            self.outcome, self.why = outcome, why


def answer(asked: dict[str, str]) -> dict[str, str]:
    """What came of it."""
    asset = AppriseAsset(
        app_id="Portwarden", image_url_mask="", image_url_logo="", storage_mode=PersistentStoreMode.MEMORY
    )
    chat: Any = Apprise.instantiate(asked["address"], asset=asset)
    service = service_of(chat) if chat else ""
    if not service or "method" in parse_qs(urlsplit(asked["address"]).query):
        return {"outcome": "refused", "why": UNKNOWN, "service": "", "host": ""}
    found = {"service": service, "host": str(chat.host or "") if service in OWN_HOST else ""}
    if "text" not in asked:
        return {"outcome": "fine", "why": "", **found}
    road = Road()
    requests.adapters.HTTPAdapter.send = road.send  # type: ignore[assignment,method-assign]
    chat.overflow_mode = "split"
    said = {"title": asked["title"], "body": asked["text"], "body_format": NotifyFormat.TEXT}
    if not chat.notify(**said, notify_type=NotifyType.WARNING):
        road.note("later", f"{service} did not take the message")
    return {"outcome": road.outcome, "why": road.why, **found}


def service_of(chat: Any) -> str:
    """Which of `SERVICES` it is; empty for any other."""
    for words in (chat.protocol, chat.secure_protocol):
        for scheme in [words] if isinstance(words, str) else words or ():
            if scheme in SERVICES:
                return SERVICES[scheme]
    return ""


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
