"""Who works on an image or on one of its names waits for whoever does so already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.db import connection


def lock_key(name: str) -> int:
    """A digest or a tag (`host/repository:tag`) as an advisory lock number (signed 64 bits)."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def lock_names(names: Iterable[str]) -> None:
    """Let no other transaction resolve these names until this one ends; sorted, so nobody waits in a circle."""
    keys = sorted({lock_key(name) for name in names})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [keys])


def lock_images(images: Iterable[int]) -> None:
    """Let no other transaction change these images' scans and counters until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM images_image WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [sorted(images)])
