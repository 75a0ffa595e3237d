"""`manage.py crawl [HOST]`: crawl registries now, in this process, until nothing is left to do."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.findings.state import settle
from scanning.connections import crawl_now
from scanning.crawl import work
from scanning.models import Connection


class Command(BaseCommand):
    """One line per registry; exit code 1 if anything could not be read."""

    help = "Crawl all connected registries, or one, now"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """All, or one by its host."""
        parser.add_argument("host", nargs="?", help="as references name it: registry.example:5000, docker.io")

    def handle(self, *args: Any, **options: Any) -> None:
        """What the images found teach of others is settled here, too."""
        rows = Connection.objects.select_related("registry").filter(is_enabled=True).order_by("registry__host")
        if options["host"]:
            rows = rows.filter(registry__host=options["host"])
        found = list(rows)
        if options["host"] and not found:
            raise CommandError(f"{options['host']} is not connected: add it in the pages, under Sources, Registries")
        bad = [row for row in found if not self.one(row)]
        settle(most=sys.maxsize)
        if bad:
            sys.exit(1)

    def one(self, row: Connection) -> bool:
        """Crawl one and say how it is."""
        crawl_now(None, row)
        while work(only=row.pk):
            pass
        row.refresh_from_db()
        crawls = row.crawls.filter(gone_at=None)
        bad = crawls.exclude(error="").count()
        unread = sum(crawls.values_list("unread", flat=True))
        tags = sum(crawls.values_list("tags_total", flat=True))
        self.stdout.write(
            f"{row}: {crawls.count()} repositories, {tags} tags"
            + (f", {bad} repositories and {unread} tags could not be read" if bad or unread else "")
            + (f"; {row.error}" if row.error else "")
        )
        return not (bad or row.error)
