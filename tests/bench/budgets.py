"""What was promised, what was measured, and whether it holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

PAGE_MS, PAGE_STATEMENTS, PAGE_BYTES = 250.0, 15, 300_000
# Of a format's document, before what a megabyte of it costs can be told.
ENOUGH = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """One promise. `budget` None is a figure without one."""

    what: str
    measured: float
    budget: float | None = None
    unit: str = ""
    at_least: bool = False
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """None where nothing was promised."""
        if self.budget is None:
            return None
        return self.measured >= self.budget if self.at_least else self.measured <= self.budget

    def cells(self) -> tuple[str, str, str, str, str]:
        """As the table shows it."""
        sign = "≥" if self.at_least else "≤"
        budget = f"{sign} {number(self.budget)}" if self.budget is not None else ""
        verdict = {True: "yes", False: "NO", None: ""}[self.holds]
        return self.what, budget, f"{number(self.measured)} {self.unit}".strip(), verdict, self.note


def number(value: float) -> str:
    """Three digits that matter, no more."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def lines_of(figures: dict[str, Any]) -> list[Line]:
    """The lines of every part that ran."""
    parts: tuple[tuple[str, Callable[[dict[str, Any]], Iterable[Line]]], ...] = (
        ("cost", cost),
        ("formats", formats),
        ("large", large),
        ("stack", stack),
        ("rematch", rematch),
        ("crawl", crawl),
        ("fleet", fleet),
    )
    return [line for name, lines in parts if name in figures for line in lines(figures[name])]


def cost(found: dict[str, Any]) -> Iterator[Line]:
    """One usual report."""
    size = f"{found['bytes'] / 1e6:.1f} MB, 300 findings"
    rounds = (
        ("rescan", "re-scan"),
        ("new_image", "new image, findings known"),
        ("new_set", "new image, one new finding"),
    )
    for name, what in rounds:
        one = found[name]
        note = f"{one['process_ms']:.1f} ms; orjson {one['orjson_ms']:.1f} ms; one commit {one['commit_ms']:.1f} ms"
        budget = None if name == "new_set" else 4.0
        yield Line(f"process a report ({what}), less one commit", one["ratio"], budget, "x orjson.loads", note=note)
    again = found["rescan"]
    yield Line("statements of a re-scan's finishing transaction", again["statements_finishing"], 5, note=size)
    yield Line("statements of a re-scan, claim included", again["statements"])
    yield Line("statements of a new image's report", found["new_image"]["statements"], 40)
    yield Line("accept one report in process", again["accept_ms"], None, "ms")


def large(found: dict[str, Any]) -> Iterator[Line]:
    """30 MB of Trivy's and 3 MB of Grype's: the budget of the first, and a tenth of it."""
    for kind, share in (("trivy", 1.0), ("grype", 0.1)):
        one = found[kind]
        size = f"{one['accept']['bytes'] / 1e6:.0f} MB"
        note = f"{one['process']['findings']:,} findings, all new"
        yield Line(f"accept a large report ({kind}, {size})", one["accept"]["seconds"], 3 * share, "s", note=note)
        yield Line(f"process it ({kind})", one["process"]["seconds"], 5 * share, "s", note=note)
        yield Line(f"process it, findings known ({kind})", one["again"]["seconds"], 5 * share, "s")
        peak = max(one["process"]["peak_megabytes"], one["again"]["peak_megabytes"])
        note = f"{one['process']['idle_megabytes']:.0f} MB before"
        yield Line(f"peak memory of the process that reads it ({kind})", peak, 300, "MB", note=note)


def formats(found: dict[str, Any]) -> Iterator[Line]:
    """What reading costs; a document of a few hundred bytes tells nothing about megabytes."""
    grown = {name: one for name, one in found.items() if one["bytes"] > ENOUGH}
    costs = sorted(one["ms_per_mb"] for one in grown.values())
    worst = max(grown, key=lambda name: grown[name]["ms_per_mb"])
    yield Line(
        "read a megabyte, median of all formats", costs[len(costs) // 2], None, "ms", note=f"{len(grown)} formats"
    )
    yield Line("read a megabyte, slowest format", grown[worst]["ms_per_mb"], None, "ms", note=worst)


def format_table(found: dict[str, Any]) -> str:
    """Every format with its figures, the dearest first."""
    texts = []
    for name, one in sorted(found.items(), key=lambda item: -item[1]["ms_per_mb"]):
        ratio = f"{one['ratio']:6.1f} x orjson.loads" if one["ratio"] else ""
        small = "" if one["bytes"] > ENOUGH else "  (small)"
        texts.append(f"{name:28}  {one['bytes']:9,} bytes  {one['ms_per_mb']:6.1f} ms/MB  {ratio}{small}".rstrip())
    return "\n".join(texts)


def stack(found: dict[str, Any]) -> Iterator[Line]:
    """Everything together."""
    paced, flat = found["at_pace"], found["flat_out"]
    note = f"{paced['accepted']} sent; statuses {paced['statuses']}; {paced['waiting_at_the_end']} waiting at the end"
    yield Line("accept at 25 reports/s, p99", paced["accept_p99_ms"], 500, "ms", note=note)
    yield Line("accept at 25 reports/s, p50", paced["accept_p50_ms"], None, "ms")
    yield Line("drained after sending at 25/s", paced["seconds_to_drain"], None, "s")
    note = f"{flat['accepted']} in {flat['seconds']:.0f} s; drained {flat['seconds_to_drain']:.1f} s later"
    yield Line(
        "accepted, durable and processed, flat out", flat["processed_per_second"], 25, "/s", at_least=True, note=note
    )
    yield Line("accepted flat out", flat["accepted_per_second"], None, "/s", note=f"statuses {flat['statuses']}")
    note = f"p50 {flat['accept_p50_ms']:.0f} ms; the senders share the two cores"
    yield Line("accept flat out, p99", flat["accept_p99_ms"], None, "ms", note=note)
    for who in ("gate", "admission"):
        yield from answers(who, found[who])
    errors = len(paced["errors"]) + len(flat["errors"]) + flat["quarantined"]
    yield Line("errors and quarantined reports", errors, 0)
    idle, busy = found["idle_megabytes"], found["busy_megabytes"]
    note = ", ".join(f"{name} {size:.0f}" for name, size in idle.items())
    yield Line("idle memory of web, worker and beat (PSS)", sum(idle.values()), 400, "MB", note=note)
    note = ", ".join(f"{name} {size:.0f}" for name, size in busy.items())
    yield Line("the same after the load", sum(busy.values()), None, "MB", note=note)


def answers(who: str, found: dict[str, Any]) -> Iterator[Line]:
    """How soon gate or admission answers, and for how much."""
    for name, what in (("beside", "while reports come at 25/s"), ("alone", "nothing beside")):
        one = found[name]
        note = f"{one['answers_per_second']:.0f}/s answered, p50 {one['p50_ms']:.1f}, p90 {one['p90_ms']:.1f} ms"
        note += f"; the asker itself {one['own_cpu']:.0%} of a core; wrong: {one['wrong'] or 'none'}"
        yield Line(f"{who} at 200/s, {what}, p99", one["p99_ms"], 50 if name == "beside" else None, "ms", note=note)
    alone = found["alone"]
    note = f"{alone['database_cpu_ms']:.2f} ms of the database's beside"
    yield Line(f"CPU of the web processes per answer of {who}", alone["web_cpu_ms"], 2, "ms", note=note)
    wrong = sum(sum(found[name]["wrong"].values()) for name in ("beside", "alone"))
    yield Line(f"wrong answers of {who}", wrong, 0)


def rematch(found: dict[str, Any]) -> Iterator[Line]:
    """Package lists and advisories."""
    of = f"{found['advisories']:,} advisories, {found['images']:,} images with {found['matched']:,} lists"
    note = f"{found['osvaffected']:,} rows of affected packages"
    yield Line("read and store all advisories", found["first_read"] + found["first_store"], None, "s", note=note)
    yield Line("match all package lists", found["first_match"], None, "s", note=of)
    yield Line("store a day's changes and match again", found["day_store"] + found["day_match"], None, "s", note=of)
    yield Line("look at all images where nothing changed", found["nothing_changed"], None, "s")


def crawl(found: dict[str, Any]) -> Iterator[Line]:
    """A registry, by one process."""
    first, again, tags = found["first"], found["again"], max(1, found["tags"])
    of = f"{found['tags']:,} tags of {found['images']:,} images"
    note = f"{tags / first['seconds']:.0f} tags/s; {first['busy']:.0f} s of it this process's own"
    yield Line(f"first crawl of a registry, {of}", first["seconds"], 150, "s", note=note)
    yield Line("statements per tag of a first crawl", first["statements"] / tags)
    note = f"{tags / again['seconds']:.0f} tags/s, {again['statements'] / tags:.2f} statements per tag"
    yield Line("crawl it again, nothing changed", again["seconds"], 30, "s", note=note)


def fleet(found: dict[str, Any]) -> Iterator[Line]:
    """Many images."""
    seed, pages = found["seed"], found["pages"]["pages"]
    of = f"{seed['images']:,} images"
    largest = sorted(seed["tables"].items(), key=lambda item: -item[1])[:5]
    note = ", ".join(f"{table} {size:.0f}" for table, size in largest if not table.startswith("scanning_"))
    yield Line(f"disk per image without the inbox, {of}", seed["bytes_per_image"], 1000, "bytes", note=note)
    yield Line("disk per delivery without its body", seed["bytes_per_delivery"], None, "bytes")
    for what, column, budget, unit in (
        ("slowest page, p95", "p95_ms", PAGE_MS, "ms"),
        ("most statements of a page", "statements", float(PAGE_STATEMENTS), ""),
        ("largest page", "bytes", float(PAGE_BYTES), "bytes"),
    ):
        worst = max(pages, key=lambda row, column=column: row[column])
        yield Line(
            f"{what}, {of}",
            worst[column],
            budget,
            unit,
            note=f"{worst['name']} {worst['query']} ({worst['who']}; p50 {worst['p50_ms']:.0f} ms)",
        )
    yield from one_view(pages, found["lives"], of)
    feeds = found["feeds"]
    for name, what in (
        ("epss_2", "a day's EPSS file, nearly all scores moved"),
        ("kev_daily", "a day's known exploits"),
    ):
        seconds, slowest = feeds[f"{name}_store"] + feeds[f"{name}_carry"], feeds[f"{name}_longest_slice"]
        note = f"{feeds[f'{name}_sets']:,} sets; longest slice {slowest:.1f} s"
        yield Line(f"{what}, until every image has it, {of}", seconds, 60, "s", note=note)
    bases = found["lineage"]
    note = f"bases {bases['lineage_seconds']:.0f} s, splits {bases['split_seconds']:.0f} s, five levels, one process"
    seconds = bases["lineage_seconds"] + bases["split_seconds"]
    yield Line(f"every base and split from nothing, {of}", seconds, 120, "s", note=note)
    yield Line("statements for the base and split of one arriving image", bases["arriving_statements"], 10)
    note = f"{bases['bases_counted']:,} bases, at any depth, by repository"
    yield Line("what is built on each base, counted from nothing", bases["reach_seconds"], unit="s", note=note)
    yield from policy(found["policy"])
    users = found["users"]
    note = f"{users['pages_per_second']:.1f} pages/s, p50 {users['p50_ms']:.0f} ms; slowest {users['slowest'][0]}"
    yield Line(f"{users['people']} people at once, p95 of all pages, {of}", users["p95_ms"], PAGE_MS, "ms", note=note)
    failed = [f"{row['name']} ({row['status']})" for row in pages if row["status"] >= 400] + users["failed"]
    yield Line("pages that failed", len(failed), 0, note=", ".join(failed))


def one_view(pages: list[dict[str, Any]], lives: dict[str, Any], of: str) -> Iterator[Line]:
    """The start page, and the one page on which an image's whole life stands: for whom it takes longer."""
    life = f"{lives['entries']} entries of {lives['kinds']} kinds; {lives['running']:,} workloads run"
    for name, what, note in (
        ("overview:start", "start page", ""),
        ("images:image_detail", "an image's page", ""),
        ("images:image_timeline", "an image's whole life", life),
    ):
        worst = max((row for row in pages if row["name"] == name), key=lambda row: row["p95_ms"])
        figures = f"p50 {worst['p50_ms']:.0f} ms, {worst['statements']} statements, for the {worst['who']}"
        yield Line(f"{what}, p95, {of}", worst["p95_ms"], PAGE_MS, "ms", note="; ".join(filter(None, (figures, note))))


def policy(found: dict[str, Any]) -> Iterator[Line]:
    """Verdicts of a whole fleet."""
    of = f"{found['images']:,} images"
    note = f"from nothing {found['first_seconds']:.0f} s; one image alone {found['one_seconds'] * 1000:.0f} ms"
    yield Line(f"a policy change, until all verdicts follow, {of}", found["strict_seconds"], 60, "s", note=note)
    yield Line("disk per image for its verdicts and their reasons", found["bytes_per_image"], None, "bytes")


def table(lines: list[Line]) -> str:
    """Columns that line up."""
    rows = [("what", "budget", "measured", "holds", ""), *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]]).rstrip()
        for row in rows
    )


def page_table(pages: list[dict[str, Any]]) -> str:
    """Every page with its figures; `!` before those over a budget."""
    texts = []
    for row in pages:
        over = row["p95_ms"] > PAGE_MS or row["statements"] > PAGE_STATEMENTS or row["bytes"] > PAGE_BYTES
        mark = "!" if over or row["status"] >= 400 else " "
        name = f"{row['name']} {row['query'][:30]}"
        texts.append(
            f"{mark} {row['who']:6}  {name:58}  {row['status']}  {row['statements']:3} statements"
            f"  p50 {row['p50_ms']:6.1f}  p95 {row['p95_ms']:6.1f} ms  {row['bytes']:8,} bytes"
        )
    return "\n".join(texts)
