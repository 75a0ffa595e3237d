"""Whose things a digest is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

from django.urls import reverse

from governance.accounts.models import Team, User
from governance.accounts.scope import teams_of
from governance.briefings.models import Channel, Subscription

# Images that count: what runs, or a tag still names. `%(teams)s` is null for everything.
LIVE = (
    "image.merged_into_id IS NULL AND (NOT image.superseded OR image.running > 0)"
    " AND (%(teams)s::bigint[] IS NULL OR image.owners && %(teams)s::bigint[])"
)

# What agents tell to run now.
RUNNING = LIVE.replace("(NOT image.superseded OR image.running > 0)", "image.running > 0")


@dataclass(frozen=True, slots=True)
class Scope:
    """`teams` None is everything; `picked` is what `team=` says in links; `viewer` sees what the reader sees."""

    teams: list[int] | None
    picked: str
    viewer: User
    now: datetime
    memory: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def once[T](self, name: str, ask: Callable[[], T]) -> T:
        """What several sections ask is asked once."""
        if name not in self.memory:
            self.memory[name] = ask()
        return cast("T", self.memory[name])

    @property
    def arguments(self) -> dict[str, Any]:
        """For statements."""
        return {"teams": self.teams, "now": self.now}

    def link(self, page: str, *args: Any, **query: Any) -> str:
        """The address of a list, narrowed to the reader's things."""
        said = [(name, value) for name, value in query.items() if value not in (None, "")]
        if self.picked:
            said.append(("team", self.picked))
        return reverse(page, args=args) + (f"?{urlencode(said, doseq=True)}" if said else "")


def scope_of(reader: Subscription | Channel, now: datetime) -> Scope:
    """A person reads about their teams, or everything where they see everything; an address or chat about its team."""
    if isinstance(reader, Subscription) and reader.person:
        teams = teams_of(reader.person)
        return Scope(None if teams is None else sorted(teams), "" if teams is None else "mine", reader.person, now)
    if reader.team:
        return Scope([reader.team.pk], str(reader.team.pk), stand_in(reader.team), now)
    return Scope(None, "", User(username="everybody", role=User.Role.AUDITOR), now)


def stand_in(team: Team) -> User:
    """Somebody who is in this team and nowhere else: what the readers of its address see."""
    somebody = User(username=f"team {team.pk}", role=User.Role.MEMBER)
    somebody.held_roles = {team.pk: (team.name, "viewer")}
    return somebody
