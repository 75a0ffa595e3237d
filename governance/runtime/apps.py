"""Django's name for this package."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    """governance.runtime, label `runtime`."""

    name = "governance.runtime"
    label = "runtime"
