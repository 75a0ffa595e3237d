"""`manage.py approved check Dockerfile…` and `manage.py approved export DIR`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.approvals.check import Answer, check_dockerfile, verdict_on
from governance.approvals.dockerfile import LONGEST, Unreadable
from governance.approvals.enforcers import ENFORCERS
from governance.approvals.judgement import Verdict
from governance.approvals.rules import current_list


class Command(BaseCommand):
    """Exit code of `check`: 1 where a line is denied, unknown or unreadable; warnings alone are 0."""

    help = "Check Dockerfiles against the approved list, or write the list for other programs into a directory"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Two verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        check = verbs.add_parser("check", help="judge every image that Dockerfiles take")
        check.add_argument("files", nargs="+", type=Path, metavar="Dockerfile")
        check.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
        export = verbs.add_parser("export", help="write every format into a directory")
        export.add_argument("directory", type=Path)
        for verb in (check, export):
            verb.add_argument("--on", type=date.fromisoformat, help="as it will stand on this day (YYYY-MM-DD)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say one line per finding, or per file."""
        if options["verb"] == "export":
            self.export(options["directory"], options["on"])
            return
        pairs = (word.partition("=") for word in options["build_arg"])
        given = {name: value for name, _, value in pairs}
        fine = [self.judge(path, given, options["on"]) for path in options["files"]]
        if not all(fine):
            sys.exit(1)

    def judge(self, path: Path, given: dict[str, str], on: date | None) -> bool:
        """Judge one file; False where something is denied or unknown."""
        try:
            with path.open("rb") as file:
                text = file.read(4 * LONGEST + 1).decode(errors="replace")
            answers = check_dockerfile(text, given, on)
        except (OSError, Unreadable) as error:
            self.stdout.write(f"{path}: unknown: {error}")
            return False
        for one in answers:
            self.stdout.write(self.line(path, one))
        return verdict_on(answers) in (Verdict.ALLOW, Verdict.WARN)

    def line(self, path: Path, one: Answer) -> str:
        """`file:line: verdict: what is written: why; use …`, the way compilers say it."""
        instead = f" FROM {one.said.replacement}" if one.said.replacement else ""
        return (
            f"{path}:{one.taken.line}: {one.said.verdict}: {one.taken.written}: {' '.join(one.said.reasons)}{instead}"
        )

    def export(self, directory: Path, on: date | None) -> None:
        """Each file is put in its place whole, so that nobody reads half a list."""
        approved = current_list(on)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for enforcer in ENFORCERS:
                fresh = directory / f".{enforcer.FILE}.new"
                fresh.write_text(enforcer.write(approved))
                fresh.replace(directory / enforcer.FILE)
                self.stdout.write(str(directory / enforcer.FILE))
        except OSError as error:
            raise CommandError(f"{directory}: {error}") from error
