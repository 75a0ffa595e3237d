"""Words for the digest's mail and pages."""

from __future__ import annotations

from typing import Any

from django import template

from governance.briefings.sections import section

register = template.Library()


@register.filter
def section_title(name: str) -> str:
    """A section's heading; lines that lead to its folded ones stand under the same."""
    if name.startswith("gone"):
        return "Gone"
    found = section(name.removeprefix("more-"))
    return found.TITLE if found else ""


@register.filter
def change(number: dict[str, Any]) -> str:
    """` (3 more than last time)`; nothing where it is as it was, or was never told."""
    before = number["before"]
    if before is None or before == number["amount"]:
        return ""
    more = number["amount"] - before
    return f" ({abs(more):,} {'more' if more > 0 else 'fewer'} than last time)"
