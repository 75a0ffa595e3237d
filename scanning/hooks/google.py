"""The token that Google signs for Pub/Sub's pushes (RFC 7519, RS256; cloud.google.com, "Authenticate push requests").

Its keys are fetched from Google and kept for an hour; an unknown one is asked for once a minute at most, so that nobody
can make Portwarden call out by sending nonsense.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import threading
import time
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from governance.web.outbound import Client, Limits, OutboundError

KEYS = "https://www.googleapis.com/oauth2/v3/certs"
ISSUERS = {"https://accounts.google.com", "accounts.google.com"}
LONGEST = 8_192
# Seconds that clocks may differ, that keys are kept, and between two looks for an unknown one.
SKEW, KEEP, PAUSE = 60.0, 3_600.0, 60.0
LIMITS = Limits(connect=3, read=3, whole=5, body=256 * 1024)


class Head(msgspec.Struct):
    """The token's header."""

    alg: str
    kid: str


class Claims(msgspec.Struct):
    """What it claims."""

    iss: str
    aud: str
    exp: float
    email: str = ""
    email_verified: bool = False


class Key(msgspec.Struct):
    """A public key (RFC 7517)."""

    kid: str
    n: str
    e: str
    kty: str = "RSA"


class KeySet(msgspec.Struct):
    """All of them."""

    keys: list[Key]


class KeysAway(Exception):
    """Google's keys could not be fetched: the sender should try again."""


@dataclass(slots=True)
class KeyRing:
    """The keys, as long as they are fresh."""

    keys: dict[str, Key] = field(default_factory=dict)
    fetched: float = 0.0
    tried: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, kid: str) -> Key | None:
        """The key of this name; None where Google has none. Raises `KeysAway`."""
        with self.lock:
            now = time.monotonic()
            fresh = self.fetched and now - self.fetched < KEEP
            if not (fresh and kid in self.keys) and (not self.tried or now - self.tried > PAUSE):
                self.tried = now
                self.keys, self.fetched = fetch_keys(), time.monotonic()
            if not self.fetched:
                raise KeysAway("the keys of Google could not be fetched a moment ago")
            return self.keys.get(kid)


RING = KeyRing()


def fetch_keys() -> dict[str, Key]:
    """Ask Google for its keys. Raises `KeysAway`."""
    try:
        with Client(limits=LIMITS) as client:
            answer, body = client.fetch("GET", KEYS)
        if answer.status != 200:
            raise KeysAway(f"{KEYS} answers with {answer.status}")
        return {key.kid: key for key in msgspec.json.decode(body, type=KeySet).keys if key.kty == "RSA"}
    except (OutboundError, msgspec.DecodeError) as error:
        raise KeysAway(str(error)) from error


def verified(header: str, audience: str, account: str) -> bool:
    """The `Authorization` header carries a token that Google signed for this audience and service account, still good.

    Raises `KeysAway`.
    """
    scheme, _, token = header.strip().partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3 or len(token) > LONGEST or not account:
        return False
    try:
        head = msgspec.json.decode(_bytes(parts[0]), type=Head)
        claims = msgspec.json.decode(_bytes(parts[1]), type=Claims)
        signature = _bytes(parts[2])
    except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError):
        return False
    return head.alg == "RS256" and _right(claims, audience, account) and _signed(head.kid, parts, signature)


def _right(claims: Claims, audience: str, account: str) -> bool:
    """What it claims is what this source is for. Looked at first: it costs nothing."""
    same_audience = hmac.compare_digest(claims.aud.encode(), audience.encode())
    same_account = hmac.compare_digest(claims.email.encode(), account.encode())
    in_time = claims.exp > time.time() - SKEW
    return claims.iss in ISSUERS and same_audience and same_account and claims.email_verified and in_time


def _signed(kid: str, parts: list[str], signature: bytes) -> bool:
    key = RING.get(kid)
    if key is None:
        return False
    try:
        numbers = RSAPublicNumbers(int.from_bytes(_bytes(key.e)), int.from_bytes(_bytes(key.n)))
        numbers.public_key().verify(signature, f"{parts[0]}.{parts[1]}".encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _bytes(text: str) -> bytes:
    """base64url without padding (RFC 7515, 2)."""
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
