"""What sections are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from governance.briefings.scope import Scope


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing: `what` says it, `tail` goes on with the number of rows behind `address` (`{n}`, see `counted`)."""

    key: str
    what: str
    address: str
    tail: str = ""

    def counted(self, amount: int) -> str:
        """The whole sentence. `{s}` is a plural's ending, `{S}` a verb's, `{y}` that of a word in y, `{are}` a verb."""
        one = amount == 1
        forms = {"s": "" if one else "s", "S": "s" if one else "", "y": "y" if one else "ies"}
        return self.what + self.tail.format(n=f"{amount:,}", are="is" if one else "are", **forms)


def each(new: Sequence[Fact], scope: Scope) -> list[Fact]:
    """Every one is a line."""
    return list(new)


def listed(names: Sequence[str]) -> str:
    """A few names in words: `a, b and 3 more`."""
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
