"""Every sender of events that is understood. A new one: one file here, one name in HOOKS.

An event is a hint and never a fact: it says where to look, and the registry itself is asked what is there.
"""

from __future__ import annotations

from typing import Any, Protocol

from scanning.hooks import acr, artifactory, dockerhub, ecr, gar, github, gitlab, harbor, quay, registry
from scanning.hooks.hints import Heard
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document

__all__ = ["CHOICES", "HOOKS", "Hook", "find"]


class Hook(Protocol):
    """One kind of sender."""

    # In the address of the endpoint: /webhooks/NAME/…
    NAME: str
    TITLE: str
    SCHEME: Scheme
    # The only registry that it can speak for, where there is only one.
    HOST: str
    # Most bytes of a body.
    LIMIT: int

    def settings(self, address: str, secret: str) -> tuple[tuple[str, str], ...]:
        """What to enter at the sender, as (label, text to paste) or (sentence, "") in the order of its pages."""

    def read(self, document: Document) -> Heard:
        """What an event hints at. Raises `ReportError` where it is none of this kind."""

    def sample(self, host: str, repository: str, tag: str) -> dict[str, Any]:
        """An event as the sender would write it, for a test."""


HOOKS: tuple[Hook, ...] = (registry, harbor, dockerhub, quay, github, gitlab, acr, ecr, gar, artifactory)

# (name, title) for forms and API.
CHOICES: list[tuple[str, str]] = [(hook.NAME, hook.TITLE) for hook in HOOKS]


def find(kind: str) -> Hook | None:
    """The kind of this name."""
    return next((hook for hook in HOOKS if kind == hook.NAME), None)
