"""When a reader's digest is due: a weekday and an hour on the reader's own clock, whatever daylight saving does.

An hour that the clock skips is an hour later that day, one that it shows twice is the first of the two: each week has
exactly one slot.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEK = timedelta(days=7)


def slot_on(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """The slot of that day, in UTC."""
    return datetime.combine(day, time(hour), zone).astimezone(UTC)


def latest_slot(now: datetime, weekday: int, hour: int, zone: ZoneInfo) -> datetime:
    """The last slot that is not in the future."""
    today = now.astimezone(zone).date()
    day = today - timedelta(days=(today.weekday() - weekday) % 7)
    slot = slot_on(day, hour, zone)
    return slot if slot <= now else slot_on(day - WEEK, hour, zone)


def next_slot(now: datetime, weekday: int, hour: int, zone: ZoneInfo) -> datetime:
    """The first slot that is in the future."""
    day = latest_slot(now, weekday, hour, zone).astimezone(zone).date()
    # Where the clock skipped the hour of a slot at midnight, the day is still the right one.
    return slot_on(day + WEEK, hour, zone)


def week_of(slot: datetime, zone: ZoneInfo) -> date:
    """Monday of the slot's week, as the reader's calendar has it."""
    day = slot.astimezone(zone).date()
    return day - timedelta(days=day.weekday())
