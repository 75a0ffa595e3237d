"""The distribution API (OCI distribution-spec 1.1): tags, manifests, blobs, referrers. Whatever comes is checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import quote

import msgspec

from governance.images.clean import clean_digest
from governance.images.reference import PATH, TAG
from governance.web.outbound import Answer, Client, Limits, OutboundError
from scanning.registries.auth import SignIn
from scanning.registries.documents import read_document
from scanning.registries.paging import Bounds, next_page
from scanning.registries.values import (
    ACCEPT,
    OCI_INDEX,
    Descriptor,
    Document,
    Head,
    RegistryError,
    Target,
    Why,
    has_digest,
)

# Bytes of a manifest (what the specification asks registries to take) and of a page of a list.
MANIFEST, PAGE = 4 * 2**20, 8 * 2**20
ROWS = 1_000
LONGEST_PAUSE = 3_600.0
WHY: dict[str, Why] = {"refused": "refused", "large": "garbled", "garbled": "garbled"}
DELETED = (200, 202, 204)
STATUS: dict[int, Why] = {400: "unsupported", 403: "denied", 404: "missing", 405: "unsupported", 429: "limited"}


class TagPage(msgspec.Struct):
    """`tags` is null where a repository was emptied."""

    tags: list[str] | None = None


class CataloguePage(msgspec.Struct):
    """Not in the specification; as CNCF Distribution answers."""

    repositories: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Names in the order in which they came, each once; only a `complete` one says what is not there."""

    names: tuple[str, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Content:
    """A body to send: its media type, and the bytes, opened anew for each try; None sends nothing."""

    media_type: str = ""
    size: int = 0
    pieces: Callable[[], Iterator[bytes]] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Its length is said, so that nothing is sent in chunks; that nothing comes is said, too."""
        if not self.media_type:
            return {}
        return {"Content-Type": self.media_type, "Content-Length": str(self.size)}

    def open(self) -> Iterator[bytes] | None:
        """The bytes."""
        return self.pieces() if self.pieces else None


class Registry:
    """A registry that speaks the distribution API. Use it in `with`; several threads may."""

    def __init__(self, target: Target, client: Client | None = None) -> None:
        self.target = target
        limits = Limits(connect=5, read=15, whole=30, body=MANIFEST)
        self.client = client or Client(limits=limits, ca=target.ca)
        self.sign_in = SignIn(target, self.client)
        # None until somebody asked.
        self.has_referrers: bool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def ping(self) -> None:
        """It is there and lets us in."""
        self.send("GET", "/v2/")

    def catalogue(self, path: str = "/v2/_catalog") -> Listing:
        """All repositories, where the registry lists them."""
        return self._listed(f"{path}?n={ROWS}", "registry:catalog:*", "repositories")

    def tags(self, name: str) -> Listing:
        """All tags of a repository, in the registry's order. A `missing` one may be one we must not see."""
        return self._listed(f"/v2/{repository(name)}/tags/list?n={ROWS}", pull(name), "tags")

    def head(self, name: str, reference: str) -> Head:
        """What a tag points to now; does not count as a pull."""
        path = f"/v2/{repository(name)}/manifests/{tag_or_digest(reference)}"
        answer, _ = self.send("HEAD", path, pull(name), ACCEPT)
        size = answer.headers.get("content-length", "")
        digest = clean_digest(answer.headers.get("docker-content-digest", ""))
        return Head(digest, media_type(answer), int(size) if size.isdecimal() and len(size) < 19 else 0)

    def document(self, name: str, reference: str) -> Document:
        """A manifest or index by tag or digest, its bytes checked against the digest asked for or announced."""
        path = f"/v2/{repository(name)}/manifests/{tag_or_digest(reference)}"
        answer, body = self.send("GET", path, pull(name), ACCEPT)
        said = clean_digest(answer.headers.get("docker-content-digest", ""))
        for digest in (reference if ":" in reference else "", said):
            if digest and not has_digest(body, digest):
                raise RegistryError("digest", f"the manifest {name}@{digest} has other content than its digest says")
        return read_document(body, media_type(answer))

    def blob(self, name: str, digest: str, limit: int = MANIFEST) -> bytes:
        """Content by digest, checked; where the registry keeps it elsewhere, fetched there without credentials."""
        path = f"/v2/{repository(name)}/blobs/{tag_or_digest(digest)}"
        limits = Limits(connect=5, read=15, whole=30 if limit <= MANIFEST else 120, body=limit)
        _, body = self.send("GET", path, pull(name), "*/*", limits, follow=3)
        if not has_digest(body, digest):
            raise RegistryError("digest", f"the blob {name}@{digest} has other content than its digest says")
        return body

    def referrers(self, name: str, digest: str, tags: Collection[str] | None = None) -> tuple[Descriptor, ...]:
        """What is attached to a manifest. Registries without the API keep it under a tag, looked for among `tags`."""
        if self.has_referrers is not False:
            try:
                found = self._referrers(f"/v2/{repository(name)}/referrers/{tag_or_digest(digest)}", name)
            except RegistryError as error:
                if error.why not in ("missing", "unsupported"):
                    raise
                self.has_referrers = False
            else:
                self.has_referrers = True
                return found
        tag = digest.replace(":", "-", 1)
        if tags is not None and tag not in tags:
            return ()
        try:
            document = self.document(name, tag)
        except RegistryError as error:
            if error.why == "missing":
                return ()
            raise
        return document.children

    def delete(self, name: str, digest: str) -> None:
        """Delete a manifest by digest and every tag that names it. `unsupported` where deletion is switched off."""
        path = f"/v2/{repository(name)}/manifests/{tag_or_digest(digest)}"
        self.send("DELETE", path, f"repository:{name}:delete", good=DELETED)

    def _referrers(self, path: str, name: str) -> tuple[Descriptor, ...]:
        found: list[Descriptor] = []
        bounds, onward = Bounds(pages=20, entries=2_000), path
        while onward and not bounds.is_over(onward, len(found)):
            answer, body = self.send("GET", onward, pull(name), OCI_INDEX)
            found += read_document(body, OCI_INDEX).children
            onward = next_page(answer.url, answer.headers.get("link", "")) or ""
        return tuple(found)

    def _listed(self, path: str, scope: str, member: str) -> Listing:
        """Follow the pages. Old registries give no link: then `last=` is tried while full pages come."""
        names: dict[str, None] = {}
        bounds, onward = Bounds(), path
        limits = Limits(connect=5, read=15, whole=60, body=PAGE)
        while not bounds.is_over(onward, len(names)):
            answer, body = self.send("GET", onward, scope, "application/json", limits)
            page = rows(body, member)
            before = len(names)
            names |= dict.fromkeys(page)
            link = next_page(answer.url, answer.headers.get("link", ""))
            if link is None and len(page) == ROWS and len(names) > before:
                link = f"{path}&last={quote(page[-1], safe='')}"
            if link is None:
                return Listing(tuple(names))
            onward = link
        return Listing(tuple(names), complete=False)

    def send(
        self,
        method: str,
        path: str,
        scope: str = "",
        accept: str = "application/json",
        limits: Limits | None = None,
        follow: int = 0,
        body: Content | None = None,
        good: Collection[int] = (200,),
    ) -> tuple[Answer, bytes]:
        """Ask the registry, sign in once where it wants that; RegistryError for everything but a `good` status."""
        url = path if path.startswith(("http://", "https://")) else self.target.base_url.rstrip("/") + path
        limits = limits or Limits(connect=5, read=15, whole=30, body=MANIFEST)
        sent = body or Content()
        headers = {"Accept": accept, **sent.headers, **authorized(self.sign_in.header(scope))}
        try:
            answer, said = self.client.fetch(
                method, url, headers=headers, body=sent.open(), follow=follow, limits=limits
            )
            if answer.status == 401:
                self.sign_in.forget(scope)
                challenge = answer.headers.get("www-authenticate", "")
                headers |= authorized(self.sign_in.answer(challenge, scope))
                answer, said = self.client.fetch(
                    method, url, headers=headers, body=sent.open(), follow=follow, limits=limits
                )
        except OutboundError as error:
            raise RegistryError(WHY.get(error.kind, "unreachable"), str(error)) from error
        if answer.status not in good:
            raise failure(answer, said, path)
        return answer, said


def authorized(header: str) -> dict[str, str]:
    """As headers."""
    return {"Authorization": header} if header else {}


def failure(answer: Answer, body: bytes, path: str) -> RegistryError:
    """An answer that is no success, in words."""
    code = re.search(rb'"code"\s*:\s*"([A-Z_]{1,60})"', body[:4_096])
    said = f", {code[1].decode()}" if code else ""
    status, about = answer.status, path[:200]
    if status == 401 and about == "/v2/":
        return RegistryError("denied", f"the registry does not take this user name and password (status 401{said})")
    if status == 401:
        return RegistryError("denied", f"{about}: the sign-in works, but does not allow this (status 401{said})")
    if status == 429 or (code and code[1] == b"TOOMANYREQUESTS"):
        seconds = pause(answer.headers.get("retry-after", ""))
        return RegistryError("limited", f"{about}: too many requests, asked again in {seconds:.0f} s", seconds)
    if status == 404:
        return RegistryError("missing", f"{about}: not there, or not to be seen with this sign-in (status 404{said})")
    if 300 <= status < 400:
        return RegistryError("refused", f"{about}: the registry redirects to another address; it was not followed")
    return RegistryError(STATUS.get(status, "unreachable"), f"{about}: the registry answers with status {status}{said}")


def pause(header: str) -> float:
    """Seconds of `Retry-After` (a number or a date), a minute where it says nothing, an hour at most."""
    word = header.strip()
    if word.isdecimal():
        return min(float(word[:9]), LONGEST_PAUSE)
    try:
        seconds = (parsedate_to_datetime(word) - datetime.now(UTC)).total_seconds() if word else 60.0
    except (ValueError, TypeError):
        return 60.0
    return min(max(seconds, 1.0), LONGEST_PAUSE)


def rows(body: bytes, member: str) -> list[str]:
    """The names on a page of tags or repositories."""
    try:
        if member == "tags":
            return msgspec.json.decode(body, type=TagPage).tags or []
        return msgspec.json.decode(body, type=CataloguePage).repositories or []
    except (msgspec.DecodeError, RecursionError) as error:
        raise RegistryError("garbled", f"the list of {member} cannot be read ({error})") from error


def media_type(answer: Answer) -> str:
    """`Content-Type` without its parameters."""
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def repository(name: str) -> str:
    """A repository's name as it may stand in a path; nothing else gets into one."""
    if not PATH.fullmatch(name) or len(name) > 255:
        raise RegistryError("refused", f"{name[:200]!r} is no repository's name")
    return name


def tag_or_digest(reference: str) -> str:
    """The same of a tag or digest."""
    if not TAG.fullmatch(reference) and not (reference and clean_digest(reference) == reference):
        raise RegistryError("refused", f"{reference[:200]!r} is neither a tag nor a digest")
    return reference


def pull(name: str) -> str:
    """The scope to read a repository."""
    return f"repository:{name}:pull"
