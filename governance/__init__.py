"""The project: all that Portwarden knows and decides."""

from governance.celery import app as celery_app

__all__ = ["celery_app"]
