"""20,000 broken reports (`make fuzz`: 200,000), most of them read only, one in ten sent through the whole road."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.test import Client

from governance.accounts.models import User
from scanning.parsers import PARSERS
from tests.fuzz.mutate import case
from tests.fuzz.road import Road
from tests.fuzz.seeds import seeds_by_parser
from tests.make import make_token, make_user

ROOT = Path(__file__).parents[2]
FAILED = ROOT / ".fuzz"
CASES = int(os.environ.get("FUZZ_CASES", "20000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
ONLY = os.environ.get("FUZZ_ONLY", "")
# In so many tests, so that two processes share the work.
CHUNKS = 8
LOOK_EVERY = 125
PATIENCE = 3600


def chunks(first: int, stop: int) -> list[range]:
    """So many runs of case numbers, or the one that was asked for."""
    if ONLY:
        return [range(int(ONLY), int(ONLY) + 1)]
    step = max(1, -(-(stop - first) // CHUNKS))
    return [range(start, min(start + step, stop)) for start in range(first, stop, step)]


def story(number: int, wrong: str) -> str:
    """What went wrong and how to see it again; the document is kept, because samples change."""
    one = case(SEED, number)
    FAILED.mkdir(exist_ok=True)
    path = FAILED / f"{SEED}-{number}"
    path.write_bytes(one.body)
    again = f'make fuzz ARGS="--seed {SEED} --only {number}", its document is {path.relative_to(ROOT)}'
    return f"case {number} of seed {SEED} ({one.parser}, from {one.source}); again: {again}\n{wrong}"


def complain(failures: list[str]) -> None:
    """Fail with all of them in words."""
    if failures:
        pytest.fail("\n\n".join([f"{len(failures)} cases failed", *failures[:10]]), pytrace=False)


def test_every_parser_has_a_sample_to_start_from() -> None:
    found = seeds_by_parser()
    lacking = [name for name, seeds in found.items() if all(one.name.startswith("corpus/") for one in seeds)]
    assert not lacking, f"tests/data/ has no sample of {lacking}"
    assert list(found) == [parser.NAME for parser in PARSERS]


def test_a_case_is_the_same_each_time_and_another_than_its_neighbours() -> None:
    bodies = [case(1, number).body for number in range(60)]
    assert bodies == [case(1, number).body for number in range(60)]
    assert len(set(bodies)) > 55
    assert bodies != [case(2, number).body for number in range(60)]


# Nine in ten are read only.
@pytest.mark.parametrize("numbers", chunks(0, CASES * 9 // 10), ids=str)
def test_every_broken_report_is_read_or_refused(numbers: range, tmp_path: Path) -> None:
    """In a process that is limited as a worker is; it tells what failed, and at which case it died if it did."""
    at = tmp_path / "at"
    command = [sys.executable, "-m", "tests.fuzz.read", str(SEED), str(numbers.start), str(numbers.stop)]
    command += [str(configured.WORKER_MEMORY_MB), str(at)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    failures = [story(one["case"], one["wrong"]) for one in map(json.loads, done.stdout.splitlines())]
    if done.returncode not in (0, 1):
        failures.append(story(int(at.read_text()), f"the process ended with {done.returncode}\n{done.stderr[-2000:]}"))
    complain(failures)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def road(db: None, settings: object) -> Iterator[Road]:
    """A sender, and an administrator who looks at the pages."""
    settings.REPORTS_PER_MINUTE = 10**9
    client = Client()
    client.force_login(make_user("admin", role=User.Role.ADMIN))
    with Road(make_token()[1], client).limited(configured.WORKER_MEMORY_MB) as found:
        yield found


# One in ten goes the whole road.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("numbers", chunks(CASES * 9 // 10, CASES), ids=str)
def test_every_broken_report_ends_processed_or_in_quarantine(numbers: range, road: Road) -> None:
    failures = []
    for number in numbers:
        if wrong := road.travel(case(SEED, number)):
            failures.append(story(number, wrong))
        # Half of the time goes into looking: often enough that a page which breaks is near the case that broke it.
        if number % LOOK_EVERY == 0 or number == numbers[-1]:
            said = f"at this case or one of the {LOOK_EVERY} before"
            failures += [story(number, f"{said}: {text}") for text in road.look_around()]
    complain(failures)
