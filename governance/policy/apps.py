"""The app."""

from __future__ import annotations

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    """What must hold of images, and the verdicts that follow."""

    name = "governance.policy"
    label = "policy"
