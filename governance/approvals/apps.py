"""Django's name for this package."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """governance.approvals, label `approvals`."""

    name = "governance.approvals"
    label = "approvals"
