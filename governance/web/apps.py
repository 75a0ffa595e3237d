"""Django's name for this package, and what the API's library is kept from loading."""

import sys
from importlib import import_module

from django.apps import AppConfig

# Django REST framework loads these where others brought them, and has no use for them here: 5 MB in each process.
UNUSED = ("markdown", "requests")


def load_rest_framework() -> None:
    """Load it as if `UNUSED` were not installed; whoever needs one of them loads it later."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        import_module("rest_framework.compat")
    finally:
        for name in hidden:
            del sys.modules[name]


load_rest_framework()


class WebConfig(AppConfig):
    """governance.web, label `web`."""

    name = "governance.web"
    label = "web"
