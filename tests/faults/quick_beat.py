"""The scheduler with one entry of its table, and that one often: a test cannot wait a minute for each tick."""

from __future__ import annotations

from governance.beat import app

ENTRY = "make and send digests"
app.conf.beat_schedule = {ENTRY: {**app.conf.beat_schedule[ENTRY], "schedule": 0.3}}
app.conf.beat_max_loop_interval = 0.3
