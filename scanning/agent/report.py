"""Sending: numbered snapshots, only the newest matters, patience while the server is away."""

from __future__ import annotations

import gzip
import json
import logging
import random
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scanning.agent import VERSION
from scanning.agent.state import State
from scanning.agent.wire import Failed, Wire

LOG = logging.getLogger("portwarden-agent")
# Its own patience ends at a minute, so that a server which was away is told soon; a server may ask for more.
FIRST_PAUSE, LONGEST_PAUSE, MOST_ASKED = 2.0, 60.0, 300.0


class Report:
    """The way to the server. A number is used once, also where nobody knows whether it arrived."""

    def __init__(self, wire: Wire, token_file: str, place: dict[str, str], interval: int) -> None:
        self.wire, self.token_file, self.place, self.interval = wire, token_file, place, interval
        self.instance = uuid.uuid4().hex
        self.number = 0
        self.applied: dict[str, Any] = {}
        self.failures = 0

    def send(self, state: State, name: str) -> None:
        """Send it, in short words where the server has the same already. Raises `Failed`."""
        self.number += 1
        contents = state.contents()
        whole = state.document()
        is_known = self.applied.get("instance") == self.instance and self.applied.get("contents") == contents
        if is_known:
            whole = {"engine": whole["engine"], "note": whole["note"]}
        body = {
            "agent": {"name": name, "instance": self.instance, "version": VERSION, "interval": self.interval},
            "cluster": self.place,
            "number": self.number,
            "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "contents": contents,
            **whole,
        }
        query = urlencode({"cluster": self.place["uid"], "agent": name, "wait": 0 if is_known else 5})
        answer = self.wire.call(
            "POST",
            f"/api/v1/agents/snapshot/?{query}",
            body=gzip.compress(json.dumps(body).encode(errors="replace"), 6),
            headers={
                "Authorization": f"Bearer {token_in(self.token_file)}",
                "Content-Type": "application/json",
                "Content-Encoding": "gzip",
                "Idempotency-Key": f"{self.instance}-{self.number}",
            },
        )
        answer = answer if isinstance(answer, dict) else {}
        self.applied = {} if answer.get("resync") else answer.get("applied") or {}
        LOG.info(
            "sent %s: %s containers%s", self.number, len(state.containers), ", nothing changed" if is_known else ""
        )

    def pause(self, error: Failed) -> float:
        """How long to wait after a failure: longer each time, never in step with others, as long as the server says."""
        self.failures += 1
        self.applied = {}
        longest = min(FIRST_PAUSE * 2 ** min(self.failures - 1, 10), LONGEST_PAUSE)
        return max(random.uniform(longest / 2, longest), min(error.retry_after, MOST_ASKED))  # noqa: S311 (jitter)


def token_in(path: str) -> str:
    """The token as it is in its file now. Raises `Failed`."""
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise Failed(f"the token's file cannot be read: {error}") from error
