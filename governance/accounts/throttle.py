"""Slows down guessing of passwords: per account and address, in this process, never a permanent lock."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

FREE = 5
WINDOW = 600.0
LONGEST = 300.0
# Somebody who tries many names fills this, and then pushes out only the oldest of them.
REMEMBERED = 10_000


@dataclass(slots=True)
class Failures:
    """When sign-ins failed, within the window."""

    at: list[float] = field(default_factory=list)


class Throttle:
    """After five failures within ten minutes each further try has to wait twice as long, at most five minutes."""

    def __init__(self) -> None:
        self.failures: OrderedDict[tuple[str, str], Failures] = OrderedDict()
        self.lock = threading.Lock()

    def wait(self, account: str, address: str) -> int:
        """Whole seconds until the next try is looked at; 0 for now. The same whether or not the account exists."""
        now = time.monotonic()
        with self.lock:
            found = self.failures.get(self.key(account, address))
            recent = [at for at in found.at if at > now - WINDOW] if found else []
        if len(recent) < FREE:
            return 0
        pause = min(2.0 ** (len(recent) - FREE + 1), LONGEST)
        return max(0, int(recent[-1] + pause - now + 0.999))

    def failed(self, account: str, address: str) -> None:
        """Remember a failure."""
        now, key = time.monotonic(), self.key(account, address)
        with self.lock:
            found = self.failures.pop(key, Failures())
            found.at = [*[at for at in found.at if at > now - WINDOW][-20:], now]
            self.failures[key] = found
            while len(self.failures) > REMEMBERED:
                self.failures.popitem(last=False)

    def forget(self, account: str, address: str) -> None:
        """A sign-in that worked."""
        with self.lock:
            self.failures.pop(self.key(account, address), None)

    @staticmethod
    def key(account: str, address: str) -> tuple[str, str]:
        """Names that differ in case only are one."""
        return account.strip().casefold()[:150], address


THROTTLE = Throttle()
