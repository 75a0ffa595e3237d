"""The approved list as other programs read it. A new format: one file here, one name in ENFORCERS.

All are written from the same rules (`rules.py`). YAML readers are given JSON, which is YAML.
"""

from __future__ import annotations

from typing import Protocol

from governance.approvals.enforcers import (
    conftest,
    containers_policy,
    gatekeeper,
    kyverno,
    plain,
    registries_conf,
    renovate,
    validating_admission,
)
from governance.approvals.rules import ApprovedList


class Enforcer(Protocol):
    """A format: its name in addresses, its file on disk, its media type, and how it is written."""

    NAME: str
    FILE: str
    MEDIA_TYPE: str
    TITLE: str

    def write(self, approved: ApprovedList) -> str:
        """The document."""


ENFORCERS: tuple[Enforcer, ...] = (
    plain,
    kyverno,
    validating_admission,
    gatekeeper,
    renovate,
    containers_policy,
    registries_conf,
    conftest,
)


def find(name: str) -> Enforcer | None:
    """The format of this name."""
    return next((one for one in ENFORCERS if name == one.NAME), None)
