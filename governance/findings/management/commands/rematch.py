"""`rematch`: match the packages of all images with the advisories that are loaded."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from governance.findings.osv.match import Matcher
from governance.findings.osv.rematch import spread, wait_all, waiting, work_off
from governance.findings.osv.store import unload
from governance.findings.state import settle

SECONDS = 10.0


class Command(BaseCommand):
    """Workers do this by themselves. May be stopped and run again; they carry on with what is left."""

    help = "Match the packages of all images with the advisories that are loaded (feeds osv-...)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What waits, or all of them."""
        parser.add_argument("--all", action="store_true", help="look at every image again, not only at those that wait")
        parser.add_argument("--forget", metavar="ECOSYSTEM", help="drop an ecosystem's advisories and what they found")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how far it is every ten seconds."""
        if options["forget"]:
            known = unload(options["forget"])
            self.stdout.write(f"{options['forget']}: {'forgotten' if known else 'there was nothing'}")
        if options["all"]:
            wait_all()
        spread()
        done, matcher = 0, Matcher()
        while more := work_off(SECONDS, matcher):
            done += more
            self.stdout.write(f"{done} images matched, {waiting()} wait")
        settle(sys.maxsize)
        self.stdout.write(f"matched: {done} images")
