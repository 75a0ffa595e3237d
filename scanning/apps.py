"""Django's name for this package."""

from django.apps import AppConfig


class ScanningConfig(AppConfig):
    """scanning, label `scanning`."""

    name = "scanning"
