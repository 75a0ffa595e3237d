"""Questions at a steady pace, in a process of its own: `python -m tests.bench.asking < wanted.json`, figures go out.

Arrivals are on a schedule whatever the answers do, and each wait counts from the moment at which its question was due:
a server that stands still for a second is charged for every question of that second. One process speaks HTTP over
connections that it keeps, as an API server does, and says what it needed itself: it shares the cores it measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

# Seconds after which a question counts as lost.
PATIENCE = 10.0


@dataclass
class Asker:
    """What is asked (requests as bytes, in turn), how many a second, and what came back."""

    port: int
    requests: list[bytes]
    rate: float
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    wrong: dict[str, int] = field(default_factory=dict)
    connections: int = 0

    async def run(self, amount: int) -> None:
        """Ask so often, each at its time."""
        began = time.perf_counter() + 0.1
        tasks = []
        for number in range(amount):
            due = began + number / self.rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            tasks.append(asyncio.create_task(self.ask(self.requests[number % len(self.requests)], due)))
        await asyncio.gather(*tasks)
        await asyncio.gather(*(self.end(writer) for _, writer in self.idle))

    async def ask(self, request: bytes, due: float) -> None:
        """One question and its wait."""
        try:
            async with asyncio.timeout(PATIENCE):
                status = await self.exchange(request)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            self.note(type(error).__name__)
        else:
            self.waits.append(time.perf_counter() - due)
            if status != b"200":
                self.note(status.decode())

    def note(self, what: str) -> None:
        """One answer that was none."""
        self.wrong[what] = self.wrong.get(what, 0) + 1

    async def exchange(self, request: bytes) -> bytes:
        """Send it and read the answer; the status. A connection that was closed meanwhile is made anew, once."""
        kept = bool(self.idle)
        reader, writer = self.idle.pop() if kept else await self.connect()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.end(writer)
            if not kept:
                raise
            reader, writer = await self.connect()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        await reader.readexactly(int(lower.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]))
        if b"\r\nconnection: close" in lower:
            await self.end(writer)
        else:
            self.idle.append((reader, writer))
        return head[9:12]

    @staticmethod
    async def end(writer: asyncio.StreamWriter) -> None:
        """Close one, whatever the other side did."""
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One more connection."""
        self.connections += 1
        return await asyncio.open_connection("127.0.0.1", self.port)


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def main() -> None:
    """Read what is wanted, ask, write what came."""
    wanted: dict[str, Any] = json.load(sys.stdin)
    asker = Asker(wanted["port"], [text.encode() for text in wanted["requests"]], wanted["rate"])
    began, used = time.monotonic(), time.process_time()
    asyncio.run(asker.run(int(wanted["rate"] * wanted["seconds"])))
    seconds = time.monotonic() - began
    json.dump(
        {
            "answers": len(asker.waits),
            "answers_per_second": len(asker.waits) / seconds,
            **{f"p{share}_ms": percentile(asker.waits, share / 100) * 1000 for share in (50, 90, 99)},
            "slowest_ms": max(asker.waits, default=float("nan")) * 1000,
            "wrong": asker.wrong,
            "connections": asker.connections,
            "own_cpu": (time.process_time() - used) / seconds,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
