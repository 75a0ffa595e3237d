"""What is known of kept copies when a base is judged: names that mean a copy, and the copy to write instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from governance.approvals.judgement import Asked
from governance.approvals.models import KeptCopy
from governance.images.reference import Reference

if TYPE_CHECKING:
    from governance.approvals.facts import Line


@dataclass(frozen=True, slots=True)
class Copies:
    """All copies that are kept. Keys are `host/repository`."""

    # Where a copy is kept: where it comes from.
    sources: Mapping[str, str] = field(default_factory=dict)
    # By (source, tag or digest): what to write, the newest copy of a tag.
    internal: Mapping[tuple[str, str], str] = field(default_factory=dict)
    digests: frozenset[str] = frozenset()

    def meant(self, line: Line) -> Line:
        """What is written as the copy is judged as what was copied, and is taken from the copy."""
        ref = line.reference
        if source := self.sources.get(ref.name):
            host, _, path = source.partition("/")
            return replace(line, reference=Reference(host, path, ref.tag, ref.digest), kept=True)
        copy = self.internal.get((ref.name, ref.digest or ref.tag or "latest"), "")
        return replace(line, kept=False, copy=copy)

    def settled(self, asked: Asked) -> Asked:
        """Of a tag under which no copy was made, the copy of what it names now: several tags may name one content."""
        if asked.kept is not False or asked.copy:
            return asked
        named = (self.internal.get((asked.name, one), "") for one in sorted(asked.digests | asked.points_to))
        return replace(asked, copy=next(filter(None, named), ""))

    def by_content(self, asked: Asked) -> Asked:
        """Of content nobody knows where it was pulled: that of a copy counts as taken from it, being the same."""
        copy = next((self.internal[asked.name, one] for one in asked.digests if (asked.name, one) in self.internal), "")
        return replace(asked, kept=not self.digests.isdisjoint(asked.digests), copy=copy)

    def widened(self, names: set[str]) -> set[str]:
        """These repositories, and those in which copies of them are kept."""
        return names | {place for place, source in self.sources.items() if source in names}


def known_copies(rows: Iterable[KeptCopy] | None = None) -> Copies:
    """What may be built on: only whole copies count. `rows` are all that are kept, the oldest first, among others."""
    if rows is not None:
        whole = (row for row in rows if row.is_kept)
        return copies_of(
            (f"{row.registry.host}/{row.place}", row.name, row.tag, row.digest, row.digests) for row in whole
        )
    kept = KeptCopy.objects.filter(state=KeptCopy.State.KEPT).order_by("pk")
    known = kept.values_list("registry__host", "place", "name", "tag", "digest", "digests")
    return copies_of((f"{host}/{place}", *rest) for host, place, *rest in known)


def copies_of(rows: Iterable[Sequence[Any]]) -> Copies:
    """Of (host/repository where it is kept, source, tag, top digest, all digests), the oldest first."""
    sources, internal, digests = {}, {}, set()
    for place, name, tag, digest, held in rows:
        sources[place] = name
        digests |= {digest, *held}
        for key in (tag, digest, *held):
            if key:
                internal[name, key] = f"{place}{f':{tag}' if tag else ''}@{digest}"
    return Copies(sources, internal, frozenset(digests))
