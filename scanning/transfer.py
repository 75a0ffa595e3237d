"""Carrying a base from one repository to another: blobs first, what needs them then, tags last. Network only.

What is there is not sent again, so that whoever was killed goes on where it was; what the same registry has elsewhere
is mounted. Nothing counts as carried that was not read back (`read_back`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from scanning.copy_tree import Place, Tree, read_tree
from scanning.failpoints import reach
from scanning.registries import RegistryError
from scanning.registries.push import has_blob, mount, open_blob, push, put_document, upload
from scanning.registries.values import OCI_INDEX, Descriptor, Document, sha256_of
from scanning.stopping import is_stopping

# What a registry says that does not mount from there; then the blob is sent.
NO_MOUNT = ("denied", "missing", "unsupported", "refused", "auth")


class Stopped(Exception):
    """The worker is about to end: what was carried stays, the rest is for whoever comes next."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How far it is (`told`: bytes done, of these not sent), and where else the target's registry has a blob."""

    told: Callable[[int, int], None] = lambda done, spared: None
    elsewhere: Callable[[str], Collection[str]] = lambda digest: ()
    goes_on: Callable[[], bool] = lambda: True


def carry(tree: Tree, source: Place, target: Place, tags: Collection[str], ways: Ways) -> None:
    """Put all of it into the target, and these tags on its top. RegistryError, `Stopped`."""
    for blob in tree.blobs.values():
        if is_stopping() or not ways.goes_on():
            raise Stopped
        reach("copy.before_blob", blob.digest)
        carry_blob(blob, source, target, ways)
        reach("copy.after_blob", blob.digest)
    for document in tree.manifests.values():
        reach("copy.before_manifest", document.digest)
        if not target.has(document.digest):
            put_document(target.registry, target.name, document.digest, document)
        reach("copy.after_manifest", document.digest)
    for tag, document in tree.tags.items():
        put_attached(target, tag, document)
    for digest, entries in tree.referrers.items():
        list_referrers(target, digest, entries)
    for tag in tags:
        reach("copy.before_tag", tag)
        put_document(target.registry, target.name, tag, tree.manifests[tree.top])
    reach("copy.after_tags", tree.top)


def carry_blob(blob: Descriptor, source: Place, target: Place, ways: Ways) -> None:
    """One blob, unless it is there."""
    if has_blob(target.registry, target.name, blob, push(target.name)):
        ways.told(blob.size, blob.size)
        return
    location = ""
    same = [source.name] if source.registry.target.host == target.registry.target.host else []
    for other in (*same, *ways.elsewhere(blob.digest))[:3]:
        try:
            location = mount(target.registry, target.name, blob.digest, other)
        except RegistryError as error:
            if error.why not in NO_MOUNT:
                raise
            continue
        if not location and has_blob(target.registry, target.name, blob, push(target.name)):
            ways.told(blob.size, blob.size)
            return
        if location:
            break

    def pieces() -> Iterator[bytes]:
        with open_blob(source.registry, source.name, blob) as chunks:
            for piece in chunks:
                yield piece
                ways.told(len(piece), 0)
                reach("copy.in_blob", blob.digest)
                if is_stopping():
                    raise Stopped

    upload(target.registry, target.name, blob, pieces, location)


def put_attached(target: Place, tag: str, document: Document) -> None:
    """What attaches by a tag. Something newer that is there stays; of two lists of referrers both are kept."""
    there = target.find(tag)
    if there is None:
        put_document(target.registry, target.name, tag, document)
    elif there.digest != document.digest and document.kind == there.kind == "index":
        put_listing(target, tag, {**entries_of(there), **entries_of(document)})


def list_referrers(target: Place, digest: str, entries: Collection[Descriptor]) -> None:
    """Where the registry does not list what refers to a manifest, the tag for that does (distribution-spec 1.1)."""
    known = {one.digest for one in target.registry.referrers(target.name, digest)}
    if target.registry.has_referrers is False and any(one.digest not in known for one in entries):
        tag = digest.replace(":", "-", 1)
        there = target.find(tag)
        more = {one.digest: described(one) for one in entries}
        put_listing(target, tag, {**(entries_of(there) if there else {}), **more})


def entries_of(document: Document) -> dict[str, dict[str, object]]:
    """The entries of an index, as they stand in it."""
    return {entry["digest"]: entry for entry in json.loads(document.body)["manifests"]}


def described(one: Descriptor) -> dict[str, object]:
    """An entry as the referrers API gave it."""
    entry: dict[str, object] = {"mediaType": one.media_type, "digest": one.digest, "size": one.size}
    entry |= {"artifactType": one.artifact_type} if one.artifact_type else {}
    return entry | ({"annotations": dict(one.annotations)} if one.annotations else {})


def put_listing(target: Place, tag: str, entries: dict[str, dict[str, object]]) -> None:
    """A list of referrers under its tag."""
    body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries.values())}).encode()
    put_document(target.registry, target.name, tag, Document(sha256_of(body), "index", OCI_INDEX, body))


def read_back(place: Place, top: str, digests: Collection[str], ways: Ways, deep: bool = True) -> Tree:
    """Look whether all of it is there: manifests by digest, and blobs by size or (`deep`) by every byte.

    RegistryError `missing` or `digest` says that it is not; any other, that nobody knows. Returns what is there.
    """
    reach("copy.before_read", top)
    tree = read_tree(place, top)
    for digest in digests:
        if digest not in tree.manifests:
            place.registry.document(place.name, digest)
    for blob in tree.blobs.values():
        if is_stopping():
            raise Stopped
        if not deep and not has_blob(place.registry, place.name, blob):
            raise RegistryError("missing", f"the blob {place}@{blob.digest} is not there")
        if deep:
            with open_blob(place.registry, place.name, blob) as pieces:
                for piece in pieces:
                    ways.told(len(piece), 0)
                    if is_stopping():
                        raise Stopped
    reach("copy.after_read", top)
    return tree
