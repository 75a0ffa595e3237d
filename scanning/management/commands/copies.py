"""`manage.py copies`: make, verify and restore kept copies that are due, in the foreground."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models.functions import Now

from governance.approvals.models import KeptCopy
from scanning import copies

BAD = (KeptCopy.State.FAILED, KeptCopy.State.MISSING, KeptCopy.State.DIFFERS)


class Command(BaseCommand):
    """Until nothing is due; exit code 1 if a copy is not whole."""

    help = "Make, verify and restore kept copies that are due"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--all` looks at those that are not due, too."""
        parser.add_argument("--all", action="store_true", help="all copies now, reading every byte back")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until there is nothing to do, and say how each is."""
        if options["all"]:
            KeptCopy.objects.update(next_at=Now(), read_at=None)
        while copies.work():
            pass
        rows = list(KeptCopy.objects.select_related("registry").order_by("pk"))
        for row in rows:
            self.stdout.write(f"{row.get_state_display()}\t{row.internal}\t{row.error}")
        if bad := sum(row.state in BAD for row in rows):
            raise CommandError(f"{bad} of {len(rows)} copies are not whole")
