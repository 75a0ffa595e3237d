"""Registries that list their repositories by `/v2/_catalog`: CNCF Distribution, Zot, Nexus and most others."""

from __future__ import annotations

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.values import Target

NAME = "standard"
TITLE = "Distribution, Zot, Nexus or any other"
NAMESPACE = ""
RIGHTS = "pull, and scope registry:catalog:* where it hands out tokens; without the catalogue, enter repositories"


def trusted(host: str) -> tuple[str, ...]:
    """No other host."""
    return ()


def sign_in(target: Target, client: Client) -> Target:
    """As entered."""
    return target


def repositories(registry: Registry) -> Listing:
    """All that the account may see."""
    return registry.catalogue()
