"""An image's life in one list: scans, tags, merges."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from governance.findings.models import AGENT, Scan
from governance.images.models import Event, Image, Tag
from governance.policy.exempting import decided_of
from governance.policy.models_exemption import Exemption
from governance.runtime.models import Running

MOST = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened; `kind` is built, scan, tag or an event's kind."""

    at: datetime
    kind: str
    text: str
    stage: str = ""
    report: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the API."""
        return asdict(self)


def timeline_of(image: Image) -> list[Entry]:
    """The newest entries first, at most 200."""
    entries = [Entry(image.built_at, "built", "Built")] if image.built_at else []
    told = list(Scan.objects.filter(image=image).select_related("finding_set").order_by("-scanned_at")[:MOST])
    scans = [scan for scan in told if scan.scanner != AGENT]
    entries += [Entry(scan.scanned_at, "scan", scan_text(scan), scan.stage, scan.delivery) for scan in scans]
    tags = Tag.objects.filter(image=image).select_related("repository__registry").order_by("-since")[:MOST]
    entries += [Entry(tag.since, "tag", f"{tag.repository}:{tag.name} points here") for tag in tags]
    entries += [Entry(tag.until, "tag", f"{tag.repository}:{tag.name} moved on") for tag in tags if tag.until]
    entries += [Entry(row.at, row.kind, row.text) for row in Event.objects.filter(image=image).order_by("-at")[:MOST]]
    if len(scans) < len(told):
        entries += [entry for row in runs_of(image) for entry in run_entries(row)]
    entries += [entry for row in decided_of(image) for entry in exemption_entries(row)]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:MOST]


def runs_of(image: Image) -> QuerySet[Running]:
    """Where it runs and ran, the newest first."""
    return Running.objects.filter(image=image).select_related("workload__cluster").order_by("-first_seen")[:MOST]


def run_entries(row: Running) -> list[Entry]:
    """When an agent saw it begin, and no more."""
    where = f"{row.workload.kind} {row.workload} in {row.workload.cluster}"
    began = Entry(row.first_seen, "running", f"{where} runs it", "runtime")
    if row.stopped_at is None:
        return [began]
    return [began, Entry(row.stopped_at, "stopped", f"{where} runs it no more", "runtime")]


def exemption_entries(row: Exemption) -> list[Entry]:
    """A decision, and the day on which it ended or will not have been renewed."""
    if row.decided_at is None:
        return []
    words = {"granted": f"exempted until {row.expires_on}", "declined": "not exempted", "revoked": "exempted no more"}
    said = f"{row} {words[row.state]} for {row.where} by {row.decided_by}"
    end = datetime.combine(row.expires_on, time.min, UTC)
    over = [Entry(end, "exemption", f"{row} counts again: its exemption ended")] if row.state == "granted" else []
    return [Entry(row.decided_at, "exemption", said), *(one for one in over if one.at <= timezone.now())]


def scan_text(scan: Scan) -> str:
    """One sentence."""
    if scan.outcome == Scan.Outcome.FAILED:
        return f"{scan.scanner} failed: {scan.error}" if scan.error else f"{scan.scanner} failed"
    if scan.outcome == Scan.Outcome.UNSUPPORTED:
        return f"{scan.scanner} does not support or did not recognise the image's system"
    if scan.outcome == Scan.Outcome.UNASSESSED:
        return f"{scan.scanner} listed packages, no vulnerability scan"
    counts = scan.finding_set
    return f"{scan.scanner}: {counts.critical} critical, {counts.high} high, {len(counts.findings)} findings"
