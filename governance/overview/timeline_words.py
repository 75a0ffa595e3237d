"""What an entry of the timeline says, and where its evidence is: one function for each kind of row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

type Told = Mapping[str, Any]
LEVELS = ("critical", "high", "medium", "low", "unknown")
# So many names in one entry; the others are a number.
NAMED = 5


@dataclass(frozen=True, slots=True)
class Link:
    """Evidence: what it is in words, and the page that shows it."""

    words: str
    href: str


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says. `tone` is good, warn, bad, unknown or nothing; `report` the report behind it."""

    text: str
    links: tuple[Link, ...] = ()
    tone: str = ""
    report: int | None = None


def link(words: str, name: str, *args: Any, **query: Any) -> Link:
    """To a page of ours."""
    return Link(words, reverse(name, args=args) + (f"?{urlencode(query)}" if query else ""))


def built(image: int, _: int, told: Told) -> Said:
    """As the image's configuration says."""
    return Said(f"for {told['platform']}" if told["platform"] else "", (link("layers", "images:image_layers", image),))


def scanned(image: int, _: int, told: Told) -> Said:
    """What a scanner saw, and how that is different from what it saw before."""
    report = int(told["report"]) or None
    where = link(f"report #{report}", "scanning:delivery_detail", report) if report else None
    links = (where or link("scans", "images:image_scans", image),)
    if told["outcome"] == "failed":
        text = f"{told['scanner']}: {told['error']}" if told["error"] else str(told["scanner"])
        return Said(text, links, "bad", report)
    if told["outcome"] != "assessed":
        why = {"unsupported": "does not support or did not recognise the image's system"}
        text = f"{told['scanner']} {why.get(told['outcome'], 'listed packages, no vulnerability scan')}"
        return Said(text, links, "unknown", report)
    found = told["found"]
    words = [f"{number} {level}" for level, number in zip(LEVELS[:2], found, strict=False) if number]
    total = sum(found)
    said = f"{total} finding{'' if total == 1 else 's'}{f', {" and ".join(words)}' if words else ''}"
    return Said(f"{told['scanner']}: {said}{_change(told)}", links, "", report)


def _change(told: Told) -> str:
    """Against the scan before by the same scanner at the same place."""
    if told["same"]:
        return ", the same as before"
    if not told["before"]:
        return ""
    parts = [
        f"{now - before:+d} {level}"
        for level, now, before in zip(LEVELS, told["found"], told["before"], strict=True)
        if now != before
    ]
    return f" ({', '.join(parts)})" if parts else ", other ones than before"


def _vulnerabilities(names: list[str]) -> tuple[Link, ...]:
    return tuple(link(name, "findings:vulnerability_detail", name) for name in names[:NAMED])


def arrived(image: int, _: int, told: Told) -> Said:
    """What was not there before: the worst by name."""
    names, report = told["names"], int(told["report"]) or None
    more = f"; {len(names) - NAMED} more than are named here" if len(names) > NAMED else ""
    known = f", {told['exploited']} known exploited" if told["exploited"] else ""
    text = f"{len(names)} critical or known exploited{known}, which {told['scanner']} did not see before{more}"
    shown = link(f"report #{report}", "scanning:delivery_detail", report) if report else None
    links = (*_vulnerabilities(names), *([shown] if shown else []))
    return Said(text, links, "bad", report)


def exploited(image: int, _: int, told: Told) -> Said:
    """What it had before came into the catalogue of what is used in attacks."""
    count = len(told["names"])
    some = "1 vulnerability" if count == 1 else f"{count} vulnerabilities"
    text = f"{some} of this image came into the catalogue of what is used in attacks"
    return Said(text, _vulnerabilities(told["names"]), "bad")


def repository(told: Told) -> tuple[Link, ...]:
    """Where the name is kept."""
    return (link("repository", "images:repository_detail", told["repository"]),)


def pushed(image: int, _: int, told: Told) -> Said:
    """It lies in a registry."""
    return Said(f"{told['name']} has it", repository(told))


def tagged(image: int, _: int, told: Told) -> Said:
    """A tag names it from then on."""
    return Said(f"{told['name']} names it", repository(told))


def untagged(image: int, _: int, told: Told) -> Said:
    """A tag names another image, or is gone."""
    if "text" in told:
        return noted("vanished")(image, _, told)
    if told["follower"] is None:
        return Said(f"{told['name']} names it no more", repository(told), "warn")
    newer = (link("the newer image", "images:image_detail", told["follower"]),) if told["visible"] else ()
    return Said(f"{told['name']} names another image", newer or repository(told), "warn")


def deleted(image: int, _: int, told: Told) -> Said:
    """By the rules of retention."""
    links = (link("run", "approved:run_detail", told["run"]),) if told["visible"] else ()
    return Said(f"from {told['name']} by the rule “{told['rule']}”", links, "warn")


TABS = {
    "judged": ("verdict", "images:image_verdict"),
    "based": ("lineage", "images:image_lineage"),
    "merged": ("scans", "images:image_scans"),
    "corrected": ("scans", "images:image_scans"),
}
TONES = {"gone": "bad", "vanished": "warn", "repointed": "warn"}


def noted(kind: str) -> Callable[[int, int, Told], Said]:
    """An event tells itself."""

    def said(image: int, _: int, told: Told) -> Said:
        tab = TABS.get(kind)
        links = (link(tab[0], tab[1], image),) if tab else repository(told) if told["repository"] else ()
        return Said(str(told["text"]), links, TONES.get(kind, ""))

    return said


def of_base(tone: str) -> Callable[[int, int, Told], Said]:
    """What befell the image as a base, or what it is built on."""

    def said(image: int, _: int, told: Told) -> Said:
        base = (link("the base", "images:image_detail", told["base"]),) if told.get("base") and told["visible"] else ()
        return Said(str(told["text"]), (*base, link("upstream", "approved:alarm_list")), tone)

    return said


VERDICT_TONES = {"pass": "good", "warn": "warn", "fail": "bad", "unknown": "unknown"}
ASKED = {"gate": "the gate", "report": "a report that waited", "command": "the command line", "admission": "admission"}


def gated(image: int, pk: int, told: Told) -> Said:
    """The verdict that was given, and its first reason."""
    more = f" (and {told['reasons'] - 1} more)" if told["reasons"] > 1 else ""
    why = f": {told['reason']}{more}" if told["reason"] else ""
    by = f" by policy {told['policy']}" if told["policy"] else ""
    asked = f"{told['by']} asked through {ASKED.get(told['gate'], told['gate'])}"
    text = f"{told['verdict']}{by}, {asked}{why}"
    return Said(text, (link("decision", "policies:decision_list", decision=pk),), VERDICT_TONES[told["verdict"]])


def listed(tone: str) -> Callable[[int, int, Told], Said]:
    """A step in the life of the entry that the image, or its base, is on."""

    def said(image: int, _: int, told: Told) -> Said:
        name = f"{told['name']}{'@' if told['pattern'].startswith('sha') else ':'}{told['pattern']}"
        what = f"{name}, which means this image" if told["own"] else f"{name}, which it is built on"
        by = f", by {told['by']}" if told.get("by") else ", on the day that was set"
        why = f": {told['reason']}" if told.get("reason") else ""
        return Said(f"{what}{by}{why}", (link("approved list", "approved:base_detail", told["entry"]),), tone)

    return said


def exempted(words: str, tone: str = "") -> Callable[[int, int, Told], Said]:
    """A step in the life of an exemption; `words` has a place for the day of its end."""

    def said(image: int, pk: int, told: Told) -> Said:
        what = f"{told['vulnerability']} in {told['package'] or 'every package'}"
        by = f", by {told['by']}" if told["by"] else ""
        why = f": {told['reason']}" if told["reason"] else ""
        text = f"{what} {words.format(until=told['until'])} for {told['whose']}{by}{why}"
        return Said(text, (link("exemption", "exemptions:exemption_detail", pk),), tone)

    return said


def ran(words: str) -> Callable[[int, int, Told], Said]:
    """What an agent saw, and where."""

    def said(image: int, _: int, told: Told) -> Said:
        name = "/".join(part for part in (told["namespace"], told["name"]) if part)
        surroundings = f" ({told['environment']})" if told["environment"] else ""
        where = f"{told['kind']} {name} in {told['cluster'] or told['uid']}{surroundings}"
        links = (
            link("workload", "workloads:workload_detail", told["workload"]),
            link(f"agent {told['agent']}", "workloads:agent_list"),
        )
        return Said(f"{where} {words}", links)

    return said
