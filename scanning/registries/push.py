"""Writing to a registry, and reading blobs in pieces (OCI distribution-spec 1.1, "Push" and "Pulling blobs").

No blob is ever in memory as a whole: what is read goes out piece by piece, hashed on the way, and is committed only
once all of it was what its digest says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote, urljoin, urlsplit

from governance.images.clean import clean_digest
from governance.web.outbound import Answer, Limits, OutboundError, Place
from scanning.registries.oci import (
    MANIFEST,
    WHY,
    Content,
    Registry,
    authorized,
    failure,
    pull,
    repository,
    tag_or_digest,
)
from scanning.registries.values import ACCEPT, Descriptor, Document, RegistryError

REDIRECTS = (301, 302, 303, 307, 308)
OCTETS = "application/octet-stream"
# No layer is larger; below this many bytes a second a transfer is given up, after a minute at the earliest.
LARGEST, SLOWEST = 100 * 2**30, 64 * 2**10


def push(name: str) -> str:
    """The scope to write to a repository, which has to be read, too."""
    return f"repository:{name}:pull,push"


def patience(size: int) -> Limits:
    """For a blob of that size, and not a byte more."""
    return Limits(connect=5, read=30, whole=60 + size / SLOWEST, body=size)


def has_blob(registry: Registry, name: str, blob: Descriptor, scope: str = "") -> bool:
    """It is there; one of another size is not it."""
    path = f"/v2/{repository(name)}/blobs/{tag_or_digest(blob.digest)}"
    try:
        answer, _ = registry.send("HEAD", path, scope or pull(name), "*/*", good=(200, *REDIRECTS))
    except RegistryError as error:
        if error.why != "missing":
            raise
        return False
    size = answer.headers.get("content-length", "")
    return answer.status != 200 or not size.isdecimal() or int(size) == blob.size


@contextmanager
def open_blob(registry: Registry, name: str, blob: Descriptor) -> Iterator[Iterator[bytes]]:
    """Its bytes in pieces. Where these are not what the digest says, the last piece is withheld: RegistryError."""
    if not 0 <= blob.size <= LARGEST:
        raise RegistryError("refused", f"the blob {name}@{blob.digest} claims to have {blob.size:,} bytes")
    path = f"/v2/{repository(name)}/blobs/{tag_or_digest(blob.digest)}"
    url, scope = registry.target.base_url.rstrip("/") + path, pull(name)
    try:
        for is_last in (False, True):
            headers = {"Accept": "*/*", **authorized(registry.sign_in.header(scope))}
            with registry.client.stream("GET", url, headers=headers, follow=3, limits=patience(blob.size)) as answer:
                if answer.status == 401 and not is_last:
                    registry.sign_in.forget(scope)
                    registry.sign_in.answer(answer.headers.get("www-authenticate", ""), scope)
                    continue
                if answer.status != 200:
                    raise failure(answer, b"", path)
                yield checked(answer.chunks(), f"{name}@{blob.digest}", blob)
                return
    except OutboundError as error:
        raise RegistryError(WHY.get(error.kind, "unreachable"), str(error)) from error


def checked(pieces: Iterator[bytes], what: str, blob: Descriptor) -> Iterator[bytes]:
    """The same pieces; RegistryError before the last one where they are not what is wanted."""
    algorithm, _, encoded = blob.digest.partition(":")
    if algorithm not in ("sha256", "sha384", "sha512"):
        raise RegistryError("refused", f"the blob {what} has a digest that cannot be checked")
    seen, size, held = hashlib.new(algorithm), 0, b""
    for piece in pieces:
        if held:
            yield held
        seen.update(piece)
        size, held = size + len(piece), piece
    if size != blob.size or seen.hexdigest() != encoded:
        raise RegistryError("digest", f"the blob {what} has other content than its digest says ({size:,} bytes came)")
    if held:
        yield held


def mount(registry: Registry, name: str, digest: str, source: str) -> str:
    """Take a blob over from another repository of the same registry: "" once it did, else where to upload it."""
    both = f"{push(name)} {pull(source)}"
    query = f"mount={quote(tag_or_digest(digest), safe='')}&from={quote(repository(source), safe='')}"
    answer = start(registry, name, both, query)
    return "" if answer.status == 201 else upload_at(registry, answer)


def start(registry: Registry, name: str, scope: str, query: str = "") -> Answer:
    """Begin an upload."""
    path = f"/v2/{repository(name)}/blobs/uploads/" + (f"?{query}" if query else "")
    return registry.send("POST", path, scope, body=Content(OCTETS), good=(201, 202))[0]


def upload_at(registry: Registry, answer: Answer) -> str:
    """Where an upload goes on: at the registry itself, or nowhere."""
    location = answer.headers.get("location", "")
    try:
        place = Place.of(urljoin(answer.url, location)) if location else None
    except (OutboundError, ValueError):
        place = None
    if place is None:
        raise RegistryError("garbled", f"the registry does not say where to upload ({location[:200]!r})")
    if place.origin != Place.of(registry.target.base_url).origin:
        raise RegistryError("refused", f"uploads are to go to another host ({place.origin}): nothing was sent there")
    return urljoin(answer.url, location)


def upload(
    registry: Registry, name: str, blob: Descriptor, pieces: Callable[[], Iterator[bytes]], location: str = ""
) -> None:
    """Send a blob's pieces and commit them; what fails on the way is taken back. `location` as `mount` gave it."""
    scope = push(name)
    location = location or upload_at(registry, start(registry, name, scope))
    try:
        if blob.size:
            content = Content(OCTETS, blob.size, pieces)
            answer, _ = registry.send(
                *("PATCH", location, scope), limits=spared(patience(blob.size)), body=content, good=(202, 204)
            )
            location = upload_at(registry, answer)
        joint = "&" if urlsplit(location).query else "?"
        url = f"{location}{joint}digest={quote(blob.digest, safe='')}"
        # Whoever takes it hashes it all before the answer.
        limits = spared(patience(blob.size))
        answer, _ = registry.send("PUT", url, scope, limits=limits, body=Content(OCTETS), good=(200, 201, 204))
    except RegistryError:
        with suppress(RegistryError):
            registry.send("DELETE", location, scope, good=(200, 202, 204, 404))
        raise
    said = clean_digest(answer.headers.get("docker-content-digest", ""))
    if said and said != blob.digest:
        raise RegistryError("digest", f"{name}@{blob.digest} was stored as {said}")


def spared(limits: Limits) -> Limits:
    """The time of these, and an answer of the usual size; the other side may think while it hashes."""
    return Limits(connect=limits.connect, read=120, whole=limits.whole + 120, body=MANIFEST)


def put_document(registry: Registry, name: str, reference: str, document: Document) -> bool:
    """Put a manifest under a tag or its digest, byte for byte; True where the registry lists its subject by itself."""
    path = f"/v2/{repository(name)}/manifests/{tag_or_digest(reference)}"
    content = Content(document.media_type, len(document.body), lambda: iter([document.body]))
    answer, _ = registry.send("PUT", path, push(name), ACCEPT, body=content, good=(200, 201, 202))
    said = clean_digest(answer.headers.get("docker-content-digest", ""))
    if said and said != document.digest:
        raise RegistryError("digest", f"{name}@{document.digest} was stored as {said}")
    return bool(answer.headers.get("oci-subject"))
