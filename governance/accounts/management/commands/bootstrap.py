"""`manage.py bootstrap`: the first administrator and the first CI token, printed once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from governance.accounts.models import Token, User
from governance.accounts.people import create_person
from governance.accounts.services import create_token


class Command(BaseCommand):
    """Harmless to run again: does nothing once there is a person."""

    help = "Create the first administrator and a CI token, and print both once"

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was made."""
        if User.objects.exists():
            return
        _, password = create_person(None, "admin", User.Role.ADMIN)
        _, secret = create_token(None, "first CI token", Token.Scope.INGEST)
        self.stdout.write(f"administrator: admin / {password}   (shown once)")
        self.stdout.write(f"CI token: {secret}   (shown once)")
