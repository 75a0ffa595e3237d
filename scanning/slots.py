"""A periodic job's turn, taken once, however many schedulers run."""

from __future__ import annotations

from django.db import connection

# A job's turns of last week are of no use to anybody.
TAKE = """
WITH gone AS (
    DELETE FROM scanning_scheduleslot WHERE job = %(job)s AND slot_start < now() - interval '7 days'
)
INSERT INTO scanning_scheduleslot (job, slot_start)
SELECT %(job)s, to_timestamp(floor(extract(epoch FROM now()) / %(seconds)s) * %(seconds)s)
ON CONFLICT (job, slot_start) DO NOTHING
"""


def take_slot(job: str, seconds: int) -> bool:
    """True for the one caller who gets the current slot of `seconds`; the database's clock decides which that is."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"job": job, "seconds": seconds})
        return bool(cursor.rowcount)
