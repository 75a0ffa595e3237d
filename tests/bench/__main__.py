"""`python -m tests.bench`: measures, prints a table, writes bench.json. Takes about three minutes."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from governance.local.instance import ROOT
from tests.bench import budgets, stack, users
from tests.bench.ground import Ground, ground, part

PARTS = ("cost", "formats", "large", "stack", "rematch", "crawl", "fleet")


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures Portwarden on this machine.")
    parser.add_argument("--images", type=int, default=100_000, help="size of the fleet whose pages are measured")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long reports are sent, each of two times")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), help="leave out the other parts")
    parser.add_argument("--output", type=Path, default=ROOT / "bench.json")
    return parser.parse_args()


def measure(chosen: argparse.Namespace, services: Ground) -> dict[str, Any]:
    """Each part on a database of its own, one after the other."""
    figures: dict[str, Any] = {}
    if "cost" in chosen.only:
        say("one report …")
        figures["cost"] = part(services.fresh("cost"), "cost")
    if "large" in chosen.only:
        figures["large"] = {kind: large(services.fresh(f"large_{kind}"), kind) for kind in ("trivy", "grype")}
    if "formats" in chosen.only:
        say("every format …")
        figures["formats"] = part(services.environment("postgres"), "formats")
    if "stack" in chosen.only:
        say(f"reports through everything, {3 + 2 * chosen.seconds:.0f} s and their processing …")
        figures["stack"] = stack.measure(services, chosen.seconds)
    if "rematch" in chosen.only:
        say("advisories and package lists …")
        figures["rematch"] = part(services.fresh("rematch"), "rematch", 300, 5_000)
    if "crawl" in chosen.only:
        say("a registry of 10,000 tags …")
        figures["crawl"] = part(services.fresh("crawl"), "crawling", 10_000)
    if "fleet" in chosen.only:
        say(f"a fleet of {chosen.images:,} images and its pages …")
        environment = services.fresh("fleet")
        figures["fleet"] = fleet = {"seed": part(environment, "seed", chosen.images)}
        say("every base and split from nothing …")
        fleet["lineage"] = part(environment, "lineage")
        say("a policy change …")
        fleet["policy"] = part(environment, "policy")
        say("what runs, and the life of an image …")
        fleet["lives"] = part(environment, "lives")
        say("every page …")
        fleet["pages"] = part(environment, "pages")
        say(f"{users.PEOPLE} people at these pages …")
        fleet["users"] = users.measure(services, environment)
        say("a day's feeds …")
        fleet["feeds"] = part(environment, "feeds")
    return figures


def large(environment: dict[str, str], kind: str) -> dict[str, Any]:
    """One large report, and the same findings on another image."""
    say(f"one large report ({kind}) …")
    accepted = part(environment, "large", "accept", 1, kind)
    processed = part(environment, "large", "process", 1, kind)
    part(environment, "large", "accept", 2, kind)
    return {"accept": accepted, "process": processed, "again": part(environment, "large", "process", 2, kind)}


def say(text: str) -> None:
    """Progress, beside the result."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Exit 0 even where a budget does not hold: another machine may be slower."""
    chosen = arguments()
    with ground() as services:
        figures = measure(chosen, services)
    lines = budgets.lines_of(figures)
    if "fleet" in figures:
        print(budgets.page_table(figures["fleet"]["pages"]["pages"]), end="\n\n")
    if "formats" in figures:
        print(budgets.format_table(figures["formats"]), end="\n\n")
    print(budgets.table(lines))
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "lines": [{**asdict(line), "holds": line.holds} for line in lines],
        "figures": figures,
    }
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    say(f"written: {chosen.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
