"""`manage.py demo load|remove`: the demo fleet."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from scanning.demo.load import load
from scanning.demo.remove import remove


class Command(BaseCommand):
    """Load or remove the demo fleet."""

    help = "Load or remove the demo fleet: invented images, teams and scan reports"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do."""
        parser.add_argument("action", choices=["load", "remove"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Both may be repeated without harm."""
        if options["action"] == "load":
            amount = load()
            self.stdout.write(f"demo fleet loaded ({amount} reports)" if amount else "the demo fleet is already there")
            return
        amounts = remove()
        text = ", ".join(f"{amount} {name}" for name, amount in amounts.items() if amount)
        self.stdout.write(f"demo fleet removed: {text}" if text else "there is no demo fleet")
