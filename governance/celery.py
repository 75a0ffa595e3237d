"""The Celery app; settings are in framework.py, the address of the broker in settings.py, what is done when in beat.py.

Celery is only the pool that runs work; the database says what work there is (see scanning/deliveries.py). So nothing
here has to be reliable: no result backend, no late acknowledgement, no retries, no ETA.
"""

from __future__ import annotations

import os

from celery import Celery
from kombu import Exchange, Queue

from governance.framework import CELERY, CLOCK

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
# Django's checks load every page. The start has migrated, which makes them; a worker shows no pages and saves 7 MB.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("portwarden")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(CELERY)
# In turn from hints, of which a burst of reports leaves hundreds, and from what the clock sends: periodic work behind
# such a burst expired before its turn came, again and again.
app.conf.task_queues = [Queue(name, Exchange(name), routing_key=name) for name in ("celery", CLOCK)]
app.autodiscover_tasks(["scanning"])
