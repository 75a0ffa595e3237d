"""Results of checks in the words of the tools that make them."""

from __future__ import annotations

from governance.findings.report import Result

RESULTS = {
    "pass": Result.PASS,
    "passed": Result.PASS,
    "ok": Result.PASS,
    "healthy": Result.PASS,
    "fail": Result.FAIL,
    "failed": Result.FAIL,
    "fatal": Result.FAIL,
    "high": Result.FAIL,
    "unhealthy": Result.FAIL,
    "warn": Result.WARN,
    "warning": Result.WARN,
    "error": Result.WARN,
}


def result_of(word: str) -> Result:
    """Normalise a tool's word, case ignored; notes, manual checks and anything unheard of are `info`."""
    return RESULTS.get(word.strip().lower(), Result.INFO)
