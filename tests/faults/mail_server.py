"""A mail server in a process of its own: `python -m tests.faults.mail_server PORT DIRECTORY`.

Each mail it was given whole, up to the dot, is a file before it answers. Files tell it how to behave, and go then:
`drop` hangs up instead of answering, `hold` answers only when that file is gone.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

NUMBERS = count(1)
# This mailbox never gets an answer.
CURSED = "cursed@example.org"


class Inbox:
    """What aiosmtpd asks."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        unfinished = self.directory / "unfinished"
        unfinished.write_bytes(content)
        unfinished.rename(self.directory / f"{next(NUMBERS):04}.eml")
        while (self.directory / "hold").exists():
            await asyncio.sleep(0.02)
        if envelope.rcpt_tos == [CURSED] or self.take("drop"):
            assert server.transport is not None
            server.transport.abort()
        return "250 taken"

    def take(self, name: str) -> bool:
        """Whether the file was there."""
        try:
            (self.directory / name).unlink()
        except FileNotFoundError:
            return False
        return True


async def serve(port: int, directory: Path) -> None:
    """Until it is killed."""
    inbox = Inbox(directory)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(inbox, hostname="mail.example"), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
