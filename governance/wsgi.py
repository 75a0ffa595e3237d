"""The WSGI entry point (gunicorn governance.wsgi)."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
application = get_wsgi_application()

# Loaded before the processes part (gunicorn --preload): kept out of the collector's way, they go on sharing it.
gc.collect()
gc.freeze()
