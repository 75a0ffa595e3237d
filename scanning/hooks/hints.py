"""What events come to: places in a registry where something may have changed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from governance.images.reference import parse_reference

# One event is about one push; more than this is a flood, and the next crawl sees it all.
MOST_HINTS = 200
MEBIBYTE = 2**20
# Tags that signatures, attestations and the referrers fallback use: they name what they are about.
ABOUT = re.compile(r"(sha256)-([0-9a-f]{64})(?:\.(sig|att|sbom))?")


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this. `host` is empty where the sender does not know it or a proxy may have changed it.

    Without tag and digest the whole repository is meant. `gone`: the sender says that it was deleted. `scanned`: that
    the registry's own scanner has finished with it. `key`: Artifactory's name of the local repository.
    """

    repository: str
    tag: str = ""
    digest: str = ""
    host: str = ""
    gone: bool = False
    scanned: bool = False
    key: str = ""

    def path(self, host: str) -> str:
        """The repository in references of this host: Artifactory's key is part of the host's name or of the path."""
        in_host = host.partition(".")[0] in (self.key, self.key.replace("_", "-"))
        return self.repository if not self.key or in_host else f"{self.key}/{self.repository}"


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as understood; `notes` say what of it was left aside and why."""

    hints: tuple[Hint, ...] = ()
    notes: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """Which registry's host a source may speak for, and with what its repositories begin (nothing: all)."""

    host: str
    prefix: str = ""


def checked(heard: Heard, binding: Binding) -> Heard:
    """The hints that are about the registry the source speaks for, each once and in canonical form, and why others
    are not there.
    """
    kept: dict[Hint, None] = {}
    notes = dict.fromkeys(heard.notes)
    for hint in heard.hints[:MOST_HINTS]:
        found = _checked(hint, binding)
        if isinstance(found, Hint):
            kept[found] = None
        else:
            notes[found] = None
    if len(heard.hints) > MOST_HINTS:
        notes[f"only the first {MOST_HINTS} of {len(heard.hints):,} places are looked at now"] = None
    return Heard(tuple(kept), tuple(notes)[:20], heard.at)


def _checked(hint: Hint, binding: Binding) -> Hint | str:
    """The hint made canonical, or what is wrong with it."""
    if hint.host and hint.host.lower() != binding.host:
        return f"it is about the registry {hint.host[:100]}, and this source speaks for {binding.host} only"
    tag, digest = _subject(hint)
    if tag.endswith(".sig"):
        return "signatures are no images"
    name = f"{binding.host}/{hint.path(binding.host)}"
    reference = parse_reference(name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else ""))
    if reference is None or reference.host != binding.host:
        return f"{hint.repository[:100]!r} names no image"
    if not within(reference.repository, binding.prefix):
        return f"{reference.repository[:100]} is outside of what this source speaks for ({binding.prefix})"
    return Hint(reference.repository, reference.tag, reference.digest, gone=hint.gone, scanned=hint.scanned)


def _subject(hint: Hint) -> tuple[str, str]:
    """Tag and digest; of an attestation's tag the image that it is about. A tag that is a digest is none (Harbor)."""
    if hint.tag.startswith("sha256:"):
        return "", hint.digest or hint.tag
    if about := ABOUT.fullmatch(hint.tag):
        algorithm, digest, kind = about.groups()
        return (hint.tag, "") if kind == "sig" else ("", f"{algorithm}:{digest}")
    return hint.tag, hint.digest


def within(repository: str, prefix: str) -> bool:
    """`shop` and `shop/` both mean what lies below shop, and shop itself."""
    start = prefix.strip("/")
    return not start or repository == start or repository.startswith(f"{start}/")


def after(heard: Iterable[Hint], ignored: int, what: str, at: datetime | None = None) -> Heard:
    """The hints, and a note on how much was left aside because it is `what`."""
    notes = (f"{ignored} {what} left aside",) if ignored else ()
    return Heard(tuple(dict.fromkeys(heard)), notes, at)
