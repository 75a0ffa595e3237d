"""A report becomes rows: identity, findings, the scan, the image's counters. One transaction, the caller's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

from governance.findings.adopt import readopt
from governance.findings.describe import describe, system_of, told_by
from governance.findings.licence_sets import store_licence_set
from governance.findings.models import AGENT, OSV, Scan
from governance.findings.record_checks import store_checks
from governance.findings.regroup import is_shared, loose_facts, regroup
from governance.findings.report import ImageFacts, ImageScan, Kind, Outcome, ScanReport
from governance.findings.sets import Contents, contents, store_finding_set, store_package_set
from governance.findings.sources import Sender, introduce
from governance.findings.state import choose_current, refresh
from governance.findings.vex_apply import image_was_named
from governance.images.claims import queue
from governance.images.clean import clean_architecture, clean_digest, clean_scan_time, clean_text
from governance.images.identity import (
    Facts,
    Resolved,
    lock,
    read_digests,
    read_references,
    record_digests,
    resolve,
)
from governance.images.locks import lock_images
from governance.images.models import Image, LineageWork
from governance.images.names import NotYours, place, rename, repositories
from governance.images.reference import Reference
from governance.images.tags import EXTEND, Name, Sighting, observe_tag, tags_of

LAYERS = LineageWork.Spread.LAYERS


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a report came from and when.

    `reference` is the image's name and `subject` that of a benchmark's subject, as the sender gave them beside it.
    """

    delivery: int
    received_at: datetime
    stage: str
    reference: str = ""
    team: int | None = None
    is_demo: bool = False
    subject: str = ""
    token: int | None = None
    sender: str = "command line"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One image of the report as it is now known.

    `is_news`: it may concern other images, too. `waits`: its packages wait to be matched with advisories.
    """

    image: int
    scan: int
    is_news: bool
    waits: bool = False


def record_report(report: ScanReport, arrival: Arrival) -> list[Recorded]:
    """Record every image of the report that it identifies; returns what was recorded.

    Raises `NotYours` where the sender's team may not speak for a repository.
    """
    known = identified(report, arrival)
    if not known:
        return []
    lock([facts for _, facts in known])
    return [_record(scan, facts, _spoken(scan, report), arrival) for scan, facts in known]


def identified(report: ScanReport, arrival: Arrival) -> list[tuple[ImageScan, Facts]]:
    """The report's images that any digest or name identifies, with these facts; an event is no scan of its images."""
    if report.kind == Kind.EVENT:
        return []
    pairs = [(scan, _facts(scan, _spoken(scan, report), arrival)) for scan in report.images]
    return [(scan, facts) for scan, facts in pairs if facts.all_digests or facts.tags]


def _spoken(scan: ImageScan, report: ScanReport) -> ScanReport:
    """The report as if only that scan's scanner had written it, where it holds the results of several."""
    if not scan.scanner:
        return report
    own = {"scanner": scan.scanner, "scanner_version": scan.scanner_version}
    return msgspec.structs.replace(report, **own, scanned_at=scan.scanned_at or report.scanned_at)


def _facts(scan: ImageScan, report: ScanReport, arrival: Arrival) -> Facts:
    at, _ = clean_scan_time(report.scanned_at, arrival.received_at)
    return facts_of(scan.image, report, arrival, at)


def reasons_of(report: ScanReport, arrival: Arrival) -> list[str]:
    """Sentences on what was understood otherwise than the sender may think."""
    reasons = list(report.notes)
    if clean_scan_time(report.scanned_at, arrival.received_at)[1]:
        reasons.append("the report's time lies in the future and was set back to its arrival")
    if report.kind == Kind.EVENT:
        return [*reasons, "an event is no scan: it was kept, and changes no image"]
    nameless = len(report.images) - len(identified(report, arrival))
    if nameless or not (report.images or report.benchmarks or report.statements):
        # Not quarantined: a scan of a source tree is a valid document, it only says nothing about an image.
        whole = nameless == len(report.images)
        said = "the report names" if whole else f"{nameless} of its scans {'names' if nameless == 1 else 'name'}"
        reasons.append(f"{said} no image: send it with ?image=REFERENCE to record it on that image")
    return reasons


def facts_of(image: ImageFacts, report: ScanReport, arrival: Arrival, at: datetime) -> Facts:
    """Clean what the report says of the image's identity; the sender's reference is one more."""
    alone = len(report.images) == 1
    names = (arrival.reference, *image.references) if alone else image.references
    references = read_references(names)
    digests = read_digests([*image.repo_digests, *(ref.digest for ref in references if ref.digest)])
    repos = read_references(image.repo_digests)
    config, manifest = clean_digest(image.config_digest), clean_digest(image.manifest_digest)
    return Facts(
        source=f"{report.scanner} {'config' if image.config_proven else 'image ID'}"[:60],
        at=at,
        config="" if config in (manifest, *digests) else config,
        config_proven=image.config_proven,
        manifest=manifest,
        digests=digests,
        references=tuple(dict.fromkeys([*references, *repos])),
        os=clean_text(image.os, 30),
        architecture=clean_architecture(image.architecture),
        variant=clean_text(image.variant, 30),
        team=arrival.team,
        is_demo=arrival.is_demo,
    )


def _record(scan: ImageScan, facts: Facts, report: ScanReport, arrival: Arrival) -> Recorded:
    found = resolve(facts)
    facts = found.facts
    if found.identified_by in ("tag", "reference"):
        # What a digest names is locked already.
        lock_images([found.image])
    details = contents(scan.matches, scan.suppressed, scan.packages, scan.image.diff_ids)
    scanner = scanner_of(report)
    before = _before(found.image, (scanner, arrival.stage, scan.image), details, facts)
    if facts.team is not None and before.owners and facts.team not in before.owners:
        _claim(facts)
    moved, adopted = _identify(found, scan.image, facts, before)
    finding_set = before.finding_set or store_finding_set(details, facts.at)
    package_set = before.package_set or (store_package_set(details) if details.places else None)
    row = {
        "image": found.image,
        "scanner": scanner,
        "version": clean_text(report.scanner_version, 60),
        "stage": arrival.stage,
        "outcome": scan.outcome,
        "error": clean_text(scan.error, 500),
        "at": facts.at,
        "received": arrival.received_at,
        "delivery": arrival.delivery,
        "finding_set": finding_set,
        "package_set": package_set,
        "licence_set": before.licence_set or store_licence_set(details),
        **system_of(scan.image),
        "inventory": scan.inventory,
        "checks": sum(1 for check in scan.checks if check.result in ("fail", "warn")),
        "identified_by": found.identified_by,
        "named": facts.placeholders[0] if found.identified_by in ("tag", "reference") else "",
        "loose": Jsonb(loose) if (loose := loose_facts(facts)) else None,
        # Stretches of tags that were seen to hold once more; what else the report says of tags `_identify` has written.
        "tags": [row[3] for row in before.tags] if before.placed else [],
        "sender": arrival.sender,
    }
    same = before.is_same(row) and not moved and not found.is_open
    first = before.current is None and not adopted
    pk, source = _insert_same(row) if same else _insert(row, current=first)
    if source is None and scanner != AGENT:
        sender = Sender(arrival.sender, arrival.token, arrival.is_demo)
        Scan.objects.filter(pk=pk).update(source=introduce(sender, scanner, arrival.stage))
    waits = False
    if found.is_open:
        found.image, waits = _settled(pk, found, facts)
    elif not same:
        if not first:
            choose_current([found.image])
        waits = refresh([found.image])
    elif before.relates or found.learned:
        image_was_named(found.image, facts)
    store_checks(pk, scan)
    is_news = not same or before.finding_set is None or before.relates or found.learned
    return Recorded(found.image, pk, is_news, waits)


def scanner_of(report: ScanReport) -> str:
    """The scanner's name. Nobody speaks in the name of our own matching, or of agents."""
    name = clean_text(report.scanner, 40)
    return f"{name} (report)" if name == OSV or (name == AGENT and report.format != AGENT) else name


def _settled(scan: int, found: Resolved, facts: Facts) -> tuple[int, bool]:
    """Several records have a claim to what the report names: the image of this scan once they were looked at.

    And whether any of them waits to be matched with advisories.
    """
    waits = regroup(found.image)
    image = Scan.objects.select_related("image").get(pk=scan).image
    if facts.team is not None and image.owners and facts.team not in image.owners:
        _claim(facts)
    return image.pk, waits


def _claim(facts: Facts) -> None:
    """A team's token may speak for another team's image only if it also lies in a repository of its own."""
    if not facts.references:
        raise NotYours("this image belongs to another team than this token's")
    repositories(facts.references, facts.team, facts.is_demo)


@dataclass(slots=True)
class Before:
    """What is already there, in one look."""

    owners: list[int]
    finding_set: int | None
    package_set: int | None
    licence_set: int | None
    # When the current scan of the key was made; outcome, finding set, package set, system, and if by a name alone.
    current: tuple[datetime, list[Any]] | None
    tags: list[tuple[str, str, str, int]]  # tags that point to the image now: host, repository, name, tag id
    placed: bool
    details: bool
    state: str
    named: bool  # scans elsewhere, or a record, that only one of the report's names led to

    relates: bool = False  # the report adds something that its base, or whose base it is, may rest on

    def is_same(self, row: dict[str, Any]) -> bool:
        """A newer scan of the same key that saw exactly the same: counters and state stay as they are."""
        if self.current is None or self.state in (Image.State.STALE, Image.State.FAILED):
            return False
        at, said = self.current
        keys = ("outcome", "finding_set", "package_set", "distro", "version_of_distro", "ended")
        unchanged = said == [*(row[key] for key in keys), bool(row["named"])]
        return unchanged and row["outcome"] == Outcome.ASSESSED and at < row["at"]


BEFORE = """
SELECT image.owners, CASE WHEN cardinality(image.failed_stages) > 0 THEN 'failed' ELSE image.state END,
  (image.top_layer_id IS NOT NULL OR %(layers)s = 0)
    AND (image.built_at IS NOT NULL OR %(built_at)s::timestamptz IS NULL)
    AND (NOT %(configured)s OR EXISTS (SELECT FROM images_imageconfig WHERE image_id = image.id)),
  (SELECT id FROM findings_findingset WHERE hash = %(findings)s),
  (SELECT id FROM findings_packageset WHERE hash = %(packages)s),
  (SELECT id FROM findings_licenceset WHERE hash = %(licences)s),
  (SELECT json_build_array(scan.outcome, scan.finding_set_id, scan.package_set_id, scan.distro, scan.distro_version,
      scan.end_of_life, scan.named <> '') FROM findings_scan scan
    WHERE scan.image_id = image.id AND scan.scanner = %(scanner)s AND scan.stage = %(stage)s AND scan.is_current),
  (SELECT scanned_at FROM findings_scan scan WHERE scan.image_id = image.id AND scan.scanner = %(scanner)s
      AND scan.stage = %(stage)s AND scan.is_current),
  (SELECT json_agg(json_build_array(registry.host, repository.name, tag.name, tag.id))
     FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
     JOIN images_registry registry ON registry.id = repository.registry_id
    WHERE (registry.host, repository.name, tag.name) IN
          (SELECT * FROM unnest(%(hosts)s::text[], %(repositories)s::text[], %(tags)s::text[]))
      AND tag.image_id = image.id AND tag.until IS NULL AND tag.since <= %(at)s),
  EXISTS (SELECT FROM findings_scan WHERE named = ANY(%(names)s::text[]) AND named <> '' AND image_id <> image.id)
    OR EXISTS (SELECT FROM images_image WHERE placeholder = ANY(%(names)s::text[]))
FROM images_image image WHERE image.id = %(image)s
"""


def _before(image: int, key: tuple[str, str, ImageFacts], details: Contents, facts: Facts) -> Before:
    tags = facts.tags
    scanner, stage, image_facts = key
    with connection.cursor() as cursor:
        cursor.execute(
            BEFORE,
            {
                "image": image,
                "scanner": scanner,
                "stage": stage,
                "findings": details.finding_hash,
                "packages": details.package_hash,
                "licences": details.licence_hash,
                **told_by(image_facts),
                "hosts": [tag.host for tag in tags],
                "repositories": [tag.repository for tag in tags],
                "tags": [tag.tag for tag in tags],
                "names": facts.placeholders,
                "at": facts.at,
            },
        )
        owners, state, is_known, finding_set, package_set, licences, current, at, known, named = cursor.fetchone()
    scan = (at, current) if current else None
    seen = [tuple(row) for row in known or []]
    placed = len(seen) == len(tags) and {(r.host, r.repository) for r in facts.references} <= {row[:2] for row in seen}
    return Before(owners, finding_set, package_set, licences, scan, seen, placed, is_known, state, named)


def _identify(found: Resolved, image: ImageFacts, facts: Facts, before: Before) -> tuple[bool, bool]:
    """Write down what the report adds to the identity.

    Whether anything changed that the counters rest on, and whether scans came or went.
    """
    news = record_digests(found.image, facts, found.known_digests)
    described = not before.details or found.created
    if described:
        describe(found.image, image, facts.at)
    if (news and not found.created) or found.learned:
        found.is_open = found.is_open or is_shared(found.image)
    if described or news or not before.placed:
        # Its base, and whose base it is, follow after the report (`lineage.settle_lineage`).
        queue([found.image], LAYERS if described else LineageWork.Spread.CLAIMS)
        before.relates = True
    # When it was built decides which scans made before it was first seen may be of it.
    tags = set(tags_of(found.image)) if described and image.created and not found.created else set()
    if before.placed and not found.created:
        adopted = _adopt(found.image, tags)
        return described or adopted, adopted
    by_name = repositories(facts.references, facts.team, facts.is_demo)
    place(found.image, by_name.values(), facts.at, is_sure=bool(facts.config))
    if found.identified_by not in ("tag", "reference"):
        platform = "/".join(word for word in found.platform if word)
        for tag in facts.tags:
            observe_tag(Sighting(Name(by_name[tag.name], tag.tag, platform), found.image, facts.at))
        tags |= set(facts.tags) if before.named else set()
    rename(found.image)
    adopted = _adopt(found.image, tags)
    return described or adopted, adopted


def _adopt(image: int, tags: Collection[Reference]) -> bool:
    """Scans that knew only a name find their image; True if this one lost or got any."""
    if not tags:
        return False
    changed = readopt(tags)
    others = changed - {image}
    choose_current(others)
    refresh(others)
    return image in changed


SAME = f"""
WITH gone AS (
    UPDATE findings_scan SET is_current = false
    WHERE image_id = %(image)s AND scanner = %(scanner)s AND stage = %(stage)s AND is_current RETURNING id
), seen AS ({EXTEND}), shown AS (
    UPDATE images_image SET
        ci_at = CASE WHEN %(stage)s = 'ci' THEN greatest(ci_at, %(at)s) ELSE ci_at END,
        registry_at = CASE WHEN %(stage)s = 'registry' THEN greatest(registry_at, %(at)s) ELSE registry_at END,
        runtime_at = CASE WHEN %(stage)s = 'runtime' THEN greatest(runtime_at, %(at)s) ELSE runtime_at END
    WHERE id = %(image)s
), judged AS (INSERT INTO images_verdictwork (image) VALUES (%(image)s))
"""
SEEN = f"WITH seen AS ({EXTEND})"
INSERT = """
INSERT INTO findings_scan (image_id, scanner, scanner_version, stage, outcome, error, scanned_at, received_at,
    delivery, finding_set_id, package_set_id, licence_set_id, inventory, checks_failed, identified_by, named, source_id,
    loose, distro, distro_version, end_of_life, is_current)
SELECT %(image)s, %(scanner)s::text, %(version)s, %(stage)s::text, %(outcome)s, %(error)s, %(at)s, %(received)s,
    %(delivery)s, %(finding_set)s, %(package_set)s, %(licence_set)s, %(inventory)s, %(checks)s, %(identified_by)s,
    %(named)s,
    (SELECT id FROM findings_source WHERE sender = %(sender)s AND scanner = %(scanner)s AND stage = %(stage)s),
    %(loose)s, %(distro)s, %(version_of_distro)s, %(ended)s, {current}
RETURNING id, source_id
"""


def _insert_same(row: dict[str, Any]) -> tuple[int, int | None]:
    """A re-scan that found the same: one statement. The new scan waits for the old one to step back."""
    with connection.cursor() as cursor:
        cursor.execute(SAME + INSERT.format(current="(SELECT count(*) FROM gone) >= 0"), row)
        return cursor.fetchone()  # type: ignore[no-any-return]


def _insert(row: dict[str, Any], current: bool) -> tuple[int, int | None]:
    """The first scan of its key is current as it comes; any other competes (`choose_current`)."""
    with connection.cursor() as cursor:
        cursor.execute(SEEN + INSERT.format(current="true" if current else "false"), row)
        return cursor.fetchone()  # type: ignore[no-any-return]
