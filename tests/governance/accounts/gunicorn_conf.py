"""The web process of the tests of sign-ins: it makes the tables of these itself, so that Django is loaded once."""

from __future__ import annotations

from typing import Any

import django
from django.core.management import call_command
from django.db import connection

workers, threads, preload_app = 1, 4, True


def on_starting(server: Any) -> None:
    """Before the application is loaded and the port is opened."""
    django.setup()
    for app in ("account", "socialaccount"):
        call_command("migrate", app, interactive=False, verbosity=0)
    connection.close()
