"""SARIF 2.1.0 (OASIS, errata01): vulnerabilities of the scanners that name packages, of all other tools checks."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Kind,
    Outcome,
    ScanReport,
)
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.sarif_model import Log
from scanning.parsers.sarif_packages import READERS
from scanning.parsers.sarif_run import Reading

NAME = "sarif"
DECODER = msgspec.json.Decoder(Log)


def recognises(document: Document) -> bool:
    """The format's version with runs, or its schema."""
    return document.has("runs") and (
        document.text("version").startswith("2.1") or "sarif" in document.text("$schema").lower()
    )


def parse(document: Document) -> ScanReport:
    """Read every run. Those of one image are one scan; of several tools in one document the first names the scanner."""
    runs = [Reading(run) for run in decode(DECODER, document.body).runs or ()]
    check_amount(sum(len(run.rows) for run in runs), "results")
    for run in runs:
        run.read()
    tools = list(dict.fromkeys(run.scanner for run in sorted(runs, key=lambda run: not run.found)))
    entries = sum(len(run.found) for run in runs)
    checks = sum(len(run.checks) for run in runs)
    scanning = bool(entries) or (not checks and any(tool in READERS for tool in tools))
    return ScanReport(
        format=NAME,
        scanner=(tools[0] if tools else "") or NAME,
        images=tuple(_scans([run for run in runs if run.of_image])),
        kind=Kind.VULNERABILITY if scanning else Kind.COMPLIANCE,
        benchmarks=tuple(run.benchmark() for run in runs if not run.of_image),
        scanner_version=next((run.version for run in runs if run.scanner == tools[0]), "") if tools else "",
        scanned_at=max(filter(None, (run.ended_at for run in runs)), default=None),
        entries=entries,
        notes=tuple(_notes(runs, tools)),
    )


def _notes(runs: list[Reading], tools: list[str]) -> Iterable[str]:
    aside = sum(run.aside for run in runs)
    if aside:
        yield f"results that were suppressed or are no longer there: {aside:,}; they are kept and not counted"
    if len(tools) > 1:
        yield f"the results of {', '.join(tools[:10])} are recorded as those of {tools[0]}: send one file for each tool"
    if any(run.scanner == "trivy" and run.of_image and not run.found for run in runs):
        yield "Trivy's SARIF does not say whether packages were looked at, so it proves no clean image: send its JSON"


def _scans(runs: list[Reading]) -> Iterable[ImageScan]:
    """Yield one scan per image; runs that name none belong to the image of the others, if it is one."""
    grouped: dict[ImageFacts, list[Reading]] = {}
    named = {run.facts for run in runs if run.is_named}
    only = next(iter(named)) if len(named) == 1 else None
    for run in runs:
        grouped.setdefault(run.facts if run.is_named or only is None else only, []).append(run)
    for facts, together in grouped.items():
        outcomes = {run.outcome for run in together}
        worst = Outcome.ASSESSED if Outcome.ASSESSED in outcomes else Outcome.UNASSESSED
        yield ImageScan(
            image=facts,
            outcome=Outcome.FAILED if Outcome.FAILED in outcomes else worst,
            error=next((run.error for run in together if run.error), ""),
            matches=tuple(match for run in together for match, is_aside in run.found if not is_aside),
            suppressed=tuple(match for run in together for match, is_aside in run.found if is_aside),
            checks=tuple(check for run in together for check in run.checks),
        )
