"""Which findings are exempted in which images on a day: from scopes and names, by sets, each time anew.

Nothing is written on findings: a new tag, a rebuild, another base, a merged image or a merged alias group has at once
what its scope has, and on the day of its end nothing has to happen for a finding to count again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from governance.approvals.users import repository_of
from governance.images.models import Image
from governance.policy.known import Exempted, Facts
from governance.policy.models_exemption import Exemption

Scope = Exemption.Scope

# Every exemption in force, with the alias group that its name is in now.
IN_FORCE = """
SELECT exemption.id, exemption.scope, advisory.vulnerability_id, exemption.package,
       coalesce(image.merged_into_id, exemption.image_id), exemption.repository_id, exemption.team_id,
       registry.host || '/' || repository.name
FROM policy_exemption exemption JOIN findings_advisory advisory ON advisory.name = exemption.vulnerability
LEFT JOIN images_image image ON image.id = exemption.image_id
LEFT JOIN images_repository repository ON repository.id = exemption.repository_id
LEFT JOIN images_registry registry ON registry.id = repository.registry_id
WHERE exemption.state = 'granted' AND exemption.expires_on > %s
"""
OWNED = "SELECT id, unnest(owners) FROM images_image WHERE id = ANY(%(images)s)"
PLACED = """
SELECT image_id, repository_id FROM images_placement WHERE image_id = ANY(%(images)s)
  AND repository_id = ANY(%(repositories)s)
"""
# What an image stands on, itself included, and in which of these repositories that lies or lay.
STANDS_ON = """
WITH RECURSIVE up AS (
    SELECT id AS root, id FROM images_image WHERE id = ANY(%(images)s)
  UNION
    SELECT up.root, image.base_id FROM up JOIN images_image image ON image.id = up.id WHERE image.base_id IS NOT NULL
)
SELECT up.root, placement.repository_id FROM up JOIN images_placement placement ON placement.image_id = up.id
WHERE placement.repository_id = ANY(%(repositories)s)
"""
NAMED = """
WITH RECURSIVE up AS (
    SELECT id AS root, id FROM images_image WHERE id = ANY(%(images)s)
  UNION
    SELECT up.root, image.base_id FROM up JOIN images_image image ON image.id = up.id WHERE image.base_id IS NOT NULL
)
SELECT up.root, image.base_name FROM up JOIN images_image image ON image.id = up.id WHERE image.base_name <> ''
"""


def exempted_in(images: Collection[int], day: date) -> Mapping[int, frozenset[Exempted]]:
    """{image: what is exempted in it}; images in which nothing is are left out."""
    with connection.cursor() as cursor:
        cursor.execute(IN_FORCE, [day])
        rows = cursor.fetchall()
    if not rows:
        return {}
    by_scope: dict[str, dict[Any, set[Exempted]]] = defaultdict(lambda: defaultdict(set))
    names: dict[str, int] = {}
    for pk, scope, group, package, image, repository, team, name in rows:
        key = {"image": image, "team": team, "everywhere": 0}.get(scope, repository)
        by_scope[scope][key].add(Exempted(group, package, str(pk)))
        names |= {name: repository} if scope == Scope.BASE else {}
    found: dict[int, set[Exempted]] = defaultdict(set)
    for scope, image, key in _held(by_scope, names, sorted(set(images))):
        found[image] |= by_scope[scope].get(key, set())
    return {image: frozenset(exempted) for image, exempted in found.items() if exempted}


def _held(
    by_scope: Mapping[str, Mapping[Any, set[Exempted]]], names: Mapping[str, int], images: list[int]
) -> Iterable[tuple[str, int, Any]]:
    """(scope, image, what of that scope it belongs to), one statement for each scope that is in use."""
    yield from ((scope, image, 0) for scope in ("everywhere",) if scope in by_scope for image in images)
    yield from (("image", image, image) for image in images if "image" in by_scope)
    statements = {"team": (OWNED,), "repository": (PLACED,), "base": (STANDS_ON, NAMED)}
    with connection.cursor() as cursor:
        for scope, wanted in statements.items():
            for statement in wanted if scope in by_scope else ():
                cursor.execute(statement, {"images": images, "repositories": sorted(by_scope[scope])})
                for image, key in cursor.fetchall():
                    yield scope, image, names.get(repository_of(key)) if statement is NAMED else key


def exempted_lines(facts: Facts) -> int:
    """How many of its lines (a vulnerability in a package at a version) are exempted, whatever any policy says."""
    if not facts.exempted or facts.findings is None:
        return 0
    aside = {(one.vulnerability, one.package) for one in facts.exempted}
    keys = {facts.findings.lines[pk].key for pk in facts.findings.ids}
    return sum(1 for group, package, _ in keys if {(group, package), (group, "")} & aside)


# An image and what it is built on, at any depth, for statements on one image.
CHAIN = """
chain AS (
    SELECT id, base_id, base_name, owners, 0 AS depth FROM images_image WHERE id = %(image)s
  UNION ALL
    SELECT base.id, base.base_id, base.base_name, base.owners, chain.depth + 1
    FROM chain JOIN images_image base ON base.id = chain.base_id WHERE chain.depth < 40
)"""
# What `exempted_in` finds for many images, as a condition on the exemptions of one (with `JOINED`).
JOINED = """
policy_exemption exemption LEFT JOIN images_image image ON image.id = exemption.image_id
LEFT JOIN images_repository repository ON repository.id = exemption.repository_id
LEFT JOIN images_registry registry ON registry.id = repository.registry_id"""
IN_SCOPE = """
CASE exemption.scope
    WHEN 'everywhere' THEN true
    WHEN 'image' THEN %(image)s IN (exemption.image_id, image.merged_into_id)
    WHEN 'team' THEN EXISTS (SELECT FROM chain WHERE depth = 0 AND exemption.team_id = ANY(owners))
    WHEN 'repository' THEN EXISTS (SELECT FROM images_placement place
        WHERE place.image_id = %(image)s AND place.repository_id = exemption.repository_id)
    ELSE EXISTS (SELECT FROM chain JOIN images_placement place ON place.image_id = chain.id
                 WHERE place.repository_id = exemption.repository_id)
      OR EXISTS (SELECT FROM chain WHERE base_name = registry.host || '/' || repository.name
                    OR starts_with(base_name, registry.host || '/' || repository.name || ':')
                    OR starts_with(base_name, registry.host || '/' || repository.name || '@'))
END"""
OF_FINDINGS = f"""
WITH RECURSIVE {CHAIN}
SELECT exemption.*, array_agg(DISTINCT finding.id) AS findings FROM {JOINED}
JOIN findings_advisory named ON named.name = exemption.vulnerability
JOIN findings_advisory said ON said.vulnerability_id = named.vulnerability_id
JOIN findings_finding finding ON finding.advisory_id = said.id AND finding.id = ANY(%(findings)s)
JOIN findings_package package ON package.id = finding.package_id AND exemption.package IN ('', package.name)
WHERE exemption.state = 'granted' AND exemption.expires_on > %(day)s AND {IN_SCOPE}
GROUP BY exemption.id ORDER BY exemption.id
"""  # noqa: S608 (texts of ours)


def exemptions_of(image: int, findings: Collection[int], day: date) -> dict[int, list[Exemption]]:
    """{finding: the exemptions that set it aside in this image}, of these findings; one statement."""
    found: dict[int, list[Exemption]] = defaultdict(list)
    if findings:
        for row in Exemption.objects.raw(OF_FINDINGS, {"image": image, "findings": sorted(findings), "day": day}):
            for finding in vars(row)["findings"]:
                found[finding].append(row)
    return dict(found)


# What is built on images of a repository, at any depth.
BUILT_ON = """
WITH RECURSIVE down AS (
    SELECT image_id AS id FROM images_placement WHERE repository_id = %(repository)s
  UNION
    SELECT image.id FROM down JOIN images_image image ON image.base_id = down.id
)
SELECT id FROM down
"""


def images_in_scope(exemption: Exemption) -> QuerySet[Image]:
    """The images that it holds for, whether they have the finding or not."""
    rows = Image.objects.present()
    if exemption.scope == Scope.IMAGE:
        return rows.filter(Q(pk=exemption.image_id) | Q(merged=exemption.image_id))
    if exemption.scope == Scope.TEAM:
        return rows.filter(owners__contains=[exemption.team_id])
    if exemption.scope == Scope.REPOSITORY:
        return rows.filter(placements__repository=exemption.repository_id)
    if exemption.scope == Scope.BASE:
        with connection.cursor() as cursor:
            cursor.execute(BUILT_ON, {"repository": exemption.repository_id})
            ids = [pk for (pk,) in cursor.fetchall()]
        named = f"{exemption.repository}"
        by_name = Q(base_name__startswith=f"{named}:") | Q(base_name__startswith=f"{named}@") | Q(base_name=named)
        return rows.filter(Q(pk__in=ids) | by_name)
    return rows


HELD = """
SELECT DISTINCT finding.id FROM findings_advisory said
JOIN findings_advisory advisory ON advisory.vulnerability_id = said.vulnerability_id
JOIN findings_finding finding ON finding.advisory_id = advisory.id
JOIN findings_package package ON package.id = finding.package_id
WHERE said.name = %(vulnerability)s AND %(package)s IN ('', package.name)
"""


def images_concerned(exemption: Exemption) -> QuerySet[Image]:
    """Of those the ones that have the finding, counted or not: what changes if it is granted."""
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"vulnerability": exemption.vulnerability, "package": exemption.package})
        findings = [pk for (pk,) in cursor.fetchall()]
    return images_in_scope(exemption).filter(finding_set__findings__overlap=findings)
