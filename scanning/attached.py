"""What is attached to images in a registry: SBOMs, VEX and scans go the way of reports, provenance says of what.

in-toto statements, bare (BuildKit), in DSSE envelopes or Sigstore bundles (cosign); SLSA provenance v0.2 and v1.
No signature is verified here, so no provenance counts as signed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec

from governance.images.claims import Claim
from governance.images.models import BaseEdge
from scanning.parsers.attestation_model import Bundle, Envelope, InToto
from scanning.parsers.oci_purl import repository_of
from scanning.parsers.packages import split_purl
from scanning.registries.values import Descriptor

# Media types of layers, and artifact types, that a parser of ours may read.
READ = (
    "application/spdx+json",
    "text/spdx+json",
    "application/vnd.cyclonedx+json",
    "application/vnd.openvex",
    "application/vnd.csaf",
    "application/vnd.syft+json",
    "application/vnd.in-toto+json",
    "application/vnd.dsse.envelope.v1+json",
    "application/vnd.dev.sigstore.bundle",
    "application/vnd.security.vulnerability.report",
    "application/sarif+json",
)
PROVENANCE = "https://slsa.dev/provenance/"
# Predicates that reports are made of (in-toto attestation registry; cosign); any other is left where it is.
PREDICATES: tuple[str, ...] = (
    "https://spdx.dev/",
    "https://cyclonedx.org/",
    "https://openvex.dev/",
    "https://cosign.sigstore.dev/",
)
PREDICATES += ("https://in-toto.io/attestation/vulns",)
# Images that take part in a build without being in it.
TOOLS = ("docker/dockerfile", "docker/buildkit-syft-scanner", "docker/scout-sbom-indexer", "moby/buildkit")
MOST_INPUTS = 50


class Input(msgspec.Struct):
    """A thing that took part in a build."""

    uri: str | None = None
    digest: dict[str, str] | None = None


class Definition(msgspec.Struct, rename="camel"):
    """`buildDefinition` of SLSA v1."""

    resolved_dependencies: list[Input] | None = None


class Provenance(msgspec.Struct, rename="camel"):
    """A predicate of either version."""

    materials: list[Input] | None = None
    build_definition: Definition | None = None


ENVELOPE, BUNDLE = msgspec.json.Decoder(Envelope), msgspec.json.Decoder(Bundle)
IN_TOTO, BUILD = msgspec.json.Decoder(InToto), msgspec.json.Decoder(Provenance)


@dataclass(frozen=True, slots=True)
class Statement:
    """An attached document: `body` to be delivered (None where it is no report), claims, what they are about."""

    digest: str
    subject: str
    body: bytes | None
    claims: tuple[Claim, ...] = ()


def deliverable(layer: Descriptor, artifact_type: str) -> bool:
    """Worth fetching: by its media type, or by that of the artifact where its layers have none of their own."""
    predicate = layer.note("in-toto.io/predicate-type") or layer.note("predicateType")
    if predicate and not predicate.startswith((PROVENANCE, *PREDICATES)):
        return False
    plain = layer.media_type in ("", "application/json", "application/octet-stream", "text/plain")
    return layer.media_type.startswith(READ) or (plain and artifact_type.startswith(READ))


def read_statement(body: bytes, digest: str, subject: str) -> Statement:
    """An attached document; what is no in-toto statement is delivered as it is."""
    try:
        statement = IN_TOTO.decode(unwrapped(body))
    except (msgspec.DecodeError, RecursionError, binascii.Error, ValueError):
        return Statement(digest, subject, body)
    predicate = statement.type or ""
    if predicate.startswith(PROVENANCE):
        return Statement(digest, subject, None, tuple(inputs_of(statement.predicate)))
    is_report = not predicate or predicate.startswith(PREDICATES)
    return Statement(digest, subject, body if is_report else None)


def unwrapped(body: bytes) -> bytes:
    """The statement in an envelope or a bundle, else the body itself."""
    try:
        envelope = BUNDLE.decode(body).envelope or ENVELOPE.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body
    return base64.b64decode(envelope.payload.translate(str.maketrans("-_", "+/")), validate=True)


def inputs_of(predicate: msgspec.Raw) -> list[Claim]:
    """The images that took part in a build, but for the tools; nothing marks the base among them."""
    try:
        build = BUILD.decode(predicate)
    except (msgspec.DecodeError, RecursionError):
        return []
    inputs = build.materials or (build.build_definition and build.build_definition.resolved_dependencies) or []
    found = []
    for one in inputs[:MOST_INPUTS]:
        purl = split_purl(one.uri or "")
        if purl is None or purl.type not in ("docker", "oci"):
            continue
        name = repository_of(purl)
        if name.removeprefix("docker.io/") in TOOLS:
            continue
        tag = f":{purl.version}" if purl.version and ":" not in purl.version else ""
        digest = f"sha256:{one.digest['sha256']}" if one.digest and one.digest.get("sha256") else ""
        found.append(Claim(BaseEdge.Rung.PROVENANCE, name + tag, digest, "build provenance, signature not verified"))
    return found
