"""Risk: the formula in Python and the one in SQL are one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from governance.findings.risk import MOST, SQL, Facts, points, risk

COUNT = st.one_of(st.integers(0, 3), st.integers(0, 1_000_000))
MAYBE = st.sampled_from([None, True, False])
FACTS = st.builds(
    Facts,
    critical=COUNT,
    high=COUNT,
    medium=COUNT,
    low=COUNT,
    unknown=COUNT,
    fixable=COUNT,
    exploited=COUNT,
    epss=st.one_of(st.none(), st.floats(0, 1), st.integers(0, 100_000).map(lambda number: number / 100_000)),
    running=MAYBE,
    root=MAYBE,
    inherited=st.one_of(st.none(), st.integers(0, 100)),
)
COUNTERS = ("critical", "high", "medium", "low", "unknown", "fixable", "exploited")


WORST = {"critical": 99, "exploited": 1, "epss": 1.0, "fixable": 1, "running": True, "root": True, "inherited": 0}


@pytest.mark.django_db
def test_the_database_computes_the_same() -> None:
    columns = ", ".join(f"%({name})s::int AS {name}" for name in COUNTERS) + ", %(epss)s::float8 AS epss"
    given_ones = {name: f"%({name})s::boolean" for name in ("running", "root")} | {"inherited": "%(inherited)s::int"}
    statement = f"SELECT {SQL.format(**given_ones)} FROM (SELECT {columns}) s"  # noqa: S608

    @given(FACTS)
    def same(facts: Facts) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, {name: getattr(facts, name) for name in Facts.__dataclass_fields__})
            assert cursor.fetchone() == (risk(facts),)

    same()


@given(FACTS)
def test_it_stays_on_its_scale(facts: Facts) -> None:
    assert 0 <= risk(facts) <= 100
    assert all(0 <= (given or 0) <= MOST[name] for name, given in points(facts).items())
    assert sum(MOST.values()) == 100


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, 0),
        ({"running": True, "root": True, "exploited": 3}, 0),
        ({"unknown": 1}, 3),
        ({"medium": 9}, 10),
        ({"high": 1}, 25),
        ({"critical": 1}, 40),
        ({"critical": 1, "high": 2}, 42),
        (
            {"critical": 99, "exploited": 1, "epss": 1.0, "fixable": 1, "running": True, "root": True, "inherited": 0},
            100,
        ),
        ({"critical": 1, "epss": 0.5}, 48),
        ({"critical": 1, "running": False}, 20),
        ({"critical": 1, "inherited": 61}, 41),
    ],
)
def test_what_images_come_to(facts: dict[str, Any], expected: int) -> None:
    assert risk(Facts(**facts)) == expected


def test_what_is_not_known_is_no_zero() -> None:
    unknown = points(Facts(critical=1))
    assert [name for name, given in unknown.items() if given is None] == ["epss", "running", "root", "own"]
    assert points(Facts(critical=1, epss=0.0))["epss"] == 0
