"""`remerge`: merge the findings of every image that several scanners looked at once more."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from governance.findings.state import merge_all_again, settle_merges

SLICE = 500


class Command(BaseCommand):
    """For when `SCANNER_ORDER` was changed. May be stopped and run again; the workers carry on with what is left."""

    help = "Merge several scanners' findings again after SCANNER_ORDER was changed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Say how far it is after each slice."""
        total, done = merge_all_again(), 0
        while more := settle_merges(SLICE):
            done += more
            self.stdout.write(f"{done} of {total} images")
        self.stdout.write(f"merged again: {done} images")
