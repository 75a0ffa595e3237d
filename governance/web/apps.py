"""Django's name for this package."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """governance.web, label `web`."""

    name = "governance.web"
    label = "web"
