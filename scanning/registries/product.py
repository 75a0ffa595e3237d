"""Asking the API that a registry has beside the distribution API: JSON, the credentials only to their hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from governance.images.reference import PATH
from governance.web.outbound import Answer, Limits, OutboundError
from scanning.registries.auth import basic
from scanning.registries.oci import PAGE, STATUS, WHY, Listing, Registry, pause
from scanning.registries.paging import Bounds, same_origin
from scanning.registries.values import RegistryError

LIMITS = Limits(connect=5, read=15, whole=60, body=PAGE)


def login(registry: Registry) -> dict[str, str]:
    """Basic, where somebody signs in."""
    target = registry.target
    return {"Authorization": basic(target.username, target.secret)} if target.secret else {}


def ask[T](
    registry: Registry, url: str, shape: type[T], headers: Mapping[str, str], body: bytes | None = None
) -> tuple[T, Answer]:
    """GET (or POST a body) and decode; RegistryError for everything that is not the JSON that was expected."""
    place = urlsplit(url).netloc
    secret = {name.lower() for name in headers} - {"accept", "content-type", "x-amz-target"}
    if (secret or body) and not registry.target.may_have_secret(url):
        raise RegistryError("refused", f"credentials of {registry.target.host} are not sent to {place[:100]}")
    headers = {"Accept": "application/json", **headers}
    try:
        answer, content = registry.client.fetch(
            "GET" if body is None else "POST", url, headers=headers, body=body, limits=LIMITS
        )
    except OutboundError as error:
        raise RegistryError(WHY.get(error.kind, "unreachable"), str(error)) from error
    if answer.status not in (200, 201):
        why = "auth" if answer.status == 401 else STATUS.get(answer.status, "unreachable")
        seconds = pause(answer.headers.get("retry-after", "")) if answer.status == 429 else 0.0
        raise RegistryError(why, f"{place[:100]} answers {urlsplit(url).path[:150]} with {answer.status}", seconds)
    try:
        return msgspec.json.decode(content, type=shape), answer
    except (msgspec.DecodeError, RecursionError) as error:
        raise RegistryError("garbled", f"{place[:100]} answers with something else than expected ({error})") from error


def collect(first: str, page: Callable[[str], tuple[Iterable[str], str | None]]) -> Listing:
    """Follow pages: `page` takes an address and gives the names on it and the next address."""
    names: dict[str, None] = {}
    bounds, url = Bounds(), first
    while not bounds.is_over(url, len(names)):
        found, onward = page(url)
        names |= dict.fromkeys(name for name in found if PATH.fullmatch(name) and len(name) <= 255)
        if not onward:
            return Listing(tuple(names))
        same_origin(first, onward)
        url = onward
    return Listing(tuple(names), complete=False)


def namespace(registry: Registry, what: str) -> str:
    """What the connection says is to be listed; RegistryError where it says nothing and the API must be told."""
    word = registry.target.namespace.strip().strip("/")
    if not word:
        raise RegistryError("unsupported", f"this registry lists its repositories per {what}: enter which one")
    return word
