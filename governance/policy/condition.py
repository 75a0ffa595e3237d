"""Conditions in the Common Expression Language, over the image document (docs/policy.md). Pure.

CEL has neither loops nor side effects; what is left to bound is how long an expression is and how often its macros walk
a list. Each is tried on the largest document there may be before it is taken.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cel import Program

MOST_CHARACTERS = 1_000
MOST_DEPTH = 20
# Macros walk lists, within each other the product of their lengths.
MOST_MACROS = 2
MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(")
# Vulnerabilities that a document lists, the worst first; its counts count all.
MOST_LISTED = 200
SECONDS = 0.05
VARIABLES = {"image", "base", "findings", "own", "vulnerabilities", "scans", "day"}


def _evaluator() -> ModuleType:
    """The compiled evaluator alone: the package's own front also loads its command line, which is 9 MB a process."""
    package = find_spec("cel")
    spec = PathFinder.find_spec("cel.cel", package.submodule_search_locations) if package else None
    if spec is None or spec.loader is None:
        raise ImportError("the evaluator of common-expression-language is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CEL = _evaluator()
# What the evaluator raises for expressions that parse and do not fit the document.
FAILURES = (RuntimeError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)

VULNERABILITY = {
    "name": "CVE-2099-0001",
    "package": "openssl",
    "version": "3.0.1",
    "severity": "critical",
    "fixed_version": "3.0.2",
    "exploited": True,
    "epss": 0.5,
    "days_fixable": 10,
    "inherited": False,
}
COUNTS = {"critical": 1, "high": 2, "medium": 3, "low": 4, "unknown": 5, "fixable": 6, "exploited": 1, "total": 15}
# The document with everything known, and as large as it gets.
SAMPLE: dict[str, Any] = {
    "image": {
        "reference": "registry.example/shop/api:1.0",
        "repositories": ["registry.example/shop/api"],
        "teams": ["shop"],
        "os": "linux",
        "architecture": "amd64",
        "distro": "debian",
        "distro_version": "12",
        "days": 30,
        "size": 100_000_000,
        "end_of_life": False,
        "root": False,
        "running": True,
        "traits": ["healthcheck"],
        "labels": {"org.opencontainers.image.title": "api"},
    },
    "base": {"known": True, "name": "docker.io/library/debian:12", "verdict": "allow", "days": 20},
    "findings": COUNTS,
    "own": COUNTS,
    "vulnerabilities": [VULNERABILITY] * MOST_LISTED,
    "scans": {"ci": 1, "registry": 2, "runtime": 3},
    "day": "2099-01-31",
}


class BadCondition(ValueError):
    """No condition; the text says why."""


def check_condition(text: str) -> None:
    """Raises `BadCondition` for what cannot be read, may take too long, or gives something else than true or false."""
    if not text.strip() or len(text) > MOST_CHARACTERS:
        raise BadCondition(f"an expression of 1 to {MOST_CHARACTERS} characters")
    if not text.isprintable() and not text.replace("\n", " ").isprintable():
        raise BadCondition("a character that cannot be printed stands in it")
    if _depth(text) > MOST_DEPTH:
        raise BadCondition(f"brackets within brackets, more than {MOST_DEPTH} deep")
    if len(MACRO.findall(text)) > MOST_MACROS:
        raise BadCondition(f"at most {MOST_MACROS} of all, exists, exists_one, map and filter")
    program = _compiled(text)
    bound = set(re.findall(MACRO.pattern + r"\s*([A-Za-z_]\w*)\s*,", text))
    if unknown := sorted(set(program.variables()) - VARIABLES - bound):
        raise BadCondition(f"{unknown[0]} is none of {', '.join(sorted(VARIABLES))}")
    started = time.thread_time()
    try:
        found = program.execute(SAMPLE)
    except FAILURES as error:
        raise BadCondition(f"it fails on the sample document: {_short(error)}") from error
    if not isinstance(found, bool):
        raise BadCondition(f"it gives {type(found).__name__}, not true or false")
    if time.thread_time() - started > SECONDS:
        raise BadCondition(f"it takes longer than {SECONDS * 1000:.0f} ms on an image with {MOST_LISTED} findings")


def holds(text: str, document: dict[str, Any]) -> bool | str:
    """Whether the condition holds of the document; a text where that cannot be said, which says why."""
    try:
        found = _compiled(text).execute(document)
    except FAILURES as error:
        return _short(error)
    return found if isinstance(found, bool) else f"it gives {type(found).__name__}, not true or false"


@lru_cache(maxsize=512)
def _compiled(text: str) -> Program:
    try:
        program: Program = CEL.compile(text)
    except FAILURES as error:
        raise BadCondition(_short(error)) from error
    return program


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _short(error: Exception) -> str:
    """The first line of what the evaluator says, without the whole expression."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
