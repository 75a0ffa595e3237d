"""Quay and quay.io: repositories of an organisation (API v1). The API wants an OAuth token, not a robot's."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.product import ask, collect, namespace
from scanning.registries.values import Target

NAME = "quay"
TITLE = "Quay"
NAMESPACE = "organisation or user"
RIGHTS = "user $oauthtoken with an OAuth application's token (repo:read); a robot can pull but not list: enter names"
# The user name that stands for an OAuth token when pulling.
OAUTH = "$oauthtoken"


class Row(msgspec.Struct):
    """A repository."""

    name: str
    namespace: str


class Page(msgspec.Struct):
    """A page of them, and the word for the next."""

    repositories: list[Row] = []
    next_page: str | None = None


def trusted(host: str) -> tuple[str, ...]:
    """It signs in at its own address."""
    return ()


def sign_in(target: Target, client: Client) -> Target:
    """As entered."""
    return target


def repositories(registry: Registry) -> Listing:
    """Of one organisation; without a token the public ones."""
    target = registry.target
    headers = {"Authorization": f"Bearer {target.secret}"} if target.username == OAUTH else {}
    first = f"{target.api}/api/v1/repository?namespace={quote(namespace(registry, NAMESPACE), safe='')}"
    first += "" if headers else "&public=true"

    def page(url: str) -> tuple[Iterable[str], str | None]:
        rows, _ = ask(registry, url, Page, headers)
        onward = f"{first}&next_page={quote(rows.next_page, safe='')}" if rows.next_page else None
        return [f"{row.namespace}/{row.name}" for row in rows.repositories], onward

    return collect(first, page)
