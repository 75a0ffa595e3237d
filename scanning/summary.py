"""The figures of a report, and the report resource of the HTTP contract."""

from __future__ import annotations

from collections import Counter
from typing import Any

from governance.accounts.scope import Viewer
from governance.findings.models import Scan
from governance.findings.report import Benchmark, ImageScan, Result, ScanReport, Severity
from governance.images.models import Manifest
from governance.policy.gate import keep, resource, worst_of
from scanning.models import Delivery

WORDS = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
    Severity.NEGLIGIBLE: "unknown",
    Severity.UNKNOWN: "unknown",
}
STATES = {
    Delivery.State.RECEIVED: "received",
    Delivery.State.PROCESSING: "received",
    Delivery.State.DONE: "processed",
    Delivery.State.QUARANTINED: "quarantined",
}
# Of a report on a whole cluster the verdicts on so many images are looked at.
MOST_JUDGED = 500
NOTHING = {
    "entries": 0,
    "findings": 0,
    "by_severity": dict.fromkeys(["critical", "high", "medium", "low", "unknown"], 0),
    "checks": dict.fromkeys(["pass", "fail", "warn", "info"], 0),
    "packages": 0,
    "reasons": [],
}


def figures_of(report: ScanReport) -> dict[str, Any]:
    """Entries as written; distinct (advisory, package name, installed version), split by their worst severity.

    Of a VEX document the distinct (vulnerability, product, component, status): it rates nothing.
    """
    worst: dict[tuple[str, str, str], Severity] = {}
    for image in report.images:
        for match in image.matches:
            key = (match.advisory, match.package.name, match.package.version)
            if match.severity >= worst.get(key, Severity.UNKNOWN):
                worst[key] = match.severity
    severities = Counter(WORDS[severity] for severity in worst.values())
    holders: tuple[ImageScan | Benchmark, ...] = (*report.images, *report.benchmarks)
    checks = Counter(str(check.result) for holder in holders for check in holder.checks)
    stated = {(one.vulnerability, one.products, one.component, one.status) for one in report.statements}
    return {
        "entries": report.entries,
        "findings": len(worst) + len(stated),
        "by_severity": {word: severities[word] for word in ("critical", "high", "medium", "low", "unknown")},
        "checks": {str(result): checks[str(result)] for result in Result},
        "packages": sum(len(image.packages) for image in report.images),
    }


def report_resource(delivery: Delivery, duplicate: bool = False, asker: Viewer | None = None) -> dict[str, Any]:
    """The report resource: what came, what it turned out to be, which images it spoke of (as they are known now).

    The verdict is kept as a gate's decision where `asker` waited for it.
    """
    result = delivery.result or {}
    figures = {name: result.get(name, nothing) for name, nothing in NOTHING.items()}
    judged = verdict_on(delivery, asker)
    # Why the verdict is what it is, then what was odd about the report.
    figures["reasons"] = [one["text"] for one in (judged["gate"] or {}).get("reasons", [])] + figures["reasons"]
    return {
        "id": delivery.pk,
        "state": STATES[Delivery.State(delivery.state)],
        "duplicate": duplicate,
        "format": delivery.format or None,
        "scanner": delivery.scanner or None,
        "scanner_version": delivery.scanner_version or None,
        "stage": delivery.stage,
        "received_at": delivery.received_at,
        "scanned_at": delivery.scanned_at,
        "kind": delivery.kind or None,
        "images": images_of(delivery.pk) if delivery.state == Delivery.State.DONE else [],
        **figures,
        **judged,
        "error": delivery.error or None,
    }


def verdict_on(delivery: Delivery, asker: Viewer | None) -> dict[str, Any]:
    """The worst verdict on its images at the place that it speaks of, as gates answer it; null where there is none."""
    if delivery.state != Delivery.State.DONE or delivery.kind not in ("vulnerability", "sbom"):
        return {"verdict": None, "gate": None}
    found = Scan.objects.filter(delivery=delivery.pk).order_by("image").values_list("image", flat=True).distinct()
    images = list(found[:MOST_JUDGED])
    if not images:
        return {"verdict": None, "gate": None}
    said = worst_of(images, delivery.stage)
    if asker is not None:
        keep(asker, delivery.image, said, "report")
    return {"verdict": said.verdict, "gate": resource(said)}


def images_of(delivery: int) -> list[dict[str, Any]]:
    """Identity of each image that the delivery's scans hang on, in the order of the scans."""
    scans = Scan.objects.filter(delivery=delivery).select_related("image").order_by("pk")
    images = list({scan.image_id: scan.image for scan in scans}.values())
    digests: dict[int, str] = {}
    # The surest kind wins: a platform manifest before one that might be an index.
    for row in Manifest.objects.filter(image__in=images).order_by("pk"):
        if row.kind == Manifest.Kind.MANIFEST or row.image_id not in digests:
            digests[row.image_id] = row.digest
    return [
        {
            "id": image.pk,
            "reference": image.reference,
            "config_digest": image.config_digest,
            "manifest_digest": digests.get(image.pk),
        }
        for image in images
    ]
