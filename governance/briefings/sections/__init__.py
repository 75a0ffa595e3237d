"""What a digest tells of, worst first. A new section: one file here, one name in SECTIONS.

A section says what stands now (`standing`), each thing under a key that stays the same while it does; the digest tells
what was not there the last time. Where what ended is news, too, the section says so in `ENDED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from governance.briefings.scope import Scope
from governance.briefings.sections import (
    approvals,
    exemptions,
    gates,
    rebuild,
    silent,
    unowned,
    upstream,
    vanished,
    vulnerabilities,
)
from governance.briefings.sections.fact import Fact

__all__ = ["SECTIONS", "Fact", "Section", "section"]


class Section(Protocol):
    """`NAME` is a word for addresses, `TITLE` a heading, `MORE` how many others there are (`{n} more …`)."""

    NAME: str
    TITLE: str
    MORE: str
    # In one sentence, how many things ended (`{n} …`); empty where that is no news.
    ENDED: str

    def standing(self, scope: Scope) -> list[Fact]:
        """All that stands now, worst first."""
        ...

    def tell(self, new: Sequence[Fact], scope: Scope) -> list[Fact]:
        """The new ones as lines: each by itself, or several in one sentence."""
        ...


SECTIONS: tuple[Section, ...] = (
    vulnerabilities.EXPLOITED,
    vanished,
    upstream,
    vulnerabilities.CRITICAL,
    gates,
    rebuild,
    exemptions,
    approvals,
    silent,
    unowned,
)


def section(name: str) -> Section | None:
    """By its word."""
    return next((one for one in SECTIONS if name == one.NAME), None)
