"""Azure Container Registry: its catalogue is at a path of its own; a service principal or token signs in by Basic."""

from __future__ import annotations

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.values import Target

NAME = "acr"
TITLE = "Azure Container Registry"
NAMESPACE = ""
RIGHTS = "a service principal with AcrPull and the catalogue (Container Registry Repository Catalog Lister), or a token"


def trusted(host: str) -> tuple[str, ...]:
    """It hands out tokens at its own address."""
    return ()


def sign_in(target: Target, client: Client) -> Target:
    """As entered."""
    return target


def repositories(registry: Registry) -> Listing:
    """All."""
    return registry.catalogue("/acr/v1/_catalog")
