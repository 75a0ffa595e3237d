"""`manage.py policy apply|diff FILE`, `policy export`: policies as YAML."""

from __future__ import annotations

import difflib
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from governance.policy.document import BadPolicy, PolicyDocument
from governance.policy.models import Policy
from governance.policy.services import Change, apply_policies, difference
from governance.policy.written import MOST_BYTES, read_policies, write_policies


class Command(BaseCommand):
    """Policies in and out."""

    help = "Apply policies from a YAML file, show what that would change, or write all of them out"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Three verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, text in (("apply", "make the policies be as the file says"), ("diff", "show what would change")):
            one = verbs.add_parser(verb, help=text)
            one.add_argument("file", help="a YAML file, - for standard input")
            one.add_argument("--prune", action="store_true", help="policies that the file does not name go")
        export = verbs.add_parser("export", help="write policies to standard output")
        export.add_argument("names", nargs="*", help="all, if none is named")

    def handle(self, *args: Any, **options: Any) -> None:
        """`diff` exits with 1 where something would change, as diff does."""
        if options["verb"] == "export":
            return self.export(options["names"])
        try:
            wanted = read_policies(_read(options["file"]))
            do = apply_policies if options["verb"] == "apply" else _difference
            changes = do(None, wanted, options["prune"])
        except (BadPolicy, OSError) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        if options["verb"] == "apply":
            for change in changes:
                self.stdout.write(f"{change.action} {change.name}")
            return None
        self.stdout.write("".join(line for change in changes for line in _lines(change)), ending="")
        if any(change.action != "keep" for change in changes):
            sys.exit(1)
        return None

    def export(self, names: list[str]) -> None:
        """YAML that `apply` takes."""
        rows = Policy.objects.filter(name__in=names) if names else Policy.objects.all()
        if missing := sorted(set(names) - {row.name for row in rows}):
            raise CommandError(f"there is no policy {', '.join(missing)}")
        self.stdout.write(write_policies(row.read() for row in rows), ending="")


def _read(file: str) -> str:
    """The text, no more of it than is read."""
    if file == "-":
        return sys.stdin.read(MOST_BYTES + 1)
    with Path(file).open(encoding="utf-8", errors="replace") as stream:
        return stream.read(MOST_BYTES + 1)


def _difference(_: None, wanted: list[PolicyDocument], prune: bool) -> list[Change]:
    return difference(wanted, prune)


def _lines(change: Change) -> Iterator[str]:
    before, after = (
        write_policies([one]).splitlines(keepends=True) if one else [] for one in (change.before, change.after)
    )
    return difflib.unified_diff(before, after, f"{change.name} (in force)", f"{change.name} (file)")
