"""`python -m tests.scanning.crawler HOST`: crawls in a child for each line it reads, and says how the child ended.

A line is a failpoint (`scanning.failpoints`), `after SECONDS` to kill the child then, or empty. The start of Python and
Django is paid once for all of them.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import django
from django.core.management import call_command

django.setup()

from scanning import crawl as crawling  # noqa: E402
from scanning import failpoints  # noqa: E402
from scanning.management.commands import crawl  # noqa: E402, F401 (loaded before the children part)

# Several watermarks in a pass of few tags.
crawling.BATCH = 4


def child(host: str, point: str) -> None:
    failpoints.POINTS.update(failpoints._read(point))
    code = 0
    try:
        call_command("crawl", host, stdout=sys.stderr)
    except SystemExit as end:
        code = int(end.code or 0)
    os._exit(code)


def main(host: str) -> None:
    for line in sys.stdin:
        word, _, seconds = line.strip().partition(" ")
        if not (process := os.fork()):
            child(host, "" if seconds else word)
        if seconds:
            time.sleep(float(seconds))
            os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
