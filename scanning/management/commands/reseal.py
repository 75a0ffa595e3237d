"""`manage.py reseal`: encrypt all stored credentials with the newest key, so that earlier keys can be put away."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.briefings.chats import reseal_chats
from governance.web.vault import NoKey
from scanning.connections import reseal
from scanning.pushing import reseal_push


class Command(BaseCommand):
    """Says how many were changed."""

    help = "Encrypt stored credentials with the newest ENCRYPTION_KEY"

    def handle(self, *args: Any, **options: Any) -> None:
        """All of them, or an error that names what is missing."""
        try:
            self.stdout.write(f"{reseal() + reseal_push() + reseal_chats()} credentials are encrypted anew")
        except NoKey as error:
            raise CommandError(str(error)) from error
