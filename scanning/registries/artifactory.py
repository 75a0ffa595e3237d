"""Artifactory: each Docker repository (key) has a catalogue of its own below the product's address."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import msgspec

from governance.web.outbound import Client
from scanning.registries.oci import Listing, Registry
from scanning.registries.paging import next_page
from scanning.registries.product import ask, collect, login
from scanning.registries.values import Target

NAME = "artifactory"
TITLE = "Artifactory"
NAMESPACE = "repository key"
RIGHTS = "a user or identity token with Read on the Docker repositories"


class Page(msgspec.Struct):
    """A page of a catalogue."""

    repositories: list[str] | None = None


def trusted(host: str) -> tuple[str, ...]:
    """It hands out tokens at its own address."""
    return ()


def sign_in(target: Target, client: Client) -> Target:
    """As entered."""
    return target


def repositories(registry: Registry) -> Listing:
    """Of one key; its images are `KEY/name` where the key is in the path, `name` where it is in the host's name."""
    target = registry.target
    key = target.namespace.strip().strip("/")
    if not key:
        return registry.catalogue()
    in_host = urlsplit(target.base_url).netloc.split(".")[0] in (key, key.replace("_", "-"))
    prefix = "" if in_host else f"{key}/"

    def page(url: str) -> tuple[Iterable[str], str | None]:
        found, answer = ask(registry, url, Page, login(registry))
        return [prefix + name for name in found.repositories or []], next_page(url, answer.headers.get("link", ""))

    return collect(f"{target.api}/artifactory/api/docker/{quote(key, safe='')}/v2/_catalog?n=1000", page)
