"""Django's name for this package."""

from django.apps import AppConfig


class BriefingsConfig(AppConfig):
    """governance.briefings, label `briefings`."""

    name = "governance.briefings"
    label = "briefings"
