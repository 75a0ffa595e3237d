"""GitHub's container registry: packages of type container of an organisation or a user (GitHub REST API)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.paging import next_page
from scanning.registries.product import ask, collect, namespace
from scanning.registries.values import RegistryError, Target

NAME = "ghcr"
TITLE = "GitHub Container Registry"
NAMESPACE = "organisation or user"
RIGHTS = "a personal access token (classic) with read:packages"
API = "https://api.github.com"


class Row(msgspec.Struct):
    """A package; its owner is the one that was asked for."""

    name: str


def trusted(host: str) -> tuple[str, ...]:
    """The API."""
    return ("api.github.com",)


def sign_in(target: Target, client: Client) -> Target:
    """As entered."""
    return target


def repositories(registry: Registry) -> Listing:
    """Of the organisation of that name, else of the user. Names are lower case in the registry."""
    space, target = namespace(registry, NAMESPACE), registry.target
    api = (target.api_url or API).rstrip("/")
    headers = {"Authorization": f"Bearer {target.secret}"} if target.secret else {}

    def page(url: str) -> tuple[Iterable[str], str | None]:
        rows, answer = ask(registry, url, list[Row], headers)
        return [f"{space}/{row.name}".lower() for row in rows], next_page(url, answer.headers.get("link", ""))

    query = f"/{quote(space, safe='')}/packages?package_type=container&per_page=100"
    try:
        return collect(f"{api}/orgs{query}", page)
    except RegistryError as error:
        if error.why != "missing":
            raise
        return collect(f"{api}/users{query}", page)
