"""Django's name for this package."""

from django.apps import AppConfig


class FindingsConfig(AppConfig):
    """governance.findings, label `findings`."""

    name = "governance.findings"
    label = "findings"
