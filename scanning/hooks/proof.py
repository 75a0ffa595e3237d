"""How senders prove who they are. Secrets are compared in constant time, over the body's bytes as they came."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# `bearer`: the secret in `Authorization`. `key`: the same, or in `X-Api-Key`. `header`: bare, in a header of the
# sender's. `hub` and `jfrog`: an HMAC of the body. `path`: the sender can send nothing, so the secret is in the
# address. `google`: a token that Google signed (see google.py).
type Scheme = Literal["bearer", "key", "jfrog", "hub", "path", "google"]


@dataclass(frozen=True, slots=True)
class Call:
    """What arrived: headers by lower-case name, the body's bytes, and what stood in the address as a secret."""

    headers: Mapping[str, str]
    body: bytes
    path: str = ""


def equals(given: str, secrets: Sequence[str]) -> bool:
    """True where it is one of the secrets (two while one is being replaced); every one is looked at."""
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(given.encode(errors="replace"), secret.encode())
    return found


def mac(secret: str, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) in hexadecimal."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _bearer(call: Call, secrets: Sequence[str]) -> bool:
    scheme, _, word = call.headers.get("authorization", "").partition(" ")
    return equals(word.strip() if scheme.lower() == "bearer" else "", secrets)


def _key(call: Call, secrets: Sequence[str]) -> bool:
    return equals(call.headers.get("x-api-key", "").strip(), secrets) | _bearer(call, secrets)


def _hub(call: Call, secrets: Sequence[str]) -> bool:
    """GitHub (docs.github.com, "Validating webhook deliveries")."""
    algorithm, _, given = call.headers.get("x-hub-signature-256", "").partition("=")
    return equals(given if algorithm == "sha256" else "", [mac(secret, call.body) for secret in secrets])


def _jfrog(call: Call, secrets: Sequence[str]) -> bool:
    """Artifactory with "use secret for payload signing"."""
    given = call.headers.get("x-jfrog-event-auth", "").strip()
    return equals(given.removeprefix("sha256="), [mac(secret, call.body) for secret in secrets])


def _path(call: Call, secrets: Sequence[str]) -> bool:
    return equals(call.path, secrets)


CHECKS: dict[Scheme, Callable[[Call, Sequence[str]], bool]] = {
    "bearer": _bearer,
    "key": _key,
    "hub": _hub,
    "jfrog": _jfrog,
    "path": _path,
}


# Schemes that sign the body, by the header with the signature.
SIGNED: dict[Scheme, str] = {"hub": "x-hub-signature-256", "jfrog": "x-jfrog-event-auth"}


def signed(scheme: Scheme, secret: str, body: bytes) -> Call:
    """A call as a sender that knows the secret would make it; `google` has none."""
    headers = {
        "bearer": {"authorization": f"Bearer {secret}"},
        "key": {"x-api-key": secret},
        "hub": {"x-hub-signature-256": f"sha256={mac(secret, body)}"},
        "jfrog": {"x-jfrog-event-auth": mac(secret, body)},
    }
    return Call(headers.get(scheme, {}), body, secret if scheme == "path" else "")
