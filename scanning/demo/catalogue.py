"""Catalogue rows that only the demo fleet used: finding sets, findings, packages, advisories, layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from governance.findings.models import Advisory, Finding, Licence, Package, Scan, Vulnerability
from governance.findings.split import prune_splits
from governance.images.models import Image


@dataclass(frozen=True, slots=True)
class Rows:
    """What scans and images use. Nothing of it is deleted that anything else uses too."""

    finding_sets: list[int]
    package_sets: list[int]
    licence_sets: list[int]
    layers: list[int]


ANCESTORS = """
WITH RECURSIVE below AS (
    SELECT id, parent_id FROM images_layernode WHERE id = ANY(%s)
    UNION
    SELECT node.id, node.parent_id FROM images_layernode node JOIN below ON node.id = below.parent_id
)
SELECT id FROM below
"""
# A set that an image had between two scans is held by nothing any more: such leavings are found by their findings.
SETS = """
DELETE FROM findings_findingset s
WHERE (id = ANY(%(sets)s) OR findings && %(findings)s::int[])
  AND NOT EXISTS (SELECT FROM findings_scan WHERE finding_set_id = s.id)
  AND NOT EXISTS (SELECT FROM images_image WHERE finding_set_id = s.id)
  AND NOT EXISTS (SELECT FROM findings_findingsplit WHERE s.id IN (finding_set_id, base_set_id))
"""
PACKAGE_SETS = """
DELETE FROM findings_packageset s WHERE id = ANY(%s)
  AND NOT EXISTS (SELECT FROM findings_scan WHERE package_set_id = s.id)
  AND NOT EXISTS (SELECT FROM images_image WHERE package_set_id = s.id)
  AND NOT EXISTS (SELECT FROM findings_findingsplit WHERE package_set_id = s.id)
"""
LICENCE_SETS = """
DELETE FROM findings_licenceset s WHERE id = ANY(%s)
  AND NOT EXISTS (SELECT FROM findings_scan WHERE licence_set_id = s.id)
"""
LICENCES_IN = "SELECT DISTINCT unnest(licences) FROM findings_licenceset WHERE id = ANY(%s)"
LICENCES_USED = "SELECT DISTINCT used FROM findings_licenceset, unnest(licences) used WHERE used = ANY(%s)"
FINDINGS_IN = "SELECT DISTINCT unnest(findings || suppressed) FROM findings_findingset WHERE id = ANY(%s)"
FINDINGS_USED = """
SELECT DISTINCT used FROM findings_findingset, unnest(findings || suppressed) used
WHERE (findings && %(ids)s::int[] OR suppressed && %(ids)s::int[]) AND used = ANY(%(ids)s::int[])
"""
PACKAGES_IN = "SELECT DISTINCT unnest(packages) FROM findings_packageset WHERE id = ANY(%s)"
PACKAGES_USED = """
SELECT DISTINCT used FROM findings_packageset, unnest(packages) used
WHERE packages && %(ids)s::int[] AND used = ANY(%(ids)s::int[])
"""
# Top layers first: a node with children is somebody's base.
LAYERS = """
DELETE FROM images_layernode node WHERE id = ANY(%s)
  AND NOT EXISTS (SELECT FROM images_layernode child WHERE child.parent_id = node.id)
  AND NOT EXISTS (SELECT FROM images_image WHERE top_layer_id = node.id)
"""


def read(scans: QuerySet[Scan], images: QuerySet[Image]) -> Rows:
    """The sets and layers that these scans and images use."""
    finding_sets = _numbers(scans, "finding_set_id") | _numbers(images, "finding_set_id")
    package_sets = _numbers(scans, "package_set_id") | _numbers(images, "package_set_id")
    licence_sets, tops = _numbers(scans, "licence_set_id"), _numbers(images, "top_layer_id")
    layers = _column(ANCESTORS, [sorted(tops)])
    return Rows(sorted(finding_sets), sorted(package_sets), sorted(licence_sets), sorted(layers))


def _numbers(rows: QuerySet[Scan] | QuerySet[Image], name: str) -> set[int]:
    return set(rows.exclude(**{name: None}).values_list(name, flat=True).distinct())


def _column(statement: str, arguments: list[Any] | dict[str, Any]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return {int(row[0]) for row in cursor.fetchall()}


def _run(statement: str, arguments: list[Any] | dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return int(cursor.rowcount)


def remove(rows: Rows) -> dict[str, int]:
    """Delete what nothing else uses, from sets down to packages; returns how many of each kind."""
    findings = _column(FINDINGS_IN, [rows.finding_sets])
    packages = _column(PACKAGES_IN, [rows.package_sets])
    prune_splits()
    _run(SETS, {"sets": rows.finding_sets, "findings": sorted(findings)})
    _run(PACKAGE_SETS, [rows.package_sets])
    licences = _column(LICENCES_IN, [rows.licence_sets])
    _run(LICENCE_SETS, [rows.licence_sets])
    Licence.objects.filter(pk__in=licences - _column(LICENCES_USED, [sorted(licences)])).delete()
    while _run(LAYERS, [rows.layers]):
        pass
    unused = findings - _column(FINDINGS_USED, {"ids": sorted(findings)})
    packages |= set(Package.objects.filter(findings__in=unused).values_list("pk", flat=True))
    groups = list(Vulnerability.objects.filter(advisories__findings__in=unused).distinct().values_list("pk", flat=True))
    gone = {"findings": Finding.objects.filter(pk__in=unused).delete()[0]}
    gone["vulnerabilities"] = _vulnerabilities(groups)
    packages -= _column(PACKAGES_USED, {"ids": sorted(packages)})
    gone["packages"] = Package.objects.filter(pk__in=packages, findings=None).delete()[0]
    return gone


def _vulnerabilities(groups: Iterable[int]) -> int:
    """Alias groups of which no name has a finding any more."""
    told = Advisory.objects.exclude(findings=None).values("vulnerability")
    rows = Vulnerability.objects.filter(pk__in=groups).exclude(pk__in=told)
    gone = list(rows.values_list("pk", flat=True))
    Advisory.objects.filter(vulnerability__in=gone).delete()
    return Vulnerability.objects.filter(pk__in=gone).delete()[1].get("findings.Vulnerability", 0)
