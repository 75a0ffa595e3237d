"""Secrets at rest: sealed with AES-256-GCM under ENCRYPTION_KEY, and bound to the place they are for.

    sealed = seal("s3cret", "connection 5 https://registry.example")
    open_sealed(sealed, "connection 5 https://registry.example")

A sealed secret that is copied to another row, or whose row was made to name another host, does not open. It carries
the first bytes of its key's hash, so that after a change of keys (ENCRYPTION_KEY_FALLBACKS) the right one is taken.
"""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION = b"\x01"
# Bytes of a key's name and of a nonce (NIST SP 800-38D, 8.2.2: random).
NAME, NONCE = 4, 12


class NoKey(Exception):
    """The sentence says which key is missing; nothing is stored in clear instead."""


def seal(secret: str, about: str) -> bytes:
    """Encrypt; `about` says what the secret is for and must be said again to open it. Raises `NoKey`."""
    keys: list[bytes] = settings.ENCRYPTION_KEYS
    if not keys:
        raise NoKey("secrets cannot be stored: set ENCRYPTION_KEY to 32 random bytes in base64")
    nonce = os.urandom(NONCE)
    head = VERSION + name_of(keys[0]) + nonce
    return head + AESGCM(keys[0]).encrypt(nonce, secret.encode(), about.encode())


def open_sealed(sealed: bytes, about: str) -> str:
    """The secret. Raises `NoKey` where its key is not here or it was sealed about something else."""
    name, nonce, rest = sealed[1 : 1 + NAME], sealed[1 + NAME : 1 + NAME + NONCE], sealed[1 + NAME + NONCE :]
    key = next((key for key in settings.ENCRYPTION_KEYS if name_of(key) == name), None)
    if key is None or not sealed.startswith(VERSION):
        raise NoKey("a stored secret cannot be opened: its key is not among ENCRYPTION_KEY and its fallbacks")
    try:
        return AESGCM(key).decrypt(nonce, rest, about.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise NoKey("a stored secret does not belong where it stands: enter it again") from error


def is_current(sealed: bytes) -> bool:
    """It is sealed under the key that new secrets get."""
    return bool(settings.ENCRYPTION_KEYS) and sealed[1 : 1 + NAME] == name_of(settings.ENCRYPTION_KEYS[0])


def name_of(key: bytes) -> bytes:
    """What tells a key from another and gives nothing of it away."""
    return hashlib.sha256(b"portwarden key " + key).digest()[:NAME]
