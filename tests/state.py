"""The whole state of a database, in words that do not depend on the order in which rows were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections, transaction

from governance.findings.models import Advisory, Finding, FindingSet, Licence, LicenceSet, Package, PackageSet, Scan
from governance.findings.models_vex import VexRevocation, VexStatement
from governance.images.models import Image, Manifest, Placement, Tag
from scanning.deliveries import claim
from scanning.ingest import process
from scanning.models import Delivery

TABLES = (
    *(Image, Manifest, Placement, Tag, Scan, Finding, FindingSet, Package, PackageSet, Advisory, Delivery),
    *(VexStatement, VexRevocation, Licence, LicenceSet),
)
COUNTERS = ("state", "critical", "high", "medium", "low", "unknown", "fixable", "suppressed", "rank", "failed_stages")
COUNTERS += ("exploited", "epss", "risk", "end_of_life", "distro", "distro_version", "first_seen")


@contextmanager
def from_nothing() -> Iterator[None]:
    """All that is written inside is forgotten afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def everything_after(told: Iterable[Any]) -> dict[str, Any]:
    """The state that is reached when these are delivered one after the other, from nothing."""
    with from_nothing():
        for one in told:
            one.deliver()
        return everything()


def names_of(image: Image) -> str:
    """What identifies an image in every run."""
    if image.placeholder:
        return str(image.placeholder)
    digests = sorted(f"{row.digest} {row.kind}" for row in image.manifests.all())
    return f"{image.config_digest} {image.platform} {' '.join(digests)}"


def keys(ids: list[int]) -> list[str]:
    """Findings in words."""
    rows = Finding.objects.filter(pk__in=ids).values_list(
        "advisory__name", "package__name", "package__source_name", "severity", "fixed_version"
    )
    return sorted(map(str, rows))


def state_of(image: Image) -> dict[str, Any]:
    """All that pages and mails say of an image."""
    found = image.finding_set
    scans = Scan.objects.filter(image=image).select_related("finding_set", "package_set", "licence_set")
    return {
        **{name: getattr(image, name) for name in COUNTERS},
        "seen": (image.ci_at, image.registry_at, image.runtime_at),
        "findings": keys(found.findings) if found else None,
        "by_vex": keys(found.by_vex) if found else None,
        "disputes": {name: keys(ids) for name, ids in (found.disputes or {}).items()} if found else None,
        "packages": image.package_set and bytes(image.package_set.hash),
        "scans": sorted(
            (
                scan.scanner,
                scan.stage,
                str(scan.scanned_at),
                scan.outcome,
                scan.is_current,
                bytes(scan.finding_set.hash),
                bytes(scan.licence_set.hash) if scan.licence_set else b"",
            )
            for scan in scans
        ),
        "tags": sorted(
            (str(tag.repository), tag.name, str(tag.since), str(tag.until)) for tag in Tag.objects.filter(image=image)
        ),
        "superseded": image.superseded,
        # Without a repository any of its digests is shown.
        "shown": image.repository and (image.reference, str(image.repository), sorted(image.owners)),
        "places": sorted(str(place.repository) for place in image.placements.all()),
    }


def everything() -> dict[str, Any]:
    """The whole state."""
    images = {names_of(image): state_of(image) for image in Image.objects.present()}
    groups = sorted(Advisory.objects.values_list("name", "vulnerability__name", "vulnerability__severity"))
    said = VexStatement.objects.values_list(
        "issuer", "names", "status", "products", "component", "stated_at", "is_current"
    )
    return {"images": images, "groups": groups, "statements": sorted(map(str, said))}


def rows() -> dict[str, list[Any]]:
    """Every row of every table with the place it lies in: even a write of the same would move it."""
    found = {}
    with connection.cursor() as cursor:
        for model in TABLES:
            cursor.execute(f"SELECT ctid::text, id FROM {model._meta.db_table} ORDER BY id")  # noqa: S608
            found[model.__name__] = cursor.fetchall()
    return found


def drain() -> None:
    """What a worker does until nothing is due, on a thread of its own."""
    try:
        while True:
            held = claim()
            if held is not None:
                process(held)
            elif not Delivery.objects.filter(state__in=["received", "processing"]).exists():
                return
    finally:
        connections.close_all()


def empty() -> None:
    """Forget what was committed."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names() if name.startswith(("images_", "findings_"))]
        cursor.execute(f"TRUNCATE {', '.join([*tables, 'scanning_delivery'])} CASCADE")
