"""Docker Hub: it refuses the catalogue; its own API lists the repositories of a namespace (Docker Hub API v2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.product import ask, collect, namespace
from scanning.registries.values import Target

NAME = "dockerhub"
TITLE = "Docker Hub"
NAMESPACE = "organisation or user"
RIGHTS = "an access token with the right to read"
API = "https://hub.docker.com"


class Row(msgspec.Struct):
    """A repository."""

    name: str
    namespace: str | None = None


class Page(msgspec.Struct):
    """A page of them."""

    results: list[Row] = []
    next: str | None = None


class Token(msgspec.Struct):
    """What a login gives."""

    token: str = ""


def trusted(host: str) -> tuple[str, ...]:
    """Its token server and its API."""
    return ("auth.docker.io", "hub.docker.com")


def sign_in(target: Target, client: Client) -> Target:
    """As entered."""
    return target


def repositories(registry: Registry) -> Listing:
    """Of one namespace, the private ones with a login."""
    space, target = namespace(registry, NAMESPACE), registry.target
    api = (target.api_url or API).rstrip("/")
    headers: dict[str, str] = {}
    if target.secret:
        body = json.dumps({"username": target.username, "password": target.secret}).encode()
        found, _ = ask(registry, f"{api}/v2/users/login", Token, {"Content-Type": "application/json"}, body)
        headers = {"Authorization": f"JWT {found.token}"}

    def page(url: str) -> tuple[Iterable[str], str | None]:
        rows, _ = ask(registry, url, Page, headers)
        return [f"{row.namespace or space}/{row.name}" for row in rows.results], rows.next

    return collect(f"{api}/v2/repositories/{quote(space, safe='')}/?page_size=100", page)
