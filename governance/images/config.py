"""An image's configuration, kept as far as people filter and compare by it; and what its labels say of its base."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

from governance.images.claims import Claim, record_claims
from governance.images.clean import clean_text
from governance.images.models import BaseEdge

OCI = "org.opencontainers.image."
BUILDPACKS = "io.buildpacks.lifecycle.metadata"
MOST_WORDS, MOST_STEPS, MOST_LABELS = 50, 1_000, 30


@dataclass(frozen=True, slots=True)
class Config:
    """As the report has it, not cleaned; `env` are names only, `steps` (command, whether it made no layer)."""

    user: str
    entrypoint: Sequence[str]
    command: Sequence[str]
    env: Sequence[str]
    ports: Sequence[str]
    healthcheck: bool
    labels: Sequence[tuple[str, str]]
    steps: Sequence[tuple[str, bool]]


STORE = """
INSERT INTO images_imageconfig (image_id, "user", entrypoint, command, env, ports, healthcheck, labels, steps)
VALUES (%(image)s, %(user)s, %(entrypoint)s, %(command)s, %(env)s, %(ports)s, %(healthcheck)s, %(labels)s, %(steps)s)
ON CONFLICT (image_id) DO NOTHING
"""


def store_config(image: int, config: Config, at: datetime) -> None:
    """Keep it, and what its labels say of the base. It belongs to the config digest, so the first one stays."""
    row: dict[str, Any] = {
        "image": image,
        "user": clean_text(config.user, 100).strip(),
        "entrypoint": _words(config.entrypoint, 300),
        "command": _words(config.command, 300),
        "env": _words(config.env, 100),
        "ports": _words(config.ports, 30),
        "healthcheck": config.healthcheck,
        "labels": Jsonb(_labels(config.labels)),
        "steps": step_hashes(config.steps),
    }
    with connection.cursor() as cursor:
        cursor.execute(STORE, row)
    record_claims(image, claims_of(dict(config.labels)), at)


def _words(texts: Iterable[str], limit: int) -> list[str]:
    return [clean_text(text, limit) for text in list(texts)[:MOST_WORDS]]


def _labels(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    kept = [(name.removeprefix(OCI), value) for name, value in labels if name.startswith(OCI)]
    return {clean_text(name, 60): clean_text(value, 300) for name, value in kept[:MOST_LABELS]}


def step_hashes(steps: Sequence[tuple[str, bool]]) -> bytes:
    """Four bytes for each entry, of it and all before it."""
    digest, found = hashlib.blake2b(digest_size=4), bytearray()
    for command, is_empty in steps[:MOST_STEPS]:
        digest.update(json.dumps([command, is_empty]).encode())
        found += digest.digest()
    return bytes(found)


class RunImage(msgspec.Struct, gc=False):
    """`runImage` of the buildpacks lifecycle's label: the base of the finished image."""

    reference: str = ""
    image: str = ""


class Lifecycle(msgspec.Struct, gc=False, rename="camel"):
    """Label `io.buildpacks.lifecycle.metadata`."""

    run_image: RunImage = msgspec.field(default_factory=RunImage)


LIFECYCLE = msgspec.json.Decoder(Lifecycle)


def claims_of(labels: dict[str, str]) -> list[Claim]:
    """What the labels say of the base (OCI image-spec, annotations; buildpacks platform specification, labels)."""
    name, digest = labels.get(f"{OCI}base.name", ""), labels.get(f"{OCI}base.digest", "")
    found = [Claim(BaseEdge.Rung.LABEL, name, digest, "label of the image")] if name or digest else []
    try:
        run = LIFECYCLE.decode(labels.get(BUILDPACKS, "{}")).run_image
    except (msgspec.DecodeError, RecursionError):
        return found
    if written := run.reference or run.image:
        found.append(Claim(BaseEdge.Rung.LABEL, written, "", "buildpacks label of the image"))
    return found
