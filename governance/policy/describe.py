"""The image document that conditions are written over (docs/policy.md). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from governance.findings.report import Severity
from governance.policy.condition import MOST_LISTED
from governance.policy.known import Exempted, Facts, Line, Seen

WORDS = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
    Severity.NEGLIGIBLE: "unknown",
    Severity.UNKNOWN: "unknown",
}


def document_of(facts: Facts, day: date, *, exempt: bool = False) -> dict[str, Any]:
    """What is not known is null; with `exempt`, exempted findings are in no count."""
    seen = facts.findings
    left = _counted(facts.exempted if exempt else frozenset(), seen) if seen else []
    base = facts.base
    return {
        "image": {
            "reference": facts.reference,
            "repositories": sorted(facts.repositories),
            "teams": sorted(facts.teams),
            "os": facts.platform[0],
            "architecture": facts.platform[1],
            "distro": facts.distro[0],
            "distro_version": facts.distro[1],
            "days": (day - facts.built).days if facts.built else None,
            "size": facts.size,
            "end_of_life": facts.end_of_life,
            "root": facts.root,
            "running": facts.running,
            "traits": list(facts.traits),
            "labels": dict(facts.labels),
        },
        "base": {
            "known": base is not None,
            "name": base.name if base else "",
            "verdict": base.verdict if base else "unknown",
            "days": (day - base.built).days if base and base.built else None,
        },
        "findings": _counts(line for _, line in left) if seen else None,
        "own": _counts(line for pk, line in left if pk in seen.own) if seen and seen.own is not None else None,
        "vulnerabilities": [_listed(line, _origin(pk, seen), day) for pk, line in left[:MOST_LISTED]] if seen else None,
        "scans": dict.fromkeys(("ci", "registry", "runtime")) | {stage: (day - at).days for stage, at in facts.scans},
        "day": day.isoformat(),
    }


def _counted(aside: frozenset[Exempted], seen: Seen) -> list[tuple[int, Line]]:
    exempted = {(one.vulnerability, one.package) for one in aside}
    worst: dict[tuple[int, str, str], tuple[int, Line]] = {}
    for pk in seen.ids:
        line = seen.lines[pk]
        known = worst.get(line.key)
        if known is None or line.severity > known[1].severity:
            worst[line.key] = (pk, line)
    left = [one for key, one in worst.items() if not {(key[0], key[1]), (key[0], "")} & exempted]
    return sorted(left, key=lambda one: (-one[1].severity, not one[1].exploited, one[1].name, one[1].package))


def _counts(lines: Iterable[Line]) -> dict[str, int]:
    lines = list(lines)
    found = Counter(WORDS[Severity(line.severity)] for line in lines)
    return {word: found[word] for word in ("critical", "high", "medium", "low", "unknown")} | {
        "fixable": sum(1 for line in lines if line.fixed_version),
        "exploited": sum(1 for line in lines if line.exploited),
        "total": len(lines),
    }


def _origin(pk: int, seen: Seen) -> bool | None:
    return None if seen.own is None else pk not in seen.own


def _listed(line: Line, inherited: bool | None, day: date) -> dict[str, Any]:
    return {
        "name": line.name,
        "package": line.package,
        "version": line.version,
        "severity": WORDS[Severity(line.severity)],
        "fixed_version": line.fixed_version,
        "exploited": line.exploited,
        "epss": line.epss,
        "days_fixable": (day - line.fix_since).days if line.fix_since and line.fixed_version else None,
        "inherited": inherited,
    }
