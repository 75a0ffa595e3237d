"""The WSGI entry point (gunicorn governance.wsgi)."""

import gc
import os
import sys

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
application = get_wsgi_application()

# A thread that computes gives way after 1 ms instead of 5: an answer to a gate asks the database four times, and waited
# so long after each of them while another thread took a report.
sys.setswitchinterval(0.001)

# All pages are loaded before the processes part (gunicorn --preload), not by each with its first request; kept out of
# the collector's way, they go on sharing them.
get_resolver().url_patterns  # noqa: B018 (asking for them loads them)
gc.collect()
gc.freeze()
