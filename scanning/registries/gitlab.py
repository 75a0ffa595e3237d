"""GitLab: container repositories of a group and the groups below it (REST API v4, container registry)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.paging import next_page
from scanning.registries.product import ask, collect, namespace
from scanning.registries.values import RegistryError, Target

NAME = "gitlab"
TITLE = "GitLab"
NAMESPACE = "group or project"
RIGHTS = "a personal, group or project access token with read_api and read_registry (role Reporter)"


class Row(msgspec.Struct):
    """A container repository; `path` is its name in the registry."""

    path: str


def trusted(host: str) -> tuple[str, ...]:
    """gitlab.com signs in for its registry; another GitLab is entered as the address of the API."""
    return ("gitlab.com",) if host == "registry.gitlab.com" else ()


def sign_in(target: Target, client: Client) -> Target:
    """As entered."""
    return target


def repositories(registry: Registry) -> Listing:
    """Of the group of that path, else of the project."""
    space, target = namespace(registry, NAMESPACE), registry.target
    api = "https://gitlab.com" if target.host == "registry.gitlab.com" and not target.api_url else target.api
    headers = {"PRIVATE-TOKEN": target.secret} if target.secret else {}

    def page(url: str) -> tuple[Iterable[str], str | None]:
        rows, answer = ask(registry, url, list[Row], headers)
        return [row.path for row in rows], next_page(url, answer.headers.get("link", ""))

    path = f"{quote(space, safe='')}/registry/repositories?per_page=100"
    try:
        return collect(f"{api}/api/v4/groups/{path}", page)
    except RegistryError as error:
        if error.why != "missing":
            raise
        return collect(f"{api}/api/v4/projects/{path}", page)
