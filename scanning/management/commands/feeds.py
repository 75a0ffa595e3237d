"""`manage.py feeds [NAME] [--file PATH]`: fetch feeds now, or take one from a file where there is no network."""

from __future__ import annotations

import math
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.findings.enrichment import look_again
from governance.findings.osv.rematch import work_off
from governance.findings.state import settle
from governance.findings.weigh import settle_weights
from scanning.feeds import FEEDS, Feed, FeedError, find
from scanning.refresh import refresh, start_with_built_in, state_of, take_file, wanted_feeds


class Command(BaseCommand):
    """One line per feed; exit code 1 if any could not be read."""

    help = "Fetch feeds (EPSS, known exploited, end of life, OSV) now, or take one from a file"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """All feeds, one, or one from a file."""
        parser.add_argument("name", nargs="?", choices=[feed.NAME for feed in FEEDS])
        parser.add_argument("--file", type=Path, help="take the feed from this file; - for standard input")
        parser.add_argument("--force", action="store_true", help="also where the file is older or much shorter")
        parser.add_argument("--built-in", action="store_true", help="only what ships with Portwarden, where nothing is")

    def handle(self, *args: Any, **options: Any) -> None:
        """Feeds change counters; what stands in line because of it is done here, too."""
        chosen = [find(options["name"])] if options["name"] else wanted_feeds()
        if options["file"] and not options["name"]:
            raise CommandError("Say which feed the file is of: manage.py feeds NAME --file PATH")
        for feed in chosen:
            start_with_built_in(feed)
        if options["built_in"]:
            return
        failed = [feed for feed in chosen if not self.one(feed, options["file"], options["force"])]
        if matched := work_off(math.inf):
            self.stdout.write(f"matched with advisories: {matched} images")
        settle(sys.maxsize)
        settle_weights(sys.maxsize)
        look_again()
        if failed:
            sys.exit(1)

    def one(self, feed: Feed, path: Path | None, force: bool) -> bool:
        """Fetch or take one feed and say what came of it."""
        error = ""
        if path is None:
            error = refresh(feed)
        else:
            try:
                if path == Path("-"):
                    take_file(feed, sys.stdin.buffer, "standard input", force)
                else:
                    with path.open("rb") as file:
                        take_file(feed, file, str(path.absolute()), force)
            except (FeedError, OSError) as trouble:
                error = str(trouble)
        state = state_of(feed)
        about = f"{state.rows} rows of {state.feed_date:%Y-%m-%d}" if state.feed_date else f"{state.rows} rows"
        self.stdout.write(f"{feed.NAME}: {about}" + (f"; {error}" if error else ""))
        return not error
