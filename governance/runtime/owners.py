"""Whose repositories are by rule: the first rule that fits decides, for everything that nobody gave by hand.

A rule fits by the repository's whole name, by a label of an image in it, or by the namespace that an image of it runs
in. What a person gave, and what came with a team's own token, is left alone: a rule must not take a repository from the
team whose CI reports on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import Max

from governance.accounts.audit import audit
from governance.accounts.models import Team
from governance.accounts.scope import Viewer, administers
from governance.images.matching import expression, like, with_registry
from governance.images.models import Event, OwnerRule

# What `governance.images.matching` says of a text.
FITS = "(({0}) LIKE rule.fits AND (rule.expression = '' OR ({0}) ~ rule.expression))"
# Rules in their order come as arrays, so that a preview asks of rules that are not stored.
DECIDE = f"""
WITH rule AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(labels)s::text[], %(likes)s::text[],
                         %(expressions)s::text[], %(teams)s::bigint[])
        WITH ORDINALITY AS rule(id, kind, label, fits, expression, team, place)
), decided AS (
    SELECT repository.id, registry.host || '/' || repository.name AS name, repository.owner_id, first.id AS rule,
           first.team
    FROM images_repository repository JOIN images_registry registry ON registry.id = repository.registry_id
    LEFT JOIN LATERAL (
        SELECT rule.id, rule.team FROM rule
        WHERE rule.kind = 'pattern' AND {FITS.format("registry.host || '/' || repository.name")}
           OR rule.kind = 'label' AND EXISTS (
               SELECT FROM images_placement placement JOIN images_imageconfig config USING (image_id)
               WHERE placement.repository_id = repository.id AND {FITS.format("config.labels ->> rule.label")})
           OR rule.kind = 'namespace' AND EXISTS (
               SELECT FROM images_placement placement
               JOIN runtime_running running ON running.image_id = placement.image_id AND running.stopped_at IS NULL
               JOIN runtime_workload workload ON workload.id = running.workload_id
               WHERE placement.repository_id = repository.id AND {FITS.format("workload.namespace")})
        ORDER BY rule.place LIMIT 1) first ON true
    WHERE repository.given_by = 'rule' OR repository.given_by = '' AND repository.owner_id IS NULL
)
SELECT id, name, owner_id, rule, team FROM decided WHERE owner_id IS DISTINCT FROM team ORDER BY name
"""  # noqa: S608 (no value is in it)
GIVE = """
UPDATE images_repository repository SET owner_id = change.team, owner_rule_id = change.rule,
    given_by = CASE WHEN change.team IS NULL THEN '' ELSE 'rule' END
FROM unnest(%(repositories)s::bigint[], %(rules)s::bigint[], %(teams)s::bigint[]) AS change(repository, rule, team)
WHERE repository.id = change.repository
"""
CARRY_OVER = """
UPDATE images_image image SET owners = fact.owners FROM (
    SELECT placement.image_id,
           coalesce(array_agg(DISTINCT repository.owner_id) FILTER (WHERE repository.owner_id IS NOT NULL),
                    array[]::bigint[]) AS owners
    FROM images_placement placement JOIN images_repository repository ON repository.id = placement.repository_id
    WHERE placement.image_id IN (
        SELECT image_id FROM images_placement WHERE repository_id = ANY(%(repositories)s)) GROUP BY 1
) fact WHERE image.id = fact.image_id
"""
NOTE = """
INSERT INTO images_event (image_id, kind, text)
SELECT placement.image_id, %(kind)s, left(change.name || ': from ' || coalesce(before.name, 'nobody') || ' to '
    || coalesce(after.name, 'nobody') || ' by rule', 500)
FROM unnest(%(repositories)s::bigint[], %(names)s::text[], %(owners)s::bigint[], %(teams)s::bigint[])
    AS change(repository, name, owner, team)
JOIN images_placement placement ON placement.repository_id = change.repository
LEFT JOIN accounts_team before ON before.id = change.owner LEFT JOIN accounts_team after ON after.id = change.team
"""
# What teams state of their images by VEX holds for others now.
RECOUNT = """
INSERT INTO findings_remerge (image_id)
SELECT DISTINCT image_id FROM images_placement WHERE repository_id = ANY(%(repositories)s)
   AND EXISTS (SELECT FROM findings_vexstatement WHERE is_current AND team IS NOT NULL)
ORDER BY image_id ON CONFLICT DO NOTHING
"""
LOCK = 0x70776F776E6572


@dataclass(frozen=True, slots=True)
class Change:
    """A repository that would get another owner, or did."""

    repository: int
    name: str
    owner: int | None
    rule: int | None
    team: int | None


def changes(rules: Sequence[OwnerRule]) -> list[Change]:
    """What would change if these were the rules, in this order."""
    patterns = [with_registry(rule.pattern) if rule.kind == OwnerRule.Kind.PATTERN else rule.pattern for rule in rules]
    arguments: dict[str, Any] = {
        "ids": [rule.pk for rule in rules],
        "kinds": [rule.kind for rule in rules],
        "labels": [rule.label for rule in rules],
        "likes": [like(pattern) for pattern in patterns],
        "expressions": [expression(pattern) for pattern in patterns],
        "teams": [rule.team_id for rule in rules],
    }
    with connection.cursor() as cursor:
        cursor.execute(DECIDE, arguments)
        return [Change(*row) for row in cursor.fetchall()]


@transaction.atomic
def apply_rules(viewer: Viewer | None = None) -> list[Change]:
    """Give every repository that the rules decide over to whom they say; returns what changed. Safe to run twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    found = changes(list(OwnerRule.objects.all()))
    if not found:
        return []
    arguments: dict[str, Any] = {
        "repositories": [one.repository for one in found],
        "names": [one.name for one in found],
        "owners": [one.owner for one in found],
        "rules": [one.rule for one in found],
        "teams": [one.team for one in found],
        "kind": Event.Kind.OWNED,
    }
    with connection.cursor() as cursor:
        for statement in (GIVE, CARRY_OVER, NOTE, RECOUNT):
            cursor.execute(statement, arguments)
    names = [one.name for one in found[:20]]
    audit(viewer, "repository.rules", "owner rules", after={"repositories": len(found), "among them": names})
    return found


def checked(viewer: Viewer | None, rule: OwnerRule) -> OwnerRule:
    """Only administrators, and only rules that can fit something."""
    if not administers(viewer):
        raise PermissionDenied("only administrators say whose repositories are")
    wrong = {}
    if rule.kind not in OwnerRule.Kind.values:
        wrong["kind"] = "That is no kind of rule."
    if not rule.pattern.strip():
        wrong["pattern"] = "Say what has to fit: * stands for anything."
    if (rule.kind == OwnerRule.Kind.LABEL) != bool(rule.label):
        wrong["label"] = "A rule by label names the label, and only such a rule does."
    if rule.label and not rule.label.startswith(OwnerRule.KNOWN_LABELS):
        wrong["label"] = f"Of an image's labels those that begin with {OwnerRule.KNOWN_LABELS} are kept."
    if wrong:
        raise ValidationError(wrong)
    return rule


def with_new(rule: OwnerRule, before: int | None = None) -> list[OwnerRule]:
    """The rules as they would be with this one, new or moved: before another rule, or last."""
    rules = list(OwnerRule.objects.select_related("team").exclude(pk=rule.pk))
    place = next((number for number, one in enumerate(rules) if one.pk == before), len(rules))
    return [*rules[:place], rule, *rules[place:]]


@transaction.atomic
def add_rule(viewer: Viewer | None, rule: OwnerRule, before: int | None = None) -> list[Change]:
    """Store it at its place, and give the repositories out anew; returns what changed."""
    checked(viewer, rule)
    rules = with_new(rule, before)
    rule.place = (OwnerRule.objects.aggregate(last=Max("place"))["last"] or 0) + 1
    rule.save()
    put_in_order(rules)
    audit(viewer, "owner rule.add", str(rule), team=rule.team_id, after=said(rule))
    return apply_rules(viewer)


@transaction.atomic
def move_rule(viewer: Viewer | None, rule: OwnerRule, before: int | None = None) -> list[Change]:
    """Ask it before another rule, or last, and give the repositories out anew; returns what changed."""
    if not administers(viewer):
        raise PermissionDenied("only administrators say whose repositories are")
    if before == rule.pk:
        raise ValidationError({"before": "A rule cannot be asked before itself."})
    put_in_order(with_new(rule, before))
    audit(viewer, "owner rule.move", str(rule), team=rule.team_id, after=said(rule) | {"before": before})
    return apply_rules(viewer)


def put_in_order(rules: Sequence[OwnerRule]) -> None:
    """Number them as they stand."""
    for number, one in enumerate(rules):
        OwnerRule.objects.filter(pk=one.pk).update(place=number)


@transaction.atomic
def remove_rule(viewer: Viewer | None, rule: OwnerRule) -> list[Change]:
    """Take it away; what it gave goes to the next rule that fits, or to nobody."""
    if not administers(viewer):
        raise PermissionDenied("only administrators say whose repositories are")
    audit(viewer, "owner rule.remove", str(rule), team=rule.team_id, before=said(rule))
    rule.delete()
    return apply_rules(viewer)


def said(rule: OwnerRule) -> dict[str, Any]:
    """A rule for the audit trail."""
    return {"kind": rule.kind, "label": rule.label, "pattern": rule.pattern, "team": rule.team.name}


def named(found: Sequence[Change]) -> list[tuple[Change, str, str]]:
    """[(change, owner now, owner then)] in words."""
    ids = {pk for one in found for pk in (one.owner, one.team) if pk}
    names = dict(Team.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [(one, names.get(one.owner or 0, "nobody"), names.get(one.team or 0, "nobody")) for one in found]
