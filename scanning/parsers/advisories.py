"""What an advisory is called where a scanner writes a headline for its name (Clair's feeds of Red Hat and PyUp)."""

from __future__ import annotations

import re
from typing import NamedTuple

CVE = re.compile(r"\bCVE-\d{4}-\d{4,19}\b")
# The schemes whose identifiers open such a headline: `RHSA-2099:0001: openssl security update (Important)`.
IDENTIFIER = re.compile(
    r"(?:CVE|GHSA|RHSA|RHBA|RHEA|ELSA|ALAS\w{0,20}|DSA|DLA|USN|SUSE-\w{2}|openSUSE-\w{2}|PHSA|GO|PYSEC|RUSTSEC|pyup\.io)"
    r"-\w(?:[\w:.-]{0,60}\w)?"
)
MAX_ALIASES = 100
MAX_LINKS = 20_000  # characters of links that are looked through


class Named(NamedTuple):
    """An advisory's identifier, other names of the same vulnerability, and what else its name said."""

    advisory: str
    aliases: tuple[str, ...]
    title: str


def named(name: str, links: str) -> Named:
    """Find the identifier in a name.

    A name without blanks is one. Of a headline it is what the headline opens with, else the CVE that the links name if
    they name one only; else the headline itself. An advisory's aliases are the CVEs of its headline and links; a CVE
    has none, as links of a CVE may name related ones.
    """
    name = name.strip()
    if " " not in name:
        return Named(name, _others(name, links), "")
    found, cves = IDENTIFIER.match(name), _cves(links)
    if found:
        advisory, rest = found[0], name[found.end() :].strip(" :")
        title = "" if CVE.fullmatch(rest.strip("()")) else rest
        return Named(advisory, _others(advisory, f"{rest} {links}"), title)
    return Named(cves[0] if len(cves) == 1 else name, (), name)


def _cves(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(CVE.findall(text[:MAX_LINKS])))


def _others(advisory: str, text: str) -> tuple[str, ...]:
    return () if CVE.fullmatch(advisory) else _cves(text)[:MAX_ALIASES]
