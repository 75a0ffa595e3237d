"""`manage.py ingest FILE...`: the same road as over HTTP, in this process."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from governance.findings.models import Scan
from scanning.body import Refused, receive
from scanning.deliveries import Envelope, accept, claim
from scanning.ingest import process
from scanning.models import Delivery
from scanning.parsers import PARSERS
from scanning.summary import report_resource


class Command(BaseCommand):
    """Ingest report files; one JSON object per file on standard output."""

    help = "Ingest report files in process; prints one JSON object per file"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The contract's words."""
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument("--image", default="", help="the image's reference")
        parser.add_argument("--subject", default="", help="the host, cluster, project or account of a benchmark")
        parser.add_argument("--stage", default="ci", choices=Scan.Stage.values)
        parser.add_argument("--format", default="", choices=["", *(parser.NAME for parser in PARSERS)])

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit 0 if all were processed, 1 if any was quarantined or refused."""
        said = {name: options[name] for name in ("image", "stage", "format", "subject")}
        envelope = Envelope(None, **said)
        resources = [self.take(path, envelope) for path in options["files"]]
        if any(resource["state"] != "processed" for resource in resources):
            sys.exit(1)

    def take(self, path: Path, envelope: Envelope) -> dict[str, Any]:
        """One file to its resource."""
        resource: dict[str, Any]
        try:
            with path.open("rb") as file:
                body = receive(file)
            pk, duplicate = accept(body, envelope, ring=False)
        except (OSError, Refused) as error:
            resource = {"id": None, "state": "quarantined", "error": f"{path}: {error}"}
        else:
            # Nothing is claimed where a worker was faster, or where it is a duplicate.
            while (held := claim(pk)) is not None:
                process(held)
            resource = report_resource(Delivery.objects.get(pk=pk), duplicate)
        self.stdout.write(json.dumps(resource, cls=DjangoJSONEncoder))
        return resource
