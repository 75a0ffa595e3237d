"""Reading what a tag names: manifests, configurations, what is attached. Network only; several threads may."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from governance.findings.observe import Shown
from governance.findings.report import ImageFacts
from governance.images.claims import Claim
from governance.images.clean import clean_digest, clean_text
from governance.images.models import BaseEdge
from scanning.attached import Statement, deliverable, read_statement
from scanning.models import TagMark
from scanning.parsers.image_config import ImageConfig
from scanning.registries import Registry, RegistryError
from scanning.registries.values import Descriptor, Document

CONFIG = msgspec.json.Decoder(ImageConfig)
# Tags by which signatures and the like are attached where there is no referrers API (cosign; distribution-spec 1.1).
ATTACHED = re.compile(r"sha256-([0-9a-f]{64})(\.[a-z]{1,10})?")
BASE_NAME, BASE_DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
# Seconds and attached bytes of one tag; nesting of indexes.
SECONDS, ATTACHED_BYTES, MOST_ATTACHED, DEPTH = 45.0, 16 * 2**20, 30, 3
# Images whose other tags need only be asked what they name.
KEPT = 500
# What says something about the registry, not about the tag.
ENDING = ("limited", "auth")


@dataclass(slots=True)
class Found:
    """What a tag was found to name. `missing`: not there any more (or not to be seen) by the time it was looked at."""

    tag: str
    kind: TagMark.Kind = TagMark.Kind.UNREAD
    digest: str = ""
    images: list[Shown] = field(default_factory=list)
    index: str = ""
    attached: list[Statement] = field(default_factory=list)
    error: str = ""
    is_unchanged: bool = False
    missing: bool = False
    is_unreachable: bool = False


class Reader:
    """Reads the tags of one repository; `tags` are all of its tags."""

    def __init__(self, registry: Registry, name: str, tags: Collection[str]) -> None:
        self.registry, self.name, self.tags = registry, name, tags
        self.kept: dict[str, Found] = {}

    def look(self, tag: str, before: TagMark | None, again: bool = False) -> Found:
        """What the tag names now; nothing is fetched where that is what it named before. Raises what ends a crawl.

        `again`: what is attached is to be asked for, also where the tag stays.
        """
        found = Found(tag, digest=(before and before.digest) or "")
        try:
            head = self.registry.head(self.name, tag)
            known = before is not None and before.kind != TagMark.Kind.UNREAD and before.digest
            if head.digest and known == head.digest:
                found.is_unchanged = True
                if again and self.registry.has_referrers is not False:
                    found.attached = list(self._referring(head.digest, Budget()))
                return found
            if (same := self.kept.get(head.digest)) and not ATTACHED.fullmatch(tag):
                return replace(same, tag=tag)
            found.digest = head.digest
            self._read(found, self.registry.document(self.name, head.digest or tag), known or "")
        except RegistryError as error:
            if error.why in ENDING:
                raise
            found.error, found.missing = clean_text(str(error), 300), error.why == "missing"
            found.is_unreachable = error.why == "unreachable"
            found.kind = TagMark.Kind.UNREAD
        self._keep(found)
        return found

    def _keep(self, found: Found) -> None:
        """One image mostly has several tags; of the last ones everything is known."""
        if found.kind in (TagMark.Kind.IMAGE, TagMark.Kind.INDEX) and not (found.error or found.is_unchanged):
            self.kept[found.digest] = found
            if len(self.kept) > KEPT:
                self.kept.pop(next(iter(self.kept)), None)

    def _read(self, found: Found, document: Document, known: str) -> None:
        """Fill in what a manifest that is new says."""
        found.digest = document.digest
        if known == document.digest:
            # A registry that does not say digests.
            found.is_unchanged = True
            return
        budget = Budget()
        if attached := ATTACHED.fullmatch(found.tag):
            found.kind = TagMark.Kind.ATTACHED
            found.attached = list(self._payloads(document, f"sha256:{attached[1]}", budget))
        elif document.kind == "schema1":
            found.kind = TagMark.Kind.SCHEMA_1
            found.error = "Docker's first image format has no configuration: pull and push it with a current Docker"
        elif document.kind == "artifact":
            found.kind = TagMark.Kind.ARTIFACT
        elif document.kind == "image":
            found.kind = TagMark.Kind.IMAGE
            found.attached = list(self._referring(document.digest, budget))
            found.images = [self._shown(document, {}, claims_in(found.attached, document.digest))]
        else:
            self._read_index(found, document, budget)

    def _read_index(self, found: Found, document: Document, budget: Budget) -> None:
        children = list(self._children(document, budget, DEPTH))
        images = [(child, entry) for child, entry in children if child.kind == "image"]
        for child, entry in children:
            if entry.is_attestation:
                subject = clean_digest(entry.note("vnd.docker.reference.digest"))
                found.attached += self._payloads(child, subject, budget) if subject else ()
        for digest in (document.digest, *(child.digest for child, _ in images)):
            found.attached += self._referring(digest, budget)
        found.kind = TagMark.Kind.INDEX if images or not children else TagMark.Kind.ARTIFACT
        found.index = document.digest
        for child, entry in images:
            notes = {**document.annotations, **(entry.annotations or {})}
            claims = claims_in(found.attached, child.digest) + claims_in(found.attached, document.digest)
            found.images.append(self._shown(child, notes, claims))

    def _children(self, document: Document, budget: Budget, depth: int) -> Iterator[tuple[Document, Descriptor]]:
        """What an index lists, indexes inside it too; a platform that was never copied here is left out."""
        for entry in document.children:
            budget.check()
            try:
                child = self.registry.document(self.name, entry.digest)
            except RegistryError as error:
                if error.why != "missing":
                    raise
                continue
            if child.kind != "index":
                yield child, entry
            elif depth > 1:
                yield from self._children(child, budget, depth - 1)

    def _shown(self, document: Document, notes: Mapping[str, str], claims: list[Claim]) -> Shown:
        """An image of its manifest and configuration."""
        assert document.config is not None  # noqa: S101 (what makes it an image)
        body = self.registry.blob(self.name, document.config.digest)
        try:
            config = CONFIG.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RegistryError("garbled", f"the image configuration cannot be read ({error})") from error
        layers = config.diff_ids
        facts = ImageFacts(
            config_digest=document.config.digest,
            config_proven=True,
            manifest_digest=document.digest,
            os=config.os or "",
            architecture=config.architecture or "",
            variant=config.variant or "",
            created=config.created_at,
            size=document.size,
            diff_ids=layers,
            history=config.history_of(layers),
            config=config.facts,
        )
        labels = dict(config.facts.labels) if config.facts else {}
        said = (
            (BaseEdge.Rung.ANNOTATION, {**notes, **document.annotations}, "annotation of the manifest"),
            (BaseEdge.Rung.LABEL, labels, "label of the configuration"),
        )
        based = [
            Claim(rung, words.get(BASE_NAME, ""), "" if config.is_of_steps else words.get(BASE_DIGEST, ""), source)
            for rung, words, source in said
            if words.get(BASE_NAME) or (words.get(BASE_DIGEST) and not config.is_of_steps)
        ]
        return Shown(facts, (*claims, *based))

    def _referring(self, digest: str, budget: Budget) -> Iterator[Statement]:
        """What is attached to a manifest by reference."""
        for entry in self.registry.referrers(self.name, digest, self.tags)[:MOST_ATTACHED]:
            budget.check()
            try:
                yield from self._payloads(self.registry.document(self.name, entry.digest), digest, budget)
            except RegistryError as error:
                if error.why in ENDING:
                    raise

    def _payloads(self, document: Document, subject: str, budget: Budget) -> Iterator[Statement]:
        """The documents in an attached manifest (or in those of an index) that say something we read."""
        if document.kind == "index":
            for entry in document.children[:MOST_ATTACHED]:
                yield from self._payloads(self.registry.document(self.name, entry.digest), subject, budget)
            return
        for layer in document.layers[:MOST_ATTACHED]:
            if deliverable(layer, document.artifact_type):
                budget.check()
                body = self.registry.blob(self.name, layer.digest, budget.bytes)
                budget.bytes -= len(body)
                yield read_statement(body, layer.digest, subject)


class Budget:
    """What one tag may cost."""

    def __init__(self) -> None:
        self.until, self.bytes = time.monotonic() + SECONDS, ATTACHED_BYTES

    def check(self) -> None:
        """RegistryError once it is used up."""
        if time.monotonic() > self.until or self.bytes <= 0:
            raise RegistryError("unreachable", "the registry takes too long, or has too much, for one tag")


def claims_in(attached: list[Statement], digest: str) -> list[Claim]:
    """What provenance says of the image of that manifest."""
    return [claim for one in attached if one.subject == digest for claim in one.claims]
