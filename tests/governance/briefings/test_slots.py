"""One slot a week, on the reader's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from governance.briefings.slots import latest_slot, next_slot, week_of

WEEK = timedelta(days=7)


@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
def test_every_week_of_a_year_has_one_slot(zone: str, hour: int) -> None:
    place, at = ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC)
    slots = []
    while at < datetime(2027, 2, 1, tzinfo=UTC):
        at = next_slot(at, 6, hour, place)
        slots.append(at)
        assert latest_slot(at, 6, hour, place) == at
        assert next_slot(at - timedelta(seconds=1), 6, hour, place) == at
    weeks = [week_of(slot, place) for slot in slots]
    assert len(slots) >= 56
    assert all(later - earlier == WEEK for earlier, later in pairwise(weeks))
    assert sum(slot.astimezone(place).hour != hour for slot in slots) <= 2, "only where the clock skips the hour"


def test_an_hour_that_the_clock_skips_is_later_that_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    slot = next_slot(datetime(2026, 3, 28, tzinfo=UTC), 6, 2, berlin)
    assert slot.astimezone(berlin).isoformat() == "2026-03-29T03:00:00+02:00"


def test_an_hour_that_comes_twice_is_the_first() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    slot = next_slot(datetime(2026, 10, 24, tzinfo=UTC), 6, 2, berlin)
    assert slot.astimezone(berlin).isoformat() == "2026-10-25T02:00:00+02:00"
    assert latest_slot(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 6, 2, berlin) == slot
