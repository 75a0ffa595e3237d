"""Licences as reports write them, brought to the identifiers of SPDX where that is plain, and how far each binds.

A report gives names: SPDX identifiers and expressions (SPDX 2.3, annex D), what Debian writes (DEP-5: `GPL-2+`,
`Expat`), Fedora (`GPLv2+ and MIT`), older Alpine (`GPL2 MIT`), PyPI and Maven (`Apache License, Version 2.0`).
What is none of these is kept as it is written: a name that is guessed wrong is worse than one that is strange.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum

from governance.findings.licence_names import ALIASES, GNU, NEXT_OF_KIN
from governance.images.clean import clean_text

# Of one package: so many licences, each so long; of a text that is no list its beginning.
MOST, LONGEST, LONGEST_TEXT = 32, 100, 1_000
NOTHING = {"", "none", "noassertion", "unknown", "unknown license", "null", "n/a", "other"}
# `or later` belongs to the name before it.
SPLIT = re.compile(r"(\s+(?:and|or(?!\s+later))\s+|\s*[,;|]\s*|\(\s*|\s*\))", re.IGNORECASE)
WITH = re.compile(r"(\S+)\s+with\s+(.+)", re.IGNORECASE)
# What an identifier may be made of, and the exception behind it.
PLAIN = re.compile(r"[\w.+:/@-]+(?:\s+with\s+[\w.+-]+)?", re.IGNORECASE)
GNU_NAME = re.compile(
    r"(?P<family>[al]?gpl|gfdl)[-_ ]?v?(?P<version>\d(?:\.\d)?)(?:\.0)?(?P<later>\+|-or-later)?(?:[- ]only)?",
    re.IGNORECASE,
)


class Kind(StrEnum):
    """How far a licence binds whoever passes the software on, or serves it: the strictest first."""

    NETWORK = "network"  # copyleft that reaches who only serves it
    COPYLEFT = "copyleft"
    RESTRICTED = "restricted"  # not every use is allowed
    WEAK = "weak"  # copyleft of the files or the library alone
    PERMISSIVE = "permissive"
    OTHER = "other"  # nothing is known of the name


KIND_WORDS = {
    Kind.NETWORK: "Network copyleft",
    Kind.COPYLEFT: "Copyleft",
    Kind.RESTRICTED: "Restricted use",
    Kind.WEAK: "Weak copyleft",
    Kind.PERMISSIVE: "Permissive",
    Kind.OTHER: "Not classified",
}
# Asked in this order of a name as it is shown; also what is written in prose is told by the family it speaks of.
FAMILIES = (
    (Kind.NETWORK, re.compile(r"\b(AGPL|SSPL|CPAL|EUPL|OSL-|RPL-)|Affero|Server Side Public", re.IGNORECASE)),
    (
        Kind.WEAK,
        re.compile(
            r"GPL\S* WITH (GCC|GNU-compiler|Texinfo|Linux-sys|Autoconf|Bison|Libtool|Font|LLVM)|Classpath",
            re.IGNORECASE,
        ),
    ),
    (
        Kind.WEAK,
        re.compile(
            r"\b(LGPL|MPL|EPL|CDDL|GFDL|CPL-|IPL-|APSL|MS-RL|CECILL-C)|Lesser G|Library G|Mozilla P|Eclipse P",
            re.IGNORECASE,
        ),
    ),
    (Kind.COPYLEFT, re.compile(r"\b(GPL|CC-BY-SA|QPL|Sleepycat|CECILL)|General Public License", re.IGNORECASE)),
    (
        Kind.RESTRICTED,
        re.compile(
            r"\b(BUSL|Elastic-|Elastic License|CC-BY-N[CD]|PolyForm)|Commons.Clause|proprietary|commercial",
            re.IGNORECASE,
        ),
    ),
)
PERMISSIVE = frozenset(ALIASES.values()) | NEXT_OF_KIN


def kind_of(name: str) -> Kind:
    """How far a licence binds, by its name as `read_licences` gives it."""
    for kind, family in FAMILIES:
        if family.search(name):
            return kind
    return Kind.PERMISSIVE if name.partition(" WITH ")[0] in PERMISSIVE else Kind.OTHER


def read_licences(written: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """What a report says of one package: (as it is shown, each licence in it once); ("", ()) where it says nothing."""
    texts: dict[str, None] = {}
    names: dict[str, None] = {}
    for one in written:
        pieces = list(_pieces(" ".join(clean_text(one, LONGEST_TEXT).split())))
        found = dict.fromkeys(text for text, is_name in pieces if is_name)
        if found:
            texts["".join(text for text, _ in pieces)] = None
            names |= found
    return ", ".join(texts)[:LONGEST_TEXT], tuple(names)[:MOST]


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """A text in pieces (text, whether it is a licence); one that is no list of names is one piece."""
    if text.lower() in NOTHING:
        return
    if known := canonical(text):
        yield known[:LONGEST], True
        return
    parts = SPLIT.split(text)
    if len(parts) == 1 and all(map(canonical, text.split())):
        parts = [part for word in text.split() for part in (", ", word)][1:]
    names = parts[::2]
    if any(name and not (canonical(name) or PLAIN.fullmatch(name)) for name in names):
        yield text[:LONGEST], True
        return
    for number, part in enumerate(parts):
        is_name = number % 2 == 0 and part.lower() not in NOTHING
        yield ((canonical(part) or part)[:LONGEST] if is_name else _joint(part) if number % 2 else part), is_name


def _joint(part: str) -> str:
    """What stands between two names, written one way."""
    sign = part.strip()
    if sign in ("(", ")"):
        return part
    return f" {sign.upper()} " if sign.isalpha() else ", "


def canonical(name: str) -> str:
    """The identifier that a name stands for; "" where that is not plain."""
    word = name.strip().lower()
    if known := ALIASES.get(word):
        return known
    if found := GNU_NAME.fullmatch(word):
        family = found["family"].upper()
        version = found["version"] if "." in found["version"] else f"{found['version']}.0"
        later = "or-later" if found["later"] else "only"
        return f"{family}-{version}-{later}" if (family, version) in GNU else ""
    found = WITH.fullmatch(name.strip())
    if found and not SPLIT.search(found[2]) and (base := canonical(found[1])):
        return f"{base} WITH {found[2]}"
    return ""
