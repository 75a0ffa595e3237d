"""Docker Hub: it refuses the catalogue; its own API lists the repositories of a namespace (Docker Hub API v2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from governance.images.clean import clean_text
from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.product import ask, collect, namespace
from scanning.registries.values import RegistryError, Target

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


class About(msgspec.Struct):
    """What a repository's page says."""

    description: str | None = None


def deprecation(registry: Registry, name: str) -> str | None:
    """What Docker Hub says where a repository is deprecated, "" where it is not; None elsewhere, or without an answer.

    Official images that are are described so: "DEPRECATED; The official build of …".
    """
    if registry.target.kind != NAME:
        return None
    api = (registry.target.api_url or API).rstrip("/")
    try:
        found, _ = ask(registry, f"{api}/v2/repositories/{quote(name)}/", About, {})
    except RegistryError:
        return None
    text = (found.description or "").strip()
    return clean_text(text, 300) if text.upper().startswith("DEPRECATED") else ""
