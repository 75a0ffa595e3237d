"""`python -m tests.fuzz`: many broken reports, or one of them again."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest


def arguments() -> tuple[argparse.Namespace, list[str]]:
    """What to send; what else is said goes to pytest."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Reads broken reports of every format.")
    parser.add_argument("--cases", type=int, default=200_000, help="how many; one in ten goes the whole road")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same cases of the same samples")
    parser.add_argument("--only", type=int, help="the number of one case, to see it again")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes")
    return parser.parse_known_args()


def main() -> int:
    """pytest's exit code."""
    chosen, words = arguments()
    os.environ |= {"FUZZ_CASES": str(chosen.cases), "FUZZ_SEED": str(chosen.seed)}
    if chosen.only is not None:
        os.environ["FUZZ_ONLY"] = str(chosen.only)
    jobs = ["-n", str(chosen.jobs)] if chosen.only is None else []
    return pytest.main([str(Path(__file__).parent), "-q", *jobs, *words])


if __name__ == "__main__":
    sys.exit(main())
