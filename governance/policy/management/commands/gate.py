"""`manage.py gate IMAGE`: what a gate answers, as JSON on standard output."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from governance.policy.document import STAGES
from governance.policy.gate import ask_gate, resource


class Command(BaseCommand):
    """Ask the gate."""

    help = "The verdict on an image (digest or reference); exit 0 for pass and warn, 1 for fail, 2 for unknown"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The contract's words."""
        parser.add_argument("image")
        parser.add_argument("--stage", default="ci", choices=STAGES)

    def handle(self, *args: Any, **options: Any) -> None:
        """One JSON object."""
        said = ask_gate(None, options["image"], options["stage"], "command")
        self.stdout.write(json.dumps(resource(said), cls=DjangoJSONEncoder))
        if said.verdict in ("fail", "unknown"):
            sys.exit(1 if said.verdict == "fail" else 2)
