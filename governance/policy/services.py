"""The verbs of policies: save one, delete one, apply a whole file; each with its audit entry and a new round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.utils import timezone

from governance.accounts.audit import actor_name, audit
from governance.accounts.models import Membership, Team, User
from governance.accounts.scope import Viewer, administers
from governance.policy.document import PolicyDocument, plain
from governance.policy.models import Policy
from governance.policy.work import begin_round

LOCK = 0x70775F706F6C6963
MOST_POLICIES = 200


@dataclass(frozen=True, slots=True)
class Change:
    """What applying a document would do: `create`, `change`, `keep` or `delete`."""

    action: str
    name: str
    before: PolicyDocument | None = None
    after: PolicyDocument | None = None


def may_change(viewer: Viewer | None, teams: Sequence[int]) -> bool:
    """Administrators; a policy for teams alone also who administers each of them."""
    if administers(viewer):
        return True
    return bool(teams) and all(administers(viewer, team) for team in Team.objects.filter(pk__in=teams))


def may_write(viewer: Viewer | None) -> bool:
    """Whether there is any policy that they may make: administrators, also of one team alone."""
    if administers(viewer):
        return True
    if not isinstance(viewer, User) or not viewer.is_active:
        return False
    return Membership.objects.filter(user=viewer, role=Membership.Role.ADMIN).exists()


@transaction.atomic
def save_policy(viewer: Viewer | None, document: PolicyDocument, reason: str = "", replaces: str = "") -> Policy:
    """Make a policy, or change the one of that name (or of the name that it `replaces`); what is the same stays.

    Raises `PermissionDenied` and `ValidationError`.
    """
    _alone()
    known = Policy.objects.filter(name=replaces or document.name).first()
    teams = teams_named(document)
    if not may_change(viewer, teams) or (known and not may_change(viewer, known.teams)):
        raise PermissionDenied("only administrators change policies; a team's own administrators those for it alone")
    if document.name != (known.name if known else "") and Policy.objects.filter(name=document.name).exists():
        raise ValidationError({"name": "Another policy has this name."})
    if known is None and Policy.objects.count() >= MOST_POLICIES:
        raise ValidationError(f"There are {MOST_POLICIES} policies: delete one first.")
    before = known.document if known else None
    if known and before == plain(document):
        return known
    policy = known or Policy(version=0)
    policy.name, policy.document, policy.is_active = document.name, plain(document), document.active
    policy.teams, policy.version, policy.changed_at = teams, policy.version + 1, timezone.now()
    policy.changed_by = actor_name(viewer)
    policy.save()
    team = teams[0] if len(teams) == 1 else None
    action = "policy.change" if known else "policy.create"
    on = f"policy {policy.pk} {policy.name}"
    audit(viewer, action, on, team=team, before=before, after=policy.document, reason=reason[:500])
    begin_round(f"policy {policy.name} {'changed' if known else 'is new'}")
    return policy


@transaction.atomic
def delete_policy(viewer: Viewer | None, policy: Policy, reason: str = "") -> None:
    """Delete it. Raises `PermissionDenied`."""
    _alone()
    policy = Policy.objects.get(pk=policy.pk)
    if not may_change(viewer, policy.teams):
        raise PermissionDenied("only administrators delete policies; a team's own administrators those for it alone")
    team = policy.teams[0] if len(policy.teams) == 1 else None
    on = f"policy {policy.pk} {policy.name}"
    audit(viewer, "policy.delete", on, team=team, before=policy.document, reason=reason[:500])
    policy.delete()
    begin_round(f"policy {policy.name} was deleted")


def difference(wanted: Sequence[PolicyDocument], prune: bool = False) -> list[Change]:
    """What applying these would do; with `prune`, policies that are not among them would go."""
    known = {policy.name: policy.read() for policy in Policy.objects.all()}
    changes = []
    for document in wanted:
        before = known.pop(document.name, None)
        action = "create" if before is None else "keep" if before == document else "change"
        changes.append(Change(action, document.name, before, document))
    if prune:
        changes += [Change("delete", name, before) for name, before in known.items()]
    return sorted(changes, key=lambda change: change.name)


@transaction.atomic
def apply_policies(viewer: Viewer | None, wanted: Sequence[PolicyDocument], prune: bool = False) -> list[Change]:
    """Make the policies be these, all or none; returns what was done."""
    changes = difference(wanted, prune)
    for change in changes:
        if change.after is not None and change.action != "keep":
            save_policy(viewer, change.after)
        elif change.action == "delete":
            delete_policy(viewer, Policy.objects.get(name=change.name))
    return changes


def teams_named(document: PolicyDocument) -> list[int]:
    """Ids of the teams of its scope. Raises `ValidationError` for names that are no team's."""
    known = dict(Team.objects.filter(name__in=document.scope.teams).values_list("name", "pk"))
    if missing := sorted(set(document.scope.teams) - known.keys()):
        raise ValidationError({"teams": f"There is no team {', '.join(missing[:5])}."})
    return sorted(known.values())


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
