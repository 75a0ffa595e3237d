"""Lists that come page by page: every one ends, however the other side pages (RFC 8288 links)."""

from __future__ import annotations

import re
import time
from contextvars import ContextVar
from urllib.parse import urljoin

from governance.web.outbound import OutboundError, Place
from scanning.registries.values import RegistryError

NEXT = re.compile(r'<([^<>]{1,4000})>[^,]*?;\s*rel\s*=\s*"?next"?', re.IGNORECASE)
PAGES, ENTRIES, SECONDS = 2_000, 100_000, 150.0
# Seconds a list may take where somebody waits for it.
PATIENCE: ContextVar[float] = ContextVar("patience", default=SECONDS)


def next_page(url: str, header: str) -> str | None:
    """The address that `Link: <…>; rel="next"` names, on the same host, else None; RegistryError for another host."""
    found = NEXT.search(header[:8_192])
    if found is None:
        return None
    onward = urljoin(url, found[1])
    return onward if same_origin(url, onward) else None


def same_origin(url: str, onward: str) -> bool:
    """True; RegistryError where a list is to go on at another host, or nowhere."""
    try:
        if Place.of(onward).origin == Place.of(url).origin:
            return True
    except OutboundError as error:
        raise RegistryError("garbled", f"a list goes on at {onward[:200]!r}, which is no address") from error
    raise RegistryError("refused", f"a list goes on at another host ({onward[:200]!r}): it was not followed")


class Bounds:
    """Counts pages and entries and watches the clock; `is_over` once there is too much of any."""

    def __init__(self, pages: int = PAGES, entries: int = ENTRIES, seconds: float = SECONDS) -> None:
        self.pages, self.entries = pages, entries
        self.until = time.monotonic() + min(seconds, PATIENCE.get())
        self.seen: set[str] = set()

    def is_over(self, url: str, entries: int) -> bool:
        """Before a page is fetched: it would be one too many, or one that was there already."""
        over = len(self.seen) >= self.pages or entries >= self.entries or time.monotonic() > self.until
        over = over or url in self.seen
        self.seen.add(url)
        return over
