"""Django's name for this package."""

from django.apps import AppConfig


class OverviewConfig(AppConfig):
    """governance.overview, label `overview`."""

    name = "governance.overview"
    label = "overview"
