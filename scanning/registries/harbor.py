"""Harbor 2: all repositories of all projects that the account may see (API v2.0, page_size at most 100)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.paging import next_page
from scanning.registries.product import ask, collect, login
from scanning.registries.values import Target

NAME = "harbor"
TITLE = "Harbor"
NAMESPACE = ""
RIGHTS = "a robot account that may list and pull repositories and read tags and artifacts of the projects"


class Row(msgspec.Struct):
    """A repository, `project/name`."""

    name: str


def trusted(host: str) -> tuple[str, ...]:
    """It signs in at its own address."""
    return ()


def sign_in(target: Target, client: Client) -> Target:
    """As entered; the client keeps no cookies, which would turn a robot's calls into a session's."""
    return target


def repositories(registry: Registry) -> Listing:
    """Of one project where the connection names one."""
    api, project = f"{registry.target.api}/api/v2.0", registry.target.namespace.strip("/")
    where = f"/projects/{quote(quote(project, safe=''), safe='')}/repositories" if project else "/repositories"

    def page(url: str) -> tuple[Iterable[str], str | None]:
        rows, answer = ask(registry, url, list[Row], login(registry))
        return [row.name for row in rows], next_page(url, answer.headers.get("link", ""))

    return collect(f"{api}{where}?page=1&page_size=100", page)
