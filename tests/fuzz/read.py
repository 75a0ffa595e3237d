"""Read cases in a process limited as a worker is: `python -m tests.fuzz.read SEED FIRST STOP MEGABYTES [FILE]`.

Prints one JSON object a failure. FILE holds the number of the case it is at, for when it dies or takes too long.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import traceback
from pathlib import Path

import msgspec

from governance.findings.report import ReportError, ScanReport
from scanning.parsers import parse
from scanning.parsers.document import open_document
from tests.fuzz.mutate import Case, case

# Of processor time; a case is a few hundred kilobytes at most and takes milliseconds.
SECONDS = 20.0
WRITTEN = msgspec.json.Decoder(ScanReport)


def read(one: Case) -> str:
    """What is wrong with the way this case ended; "" if nothing is."""
    try:
        report = parse(open_document(one.body))
    except ReportError as refused:
        return "" if str(refused).strip() else "refused without a reason"
    # Whatever a parser was given, what it returns is of the types it promises, and text that UTF-8 can hold.
    WRITTEN.decode(msgspec.json.encode(report))
    return ""


def failure_of(one: Case) -> str:
    """The same, with any other exception as text."""
    try:
        return read(one)
    except Exception:  # noqa: BLE001 (every one is a finding)
        return traceback.format_exc(limit=-6)


def main(seed: int, first: int, stop: int, megabytes: int) -> int:
    """Exit 0 if all ended well."""
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    at = Path(sys.argv[5]) if len(sys.argv) > 5 else None
    failed = 0
    for number in range(first, stop):
        one = case(seed, number)
        if at:
            at.write_text(str(number))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        wrong = failure_of(one)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if wrong:
            failed += 1
            print(
                json.dumps({"case": one.name, "parser": one.parser, "source": one.source, "wrong": wrong}), flush=True
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:5])))
