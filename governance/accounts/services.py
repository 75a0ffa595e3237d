"""The verbs of tokens: make, find, revoke."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import Model, Q
from django.db.models.functions import Now
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.models import Membership, Team, Token, User
from governance.accounts.scope import Viewer
from governance.web.plans import kept_plans

PREFIX = "pw_"
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9._-]+)*(/\*)?")
# `last_used_at` is for people; a write per request would cost more than it tells.
LAST_USED_STEP = timedelta(minutes=5)


def token_hash(secret: str) -> bytes:
    """SHA-256; the secret has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


@transaction.atomic
def create_token(
    viewer: Viewer | None,
    name: str,
    scope: str,
    team: Team | None = None,
    days: int | None = None,
    repository: str = "",
) -> tuple[Token, str]:
    """Make a token; returns it and its secret, which is shown once and stored nowhere.

    `repository` is the only one that a token of scope ingest speaks for, as references name it; with `/*` at its end
    those below it.

    `viewer` None is the command line. Raises `PermissionDenied` where the maker may not give this scope or team, and
    `ValidationError` for a wrong name or scope.
    """
    if scope not in Token.Scope.values:
        raise ValidationError({"scope": f"scope must be one of {', '.join(Token.Scope.values)}"})
    if not name.strip() or len(name) > 100:
        raise ValidationError({"name": "a token needs a name of at most 100 characters"})
    repository = repository.strip()
    if repository and (scope != Token.Scope.INGEST or not REPOSITORY.fullmatch(repository) or len(repository) > 255):
        text = "a token that sends may be bound to a repository, like registry.example/shop/api or registry.example/*"
        raise ValidationError({"repository": text})
    if viewer is not None and not may_give(viewer, scope, team):
        raise PermissionDenied("you may only make tokens for teams you administer, and not with the scope admin")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        name=name.strip(),
        scope=scope,
        team=team,
        repository=repository,
        maker=viewer if isinstance(viewer, User) else None,
        hash=token_hash(secret),
        prefix=secret[:10],
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    after = {"scope": scope, "team": team.name if team else None, "days": days, "repository": repository}
    audit(viewer, "token.create", f"token {token.pk} {token.name}", team=token.team_id, after=after)
    return token, secret


def may_give(viewer: Viewer, scope: str, team: Team | None) -> bool:
    """A token may not do more than its maker: administrators any, team administrators for their team."""
    if isinstance(viewer, Token):
        own = viewer.team_id is None or (team is not None and team.pk == viewer.team_id)
        return viewer.scope == Token.Scope.ADMIN and own
    if not isinstance(viewer, User):
        return False
    if viewer.is_admin:
        return True
    is_team_admin = Membership.objects.filter(user=viewer, team=team, role=Membership.Role.ADMIN).exists()
    return team is not None and scope != Token.Scope.ADMIN and is_team_admin


@transaction.atomic
def revoke_token(viewer: Viewer | None, token: Token) -> Token:
    """End a token at once; doing so again changes nothing."""
    if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()):
        audit(viewer, "token.revoke", f"token {token.pk} {token.name}", team=token.team_id)
    token.refresh_from_db()
    return token


def _columns(model: type[Model], alias: str) -> str:
    return ", ".join(f"{alias}.{field.column}" for field in model._meta.concrete_fields)


# `Token.objects.usable()` with maker and team. Each request of a machine begins with it, and to have it written anew by
# the ORM takes longer than all that a gate looks up.
USABLE = f"""
SELECT {_columns(Token, "token")}, {_columns(User, "maker")}, {_columns(Team, "team")}
FROM accounts_token token LEFT JOIN accounts_user maker ON maker.id = token.maker_id
LEFT JOIN accounts_team team ON team.id = token.team_id
WHERE token.hash = %s AND token.revoked_at IS NULL
  AND (token.expires_at IS NULL OR token.expires_at > statement_timestamp())
  AND (token.maker_id IS NULL OR maker.is_active)
"""  # noqa: S608 (names of columns)


def _by_hash(digest: bytes) -> Token | None:
    with connection.cursor() as cursor:
        cursor.execute(USABLE, [digest])
        row = cursor.fetchone()
    if row is None:
        return None
    made: list[Any] = []
    for model in (Token, User, Team):
        names = [field.attname for field in model._meta.concrete_fields]
        made.append(model.from_db(connection.alias, names, row[: len(names)]) if row[0] is not None else None)
        row = row[len(names) :]
    token: Token = made[0]
    token.maker, token.team = made[1:]
    return token


@kept_plans()
def find_token(secret: str) -> Token | None:
    """The usable token with this secret. One made by a person who may no longer give its scope is not usable."""
    token = _by_hash(token_hash(secret))
    if token is None or (token.maker and not may_give(token.maker, token.scope, token.team)):
        return None
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - LAST_USED_STEP:
        long_ago = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_STEP)
        Token.objects.filter(long_ago, pk=token.pk).update(last_used_at=now)
    return token
