"""The Celery app; its settings are the CELERY_ names of settings.py. What is done when stands in beat.py.

Celery is only the pool that runs work; the database says what work there is (see scanning/deliveries.py). So nothing
here has to be reliable: no result backend, no late acknowledgement, no retries, no ETA.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

app = Celery("portwarden")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["scanning"])
