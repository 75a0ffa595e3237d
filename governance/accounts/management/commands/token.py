"""`manage.py token create NAME --scope ingest|read|agent|admin`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from governance.accounts.models import Team, Token
from governance.accounts.services import create_token, revoke_token


class Command(BaseCommand):
    """Create, list and revoke tokens."""

    help = "Create, list or revoke machine tokens"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The contract's words."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="print a new token, once")
        create.add_argument("name")
        create.add_argument("--scope", required=True, choices=Token.Scope.values)
        create.add_argument("--team", help="bind the token to this team's repositories")
        create.add_argument("--repository", default="", help="the only repository that it may send reports of")
        create.add_argument("--days", type=int, help="days until it expires (default: never)")
        actions.add_parser("list", help="list tokens")
        revoke = actions.add_parser("revoke", help="end a token at once")
        revoke.add_argument("id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one action."""
        if options["action"] == "create":
            self.create(options)
        elif options["action"] == "list":
            for token in Token.objects.select_related("team"):
                self.stdout.write(f"{token.pk}\t{token.prefix}…\t{token.scope}\t{token.state}\t{token.name}")
        else:
            found = Token.objects.filter(pk=options["id"]).first()
            if found is None:
                raise CommandError(f"there is no token {options['id']}")
            revoke_token(None, found)

    def create(self, options: dict[str, Any]) -> None:
        """Print the token alone on its line."""
        team = None
        if options["team"]:
            team = Team.objects.filter(name=options["team"]).first()
            if team is None:
                raise CommandError(f"there is no team called {options['team']!r}")
        try:
            _, secret = create_token(
                None, options["name"], options["scope"], team, options["days"], options["repository"]
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(secret)
