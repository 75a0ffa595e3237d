"""Envelopes of attestations as structs: DSSE 1.0, Sigstore bundles, in-toto statements, scan predicates."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class Envelope(msgspec.Struct, gc=False):
    """DSSE (secure-systems-lab/dsse `envelope.md`): `payload` is base64, standard or URL-safe."""

    payload: str
    type: str | None = field(default=None, name="payloadType")


class Bundle(msgspec.Struct, gc=False):
    """A Sigstore bundle (`sigstore_bundle.proto` in JSON): an envelope, or the signature of something else."""

    envelope: Envelope | None = field(default=None, name="dsseEnvelope")


class Subject(msgspec.Struct, gc=False):
    """What a statement is about: hex digests by algorithm, without prefix."""

    name: str | None = None
    digest: dict[str, Scalar] | None = None


class InToto(msgspec.Struct, gc=False):
    """An in-toto statement (in-toto/attestation `spec/v1/statement.md`; v0.1 has the same members)."""

    subjects: list[Subject] | None = field(default=None, name="subject")
    type: str | None = field(default=None, name="predicateType")
    predicate: msgspec.Raw = msgspec.Raw(b"null")


class Score(msgspec.Struct, gc=False):
    """One severity of a neutral scan record."""

    method: str | None = None
    score: Scalar = None


class Named(msgspec.Struct, gc=False):
    """An object that has an identifier."""

    id: str | None = None


class Result(msgspec.Struct, gc=False):
    """One vulnerability of a neutral scan record; the specification's text and example differ in where `id` is."""

    id: str | None = None
    vulnerability: Named | None = None
    severity: list[Score] | None = None


class Base(msgspec.Struct, gc=False):
    """The scanner's database; in the specification's example the result stands beside its version."""

    version: Scalar = None
    result: msgspec.Raw = msgspec.Raw()


class Scanner(msgspec.Struct, gc=False):
    """Who scanned. `result` is the scanner's own report, or a list of neutral records."""

    uri: str | None = None
    version: Scalar = None
    base: Base | None = field(default=None, name="db")
    result: msgspec.Raw = msgspec.Raw()


class Times(msgspec.Struct, gc=False):
    """When."""

    started: str | None = field(default=None, name="scanStartedOn")
    finished: str | None = field(default=None, name="scanFinishedOn")


class ScanRecord(msgspec.Struct, gc=False):
    """The predicate of cosign's `vuln` and of in-toto's `vulns`."""

    scanner: Scanner
    metadata: Times | None = None
