"""Every kind of registry that is read. A new one: one file here, one name in ADAPTERS.

All speak the distribution API (`oci.py`); a kind says how one signs in and how its repositories are listed.
"""

from __future__ import annotations

from typing import Protocol

from governance.web.outbound import Client, Limits, OutboundError
from scanning.registries import (
    acr,
    artifactory,
    dockerhub,
    ecr,
    ghcr,
    gitlab,
    google,
    harbor,
    quay,
    standard,
)
from scanning.registries.oci import MANIFEST, WHY, Listing, Registry
from scanning.registries.values import RegistryError, Target

__all__ = ["ADAPTERS", "Adapter", "Listing", "Registry", "RegistryError", "Target", "find", "open_registry"]


class Adapter(Protocol):
    """One kind of registry."""

    NAME: str
    TITLE: str
    # What `Target.namespace` names here; empty where nothing need be said.
    NAMESPACE: str
    # The least that the account needs, in words.
    RIGHTS: str

    def trusted(self, host: str) -> tuple[str, ...]:
        """Hosts beside the registry's own that are this product's and may be sent the credentials."""

    def sign_in(self, target: Target, client: Client) -> Target:
        """The credentials to pull with, where they are not those that were entered. RegistryError."""

    def repositories(self, registry: Registry) -> Listing:
        """The names of all repositories that the account may see. RegistryError."""


ADAPTERS: tuple[Adapter, ...] = (
    *(standard, dockerhub, harbor, quay, ghcr),
    *(gitlab, ecr, acr, google, artifactory),
)


def find(kind: str) -> Adapter:
    """An adapter by its name; KeyError for one that is not there."""
    return {adapter.NAME: adapter for adapter in ADAPTERS}[kind]


def open_registry(target: Target) -> Registry:
    """A client that has exchanged the credentials where its kind needs that; close it. RegistryError."""
    client = Client(limits=Limits(connect=5, read=15, whole=30, body=MANIFEST), ca=target.ca)
    try:
        return Registry(find(target.kind).sign_in(target, client), client)
    except (RegistryError, OutboundError) as error:
        client.close()
        if isinstance(error, OutboundError):
            raise RegistryError(WHY.get(error.kind, "unreachable"), str(error)) from error
        raise
