"""Which image is it that a runtime speaks of? Told to the rest of Portwarden once for each thing that is said.

What a runtime says of an image is kept like the report of a scanner that looked at nothing: where it gave only a
repository digest, which may be that of a manifest or of an index, it is looked at again with every other report when
more is learned. Who runs the image follows (`governance.runtime.counts`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from governance.findings.models import AGENT
from governance.findings.record import Arrival, identified, record_report
from governance.findings.report import ImageFacts, ImageScan, Outcome, ScanReport
from governance.images.clean import clean_digest, clean_scan_time
from governance.images.identity import read_digests
from governance.images.names import find_repositories
from governance.images.reference import Reference, parse_reference
from governance.runtime.models import Sighting
from governance.runtime.snapshot import Container, ImageSaid

# Images in one transaction: a first snapshot may name thousands, and others wait for their locks.
AT_ONCE = 25
MOST_LAYERS = 200


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of one image, and when it was so."""

    facts: ImageFacts
    at: datetime
    key: bytes


def statement_of(said: ImageSaid, used: Container, allowed: set[str], received: datetime) -> Statement | None:
    """What a container says of its image; None where that names nothing.

    A name with a tag counts only where there is no repository digest: the tag may have moved on since the container
    was started. `allowed` are the repositories that the sender may speak for.
    """
    at, _ = clean_scan_time(used.started_at, received)
    repos = tuple(text for text in said.repo_digests[:20] if _name(text) in allowed)
    # Without a name where it may not be used; a bare digest would be read as a name with a tag.
    digests = tuple(f"@{digest}" for digest in read_digests(said.repo_digests[:20]))
    asked = parse_reference(used.image)
    named = asked is not None and not repos and not asked.digest and asked.name in allowed
    facts = ImageFacts(
        references=(used.image,) if named else (),
        config_digest=clean_digest(said.config_digest),
        manifest_digest=clean_digest(said.manifest_digest),
        repo_digests=tuple(dict.fromkeys([*repos, *digests])),
        os=said.os,
        architecture=said.architecture,
        variant=said.variant,
        created=said.created,
        size=said.size,
        diff_ids=_layers(said.diff_ids),
    )
    if not (facts.config_digest or facts.manifest_digest or digests or named):
        return None
    # The time matters only where a tag is to be looked up.
    moment = at.isoformat() if named else ""
    key = hashlib.sha256(msgspec.json.encode([facts, moment])).digest()[:16]
    return Statement(facts, at, key)


def _name(text: str) -> str:
    """`host/repository` of a repository digest."""
    found = parse_reference(text)
    return found.name if found else ""


def _layers(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """All of them, or none where one is no digest: the ones above would stand on the wrong ground."""
    read = [clean_digest(word) for word in diff_ids]
    return tuple(read) if read and all(read) and len(read) <= MOST_LAYERS else ()


def allowed_names(images: Sequence[ImageSaid], containers: Sequence[Container], team: int | None) -> set[str]:
    """Repositories that the sender may put images into: for a team's agent, all but those of other teams.

    Whoever runs an image of another team's is told by its digest all the same.
    """
    texts = [text for said in images for text in said.repo_digests[:20]]
    texts += [container.image for container in containers]
    found = {ref.name: ref for ref in map(parse_reference, dict.fromkeys(texts)) if ref}
    if team is None:
        return set(found)
    known = find_repositories(list(found.values()))
    return {name for name in found if name not in known or known[name].owner in (None, team)}


def sightings_of(statements: Sequence[Statement], arrival: Arrival) -> dict[bytes, int]:
    """{key: its `Sighting`}; what was never said before is recorded, some at a time, each time in a transaction."""
    wanted = {one.key: one for one in statements}
    known = dict(Sighting.objects.filter(key__in=list(wanted)).values_list("key", "pk"))
    found = {bytes(key): pk for key, pk in known.items()}
    missing = sorted(wanted.keys() - found.keys())
    for start in range(0, len(missing), AT_ONCE):
        found |= _record([wanted[key] for key in missing[start : start + AT_ONCE]], arrival)
    return found


@transaction.atomic
def _record(statements: Sequence[Statement], arrival: Arrival) -> dict[bytes, int]:
    """Have them looked at like a report of so many images."""
    scans = [
        ImageScan(image=one.facts, outcome=Outcome.UNASSESSED, scanner=AGENT, scanned_at=one.at) for one in statements
    ]
    report = ScanReport(AGENT, AGENT, tuple(scans))
    keys = {id(scan): one.key for scan, one in zip(scans, statements, strict=True)}
    named = [keys[id(scan)] for scan, _ in identified(report, arrival)]
    recorded = record_report(report, arrival)
    rows: list[dict[str, Any]] = [{"key": key, "scan_id": one.scan} for key, one in zip(named, recorded, strict=True)]
    made = Sighting.objects.bulk_create(
        [Sighting(**row) for row in rows], update_conflicts=True, unique_fields=["key"], update_fields=["scan"]
    )
    return {bytes(row.key): row.pk for row in made}


def tags_asked(containers: Sequence[Container]) -> dict[str, tuple[Reference, int | None]]:
    """{image as it was asked for: its reference, and the repository where that is known}, those with a tag alone."""
    read = {text: parse_reference(text) for text in dict.fromkeys(container.image for container in containers)}
    named = {text: ref for text, ref in read.items() if ref and not ref.digest}
    known = find_repositories(list(named.values()))
    return {text: (ref, known[ref.name].id if ref.name in known else None) for text, ref in named.items()}
