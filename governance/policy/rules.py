"""What each kind of rule says of an image on a day: that it holds, that it is broken, or that nobody knows. Pure.

Findings are judged by sets: which findings of the whole fleet a rule counts is the same for every image on one day, so
of each image only the intersection is left to count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from governance.findings.report import Severity
from governance.images.matching import matcher
from governance.policy.condition import holds
from governance.policy.describe import document_of
from governance.policy.document import (
    Age,
    AnyRule,
    Base,
    Condition,
    DenyPackage,
    DenyVulnerability,
    EndOfLife,
    Findings,
    NotRoot,
    Scanned,
)
from governance.policy.known import Facts, Line, Seen

EXAMPLES, MOST_SAID = 5, 20_000


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule says; None of `broken` is that nobody knows. `findings` are ids of examples, the worst first."""

    broken: bool | None
    text: str = ""
    count: int = 0
    exempted: int = 0
    findings: tuple[int, ...] = ()


HOLDS = Said(broken=False)


@dataclass
class Counted:
    """A rule on findings, on a day: which of the fleet's findings it counts, learned as they come by."""

    counts: Callable[[Line], bool]
    looked_at: set[int] = field(default_factory=set)
    hits: set[int] = field(default_factory=set)

    def of(self, seen: Seen) -> set[int]:
        """Those of the image."""
        ids = set(seen.ids)
        for pk in ids - self.looked_at:
            if self.counts(seen.lines[pk]):
                self.hits.add(pk)
        self.looked_at |= ids
        return ids & self.hits


class Prepared:
    """A rule made ready for a day."""

    def __init__(self, rule: AnyRule, day: date) -> None:
        self.rule, self.day = rule, day
        self.counted: Counted | None = None
        # What was said of findings that many images share.
        self.said: dict[tuple[object, ...], Said] = {}
        self.wanted: list[tuple[str, str, re.Pattern[str]]] = []
        if isinstance(rule, Findings):
            self.counted = Counted(lambda line: counts(rule, line, day))
        elif isinstance(rule, DenyVulnerability):
            names = frozenset(rule.names)
            self.counted = Counted(lambda line: not names.isdisjoint(line.names))
        elif isinstance(rule, DenyPackage):
            self.wanted = [denied(text) for text in rule.packages]

    def say(self, facts: Facts) -> Said:
        """What it says of the image."""
        if self.counted is None or facts.findings is None or facts.findings.key is None:
            return self._say(facts)
        key = (facts.findings.key, facts.exempted)
        if key not in self.said:
            if len(self.said) > MOST_SAID:
                self.said.clear()
            self.said[key] = self._say(facts)
        return self.said[key]

    def _say(self, facts: Facts) -> Said:
        said: Said = SAY[type(self.rule)](self, facts)
        return said


def counts(rule: Findings, line: Line, day: date) -> bool:
    """Whether the rule counts a finding, wherever it is."""
    if rule.severity and line.severity < Severity[rule.severity.upper()]:
        return False
    if rule.exploited and not line.exploited:
        return False
    if rule.epss is not None and (line.epss is None or line.epss < rule.epss):
        return False
    if rule.fixable and not line.fixed_version:
        return False
    if rule.grace is not None:
        return bool(line.fixed_version) and line.fix_since is not None and (day - line.fix_since).days > rule.grace
    return True


def _findings(prepared: Prepared, facts: Facts) -> Said:
    rule, seen, counted = prepared.rule, facts.findings, prepared.counted
    if seen is None or counted is None or not isinstance(rule, Findings):
        return Said(None, "No scan has looked for vulnerabilities: have it scanned.")
    hits = counted.of(seen)
    if rule.origin == "own" and seen.own is not None:
        hits &= seen.own
    elif rule.origin == "inherited":
        hits = hits - seen.own if seen.own is not None else set()
    return _too_many(_tell(facts, seen, hits), rule.most, f"{_terms(rule)} ({rule.most} allowed)", _what_to_do(rule))


def _deny_vulnerability(prepared: Prepared, facts: Facts) -> Said:
    if facts.findings is None or prepared.counted is None:
        return Said(None, "No scan has looked for vulnerabilities: have it scanned.")
    told = _tell(facts, facts.findings, prepared.counted.of(facts.findings))
    return _too_many(told, 0, "denied", "Update or remove the package that brings it.")


@dataclass(frozen=True, slots=True)
class Told:
    """Findings of an image that a rule counts: distinct lines, the worst first, and how many more are exempted."""

    lines: list[tuple[int, Line]]
    exempted: int


def _tell(facts: Facts, seen: Seen, hits: Iterable[int]) -> Told:
    worst: dict[tuple[int, str, str], tuple[int, Line]] = {}
    for pk in sorted(hits):
        line = seen.lines[pk]
        known = worst.get(line.key)
        if known is None or line.severity > known[1].severity:
            worst[line.key] = (pk, line)
    if not facts.exempted:
        aside = set()
    else:
        exempted = {(one.vulnerability, one.package) for one in facts.exempted}
        aside = {key for key in worst if (key[0], key[1]) in exempted or (key[0], "") in exempted}
    left = [pair for key, pair in worst.items() if key not in aside]
    left.sort(key=lambda pair: (-pair[1].severity, not pair[1].exploited, -(pair[1].epss or 0), pair[1].name))
    return Told(left, len(aside))


def _too_many(told: Told, most: int, what: str, advice: str) -> Said:
    number = len(told.lines)
    if number <= most:
        return Said(broken=False, exempted=told.exempted)
    what = what.replace("findings", "finding", 1) if number == 1 else what
    shown = told.lines[:EXAMPLES]
    names = [f"{line.name} in {line.package} {line.version}".strip() for _, line in shown]
    fixes = sorted({f"{line.package} {line.fixed_version}" for _, line in shown if line.fixed_version})
    more = f" and {number - len(shown)} more" if number > len(shown) else ""
    update = f" Fixed in {', '.join(fixes[:EXAMPLES])}." if fixes else ""
    text = f"{number} {what}: {', '.join(names)}{more}. {advice}{update}"
    return Said(True, text, number, told.exempted, tuple(pk for pk, _ in shown))


def _terms(rule: Findings) -> str:
    words = [
        {"own": "own", "inherited": "inherited"}.get(rule.origin, ""),
        "known exploited" if rule.exploited else "",
        f"{rule.severity} or worse" if rule.severity and rule.severity != "critical" else rule.severity or "",
        "fixable" if rule.fixable and rule.grace is None else "",
    ]
    text = " ".join(word for word in words if word) + " findings"
    if rule.epss is not None:
        text += f" with EPSS of {rule.epss:.0%} or more"
    if rule.grace is not None:
        text += f" with a fix known for more than {rule.grace} days"
    return text.strip()


def _what_to_do(rule: Findings) -> str:
    if rule.origin == "inherited":
        return "Rebuild on a newer build of its base."
    return "Update the packages and rebuild, or ask for an exemption."


def _base(prepared: Prepared, facts: Facts) -> Said:
    rule, base = prepared.rule, facts.base
    if not isinstance(rule, Base):
        return HOLDS
    if base is None:
        return Said(True, "Nobody knows what it is built on: build with provenance, or state its base on its page.", 1)
    accepted = {"allow": {"allow"}, "warn": {"allow", "warn"}, "any": {"allow", "warn", "unknown", "deny"}}[rule.accept]
    if base.verdict not in accepted:
        return Said(True, f"Base {base.name}: {' '.join(base.reasons[:3]) or base.verdict}".strip(), 1)
    if rule.days is None:
        return HOLDS
    if base.built is None:
        return Said(None, f"Nobody knows when its base {base.name} was built.")
    return _age(base.built, rule.days, prepared.day, f"Its base {base.name}", "Rebuild on a newer build of it.")


def _built(prepared: Prepared, facts: Facts) -> Said:
    if not isinstance(prepared.rule, Age):
        return HOLDS
    if facts.built is None:
        return Said(None, "Nobody knows when it was built: its configuration does not say, or was not seen.")
    return _age(facts.built, prepared.rule.days, prepared.day, "It", "Rebuild it.")


def _age(built: date, days: int, day: date, what: str, advice: str) -> Said:
    if (day - built).days <= days:
        return HOLDS
    # The date and no number of days: the sentence stays the same tomorrow, and is stored once.
    return Said(True, f"{what} was built on {built}, more than {days} days ago. {advice}", 1)


def _scanned(prepared: Prepared, facts: Facts) -> Said:
    rule = prepared.rule
    if not isinstance(rule, Scanned):
        return HOLDS
    places = dict(facts.scans)
    wanted = ("ci", "registry", "runtime") if rule.stage == "any" else (rule.stage,)
    fresh = [
        stage
        for stage in wanted
        if stage in places and stage not in facts.failed and places[stage] >= prepared.day - timedelta(days=rule.days)
    ]
    if fresh:
        return HOLDS
    where = "anywhere" if rule.stage == "any" else f"at the place {rule.stage}"
    last = max((places[stage] for stage in wanted if stage in places), default=None)
    when = f"the last was on {last}" if last else "none is known"
    failed = " and failed" if last and set(wanted) & facts.failed else ""
    return Said(True, f"No good scan {where} within {rule.days} days: {when}{failed}. Have it scanned again.", 1)


def _end_of_life(prepared: Prepared, facts: Facts) -> Said:
    if not isinstance(prepared.rule, EndOfLife):
        return HOLDS
    system = " ".join(word for word in facts.distro if word) or "Its distribution"
    ends, last = facts.end_of_life_on, prepared.day + timedelta(days=prepared.rule.ahead)
    if ends is not None:
        if ends >= last:
            return HOLDS
        tense = "got" if ends < prepared.day else "gets"
        return Said(True, f"{system} {tense} its last fixes on {ends}: rebuild on a release that still gets them.", 1)
    if facts.end_of_life is None:
        return Said(None, f"Nobody knows until when {system} gets fixes: load the feed of end-of-life dates.")
    if facts.end_of_life:
        return Said(True, f"{system} gets no fixes any more: rebuild on a release that does.", 1)
    return HOLDS


def _not_root(prepared: Prepared, facts: Facts) -> Said:
    if facts.root is None:
        return Said(None, "Nobody knows as whom it runs: no report has told its configuration.")
    return Said(True, "It runs as root: set USER in the last stage of its Dockerfile.", 1) if facts.root else HOLDS


def denied(text: str) -> tuple[str, str, re.Pattern[str]]:
    """(type or empty, name, expression for the version) of `[type/]name[@version]`; names may hold `/` and `@`."""
    name, _, version = text.rpartition("@") if "@" in text.lstrip("@")[1:] else (text, "", "")
    head, slash, rest = name.partition("/")
    kind, name = (head, rest) if slash and head in TYPES else ("", name)
    return kind, name, matcher(version or "*")


TYPES = frozenset(
    (
        "alpm",
        "apk",
        "cargo",
        "composer",
        "conan",
        "deb",
        "gem",
        "generic",
        "golang",
        "hex",
        "maven",
        "npm",
        "nuget",
        "pub",
        "pypi",
        "rpm",
        "swift",
    )
)


def _deny_package(prepared: Prepared, facts: Facts) -> Said:
    held = set(facts.packages or ())
    if facts.findings is not None:
        held |= {
            (line.type, line.package, line.version)
            for line in map(facts.findings.lines.get, facts.findings.ids)
            if line
        }
    found = sorted(one for one in held if any(_is_denied(one, wanted) for wanted in prepared.wanted))
    if found:
        names = ", ".join(f"{name} {version}".strip() for _, name, version in found[:EXAMPLES])
        more = f" and {len(found) - EXAMPLES} more" if len(found) > EXAMPLES else ""
        return Said(
            True, f"Denied packages: {names}{more}. Remove them, or take a version that is not denied.", len(found)
        )
    if facts.packages is None:
        return Said(None, "No report has listed its packages: send an SBOM, or a report with all packages.")
    return HOLDS


def _is_denied(package: tuple[str, str, str], wanted: tuple[str, str, re.Pattern[str]]) -> bool:
    kind, name, version = wanted
    return package[1] == name and kind in ("", package[0]) and bool(version.match(package[2]))


def _condition(prepared: Prepared, facts: Facts) -> Said:
    if not isinstance(prepared.rule, Condition):
        return HOLDS
    text = prepared.rule.expect
    found = holds(text, document_of(facts, prepared.day))
    # Whatever the condition asks for, an exemption never makes it worse.
    if found is not True and facts.exempted and holds(text, document_of(facts, prepared.day, exempt=True)) is True:
        return HOLDS
    if isinstance(found, str):
        return Said(None, f"The condition cannot be judged of it ({found}): {_quoted(text)}")
    return HOLDS if found else Said(True, f"The condition does not hold: {_quoted(text)}", 1)


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"


SAY: dict[type[Any], Callable[[Prepared, Facts], Said]] = {
    Findings: _findings,
    DenyVulnerability: _deny_vulnerability,
    Base: _base,
    Age: _built,
    Scanned: _scanned,
    EndOfLife: _end_of_life,
    NotRoot: _not_root,
    DenyPackage: _deny_package,
    Condition: _condition,
}
