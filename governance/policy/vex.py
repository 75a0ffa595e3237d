"""OpenVEX out: what was decided of an image's findings, for other tools (openvex/spec 0.2.0).

What is not affected says so with its justification; an accepted risk is `affected`, with what was decided and until
when as its action: others must not read it as harmless.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from django.conf import settings
from django.db import connection
from django.utils import timezone

from governance.findings.models import Advisory, Finding
from governance.images.models import Image, Repository
from governance.policy.exempting import exempted_in
from governance.policy.models_exemption import Exemption
from governance.web.fields import unpack_digest

CONTEXT = "https://openvex.dev/ns/v0.2.0"
# More images of a repository than these, the newest, are in no document.
MOST_IMAGES = 200

NAMES = """
SELECT placement.image_id, registry.host || '/' || repository.name, manifest.digest
FROM images_placement placement JOIN images_repository repository ON repository.id = placement.repository_id
JOIN images_registry registry ON registry.id = repository.registry_id
JOIN images_manifest manifest ON manifest.image_id = placement.image_id
WHERE placement.image_id = ANY(%(images)s)
  AND (%(repository)s::bigint IS NULL OR repository.id = %(repository)s::bigint)
ORDER BY 1, 2, 3
"""


def document_of(images: Sequence[Image], repository: Repository | None = None, now: datetime | None = None) -> bytes:
    """The document on images (in one repository), as JSON; the same decisions give the same statements and `@id`."""
    at = now or timezone.now()
    statements = statements_of(images, repository, at.date())
    body = msgspec.json.encode(statements)
    said = {
        "@context": CONTEXT,
        "@id": f"{settings.BASE_URL}/openvex/{hashlib.sha256(body).hexdigest()}",
        "author": "Portwarden",
        "role": "Image governance",
        "timestamp": max((one["timestamp"] for one in statements), default=_written(at)),
        "version": 1,
        "tooling": "Portwarden",
        "statements": statements,
    }
    return msgspec.json.format(msgspec.json.encode(said), indent=2)


def images_of(repository: Repository) -> list[Image]:
    """The images that its tags name now, the newest first."""
    rows = Image.objects.present().filter(tags__repository=repository, tags__until=None)
    return list(rows.distinct().order_by("-pk")[:MOST_IMAGES])


def statements_of(images: Sequence[Image], repository: Repository | None, on: date) -> list[dict[str, Any]]:
    """One statement for each decision and vulnerability, on all images and packages that it concerns here."""
    exempted = exempted_in([image.pk for image in images], on)
    rows = Exemption.objects.in_bulk({int(one.source) for found in exempted.values() for one in found})
    aliases = _aliases({one.vulnerability for found in exempted.values() for one in found})
    names = _names([image.pk for image in images], repository)
    made: dict[tuple[int, int], dict[str, Any]] = {}
    for image in images:
        held = _held(image, {one.vulnerability for one in exempted.get(image.pk, ())})
        for one in sorted(exempted.get(image.pk, ()), key=lambda one: int(one.source)):
            parts = sorted(purl for name, purl in held.get(one.vulnerability, ()) if one.package in ("", name))
            if not parts or int(one.source) not in rows:
                continue
            key = int(one.source), one.vulnerability
            statement = made.setdefault(key, _statement(rows[key[0]], aliases[one.vulnerability]))
            parts_of = [{"@id": purl} for purl in dict.fromkeys(parts)]
            statement["products"] += [
                {**product, "subcomponents": parts_of} for product in names.get(image.pk, [_by_config(image)])
            ]
    return [made[key] for key in sorted(made)]


def _statement(row: Exemption, names: Sequence[str]) -> dict[str, Any]:
    vulnerability: dict[str, Any] = {"name": row.vulnerability}
    if others := [name for name in names if name != row.vulnerability]:
        vulnerability["aliases"] = others
    said: dict[str, Any] = {
        "vulnerability": vulnerability,
        "timestamp": _written(row.decided_at or row.asked_at),
        "products": [],
    }
    end = f"{row.reason.rstrip('.')}. Until {row.expires_on}, then it is looked at again."
    if row.kind == Exemption.Kind.NOT_AFFECTED:
        why = {"justification": row.justification, "impact_statement": end}
        return said | {"status": "not_affected", **why}
    return said | {"status": "affected", "action_statement": f"Risk accepted: {end}"}


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _aliases(groups: Iterable[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = Advisory.objects.filter(vulnerability__in=set(groups)).order_by("name")
    for group, name in rows.values_list("vulnerability", "name"):
        found[group].append(name)
    return found


def _held(image: Image, groups: set[int]) -> dict[int, list[tuple[str, str]]]:
    """{alias group: [(package's name, purl)]} of the findings that the image shows."""
    if image.finding_set is None or not groups:
        return {}
    rows = Finding.objects.filter(pk__in=image.finding_set.findings, advisory__vulnerability__in=groups)
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for row in rows.select_related("package", "advisory"):
        found[row.advisory.vulnerability_id].append((row.package.name, purl_of(row.package)))
    return found


def purl_of(package: Any) -> str:
    """The package as others name it (purl-spec); a type that nobody knows is `generic`."""
    path = "/".join(quote(part, safe=":") for part in (package.namespace, package.name) if part)
    version = f"@{quote(package.version, safe=':')}" if package.version else ""
    return f"pkg:{package.type or 'generic'}/{path}{version}"


def _names(images: Sequence[int], repository: Repository | None) -> dict[int, list[dict[str, Any]]]:
    """What others call each image: where it lies and by which digest."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(NAMES, {"images": list(images), "repository": repository.pk if repository else None})
        for image, name, packed in cursor.fetchall():
            digest = unpack_digest(packed)
            where = quote(name, safe="")
            purl = f"pkg:oci/{quote(name.rpartition('/')[2], safe='')}@{quote(digest, safe='')}?repository_url={where}"
            found[image].append({"@id": purl, "identifiers": {"purl": purl}})
    return found


def _by_config(image: Image) -> dict[str, Any]:
    return {"@id": image.config_digest or image.reference}
