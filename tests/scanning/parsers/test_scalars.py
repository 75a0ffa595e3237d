"""Points in time as scanners write them, and what is none."""

from datetime import UTC, datetime

import pytest

from scanning.parsers.scalars import moment


@pytest.mark.parametrize("value", ["2026-08-20T09:30:00Z", "2026-08-20T11:30:00+02:00", 1787218200, 1787218200.0])
def test_a_time_is_read_in_utc(value: str | float) -> None:
    assert moment(value) == datetime(2026, 8, 20, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [None, True, "", "1787218200", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z", 253402300800, 1e300, -1e300]
)
def test_what_is_no_time_of_this_calendar_is_none(value: object) -> None:
    assert moment(value) is None
