"""`manage.py audit verify`: is the audit trail whole?"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.accounts.audit import broken_entries
from governance.accounts.models import AuditEntry


class Command(BaseCommand):
    """Walk the chain and compare every hash."""

    help = "Verify the hash chain of the audit trail"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One action so far."""
        parser.add_argument("action", choices=["verify"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 1 where an entry was altered or taken out."""
        broken = list(broken_entries())
        if broken:
            raise CommandError(f"the audit trail is broken at {len(broken)} entries, first at {broken[0]}")
        self.stdout.write(f"{AuditEntry.objects.count()} entries, whole")
