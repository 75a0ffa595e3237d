"""The supervisor with a tiny product: one program that answers /readyz, one that has a child of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from governance.local.datadir import DataDirectory
from governance.local.instance import options
from governance.local.problem import Problem, say
from governance.local.process import Pause, Program
from governance.local.up import Parts, up

SERVE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# The child ignores everything but SIGKILL, as a stuck task would.
FAMILY = """
import os, signal, sys, time
if os.fork() == 0:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
time.sleep(600)
"""


def prepare(data: DataDirectory, demo: bool, environment: Mapping[str, str], pause: Pause) -> None:
    """Nothing to prepare."""


def programs(data: DataDirectory, port: int, environment: Mapping[str, str]) -> list[Program]:
    """Name the two programs; the data directory in their arguments lets a test find them."""
    server = [sys.executable, "-c", SERVE, str(port), str(data.root)]
    family = [sys.executable, "-c", FAMILY, str(data.root)]
    return [
        Program("web", server, data.log("web"), environment, patience=5.0),
        Program("family", family, data.log("family"), environment, patience=5.0),
    ]


if __name__ == "__main__":
    try:
        sys.exit(up(options(os.environ), Parts(prepare, programs)))
    except Problem as problem:
        say(str(problem))
        sys.exit(1)
