"""The clock: everything periodic, in one table. It sends the names of due tasks to the workers and does nothing itself.

So it is an app of its own that reads the settings and loads neither models nor tasks: half the memory. It is started as
`python -m governance.beat FILE`, where FILE keeps when everything was due last: Celery's command line costs 9 MB more.
"""

from __future__ import annotations

import os
import sys

from celery import Celery

from governance.framework import CELERY, CLOCK

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

app = Celery("portwarden", fixups=[])
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(CELERY)
app.conf.task_default_queue = CLOCK
app.conf.beat_schedule = {
    "work off what nobody was told of": {
        "task": "scanning.tasks.work_off",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "follow changed alias groups": {
        "task": "scanning.tasks.settle",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "match packages with advisories": {
        "task": "scanning.tasks.rematch",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "judge images of which something changed": {
        # Until it is judged again, each gate judges it on the spot, which costs several times as much.
        "task": "scanning.tasks.judge",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "crawl registries": {"task": "scanning.tasks.crawl", "schedule": 15.0, "options": {"expires": 15}},
    "look where events hinted to": {"task": "scanning.tasks.look", "schedule": 15.0, "options": {"expires": 15}},
    "plan scans": {"task": "scanning.tasks.plan_scans", "schedule": 60.0, "options": {"expires": 60}},
    "scan images where they lie": {"task": "scanning.tasks.scan", "schedule": 30.0, "options": {"expires": 30}},
    "make and verify kept copies": {"task": "scanning.tasks.copy", "schedule": 30.0, "options": {"expires": 30}},
    "list and delete what retention asks for": {
        "task": "scanning.tasks.retain",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "plan what is watched upstream": {
        "task": "scanning.tasks.plan_watches",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "watch upstream": {"task": "scanning.tasks.watch", "schedule": 30.0, "options": {"expires": 30}},
    "look after the feeds": {"task": "scanning.tasks.feeds", "schedule": 60.0, "options": {"expires": 60}},
    "make and send digests": {"task": "scanning.tasks.brief", "schedule": 60.0, "options": {"expires": 60}},
    "give repositories out by rule": {"task": "scanning.tasks.own", "schedule": 60.0, "options": {"expires": 60}},
    "prune bodies": {"task": "scanning.tasks.prune", "schedule": 3600.0, "options": {"expires": 3600}},
    "listen for who sends": {"task": "scanning.tasks.listen", "schedule": 60.0, "options": {"expires": 60}},
    "follow the clock": {"task": "scanning.tasks.follow_clock", "schedule": 900.0, "options": {"expires": 900}},
}

if __name__ == "__main__":
    app.Beat(loglevel="INFO", schedule=sys.argv[1]).run()
