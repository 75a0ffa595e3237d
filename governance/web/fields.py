"""Column types that no noun owns."""

from __future__ import annotations

from typing import Any

from django.db import models

# One byte for the algorithm, then the raw digest: 33 bytes where the text takes 71, in the row and in every index.
ALGORITHMS = {1: ("sha256", 32), 2: ("sha512", 64), 3: ("sha384", 48)}
CODES = {name: (code, size) for code, (name, size) in ALGORITHMS.items()}


def pack_digest(digest: str) -> bytes:
    """`sha256:<hex>` to bytes. Raises ValueError for anything that is not a digest (OCI image-spec, descriptor)."""
    algorithm, _, encoded = digest.partition(":")
    code, size = CODES.get(algorithm, (0, 0))
    raw = bytes.fromhex(encoded)
    if not code or len(raw) != size or encoded != encoded.lower() or len(encoded) != 2 * size:
        raise ValueError(f"{digest!r} is not a digest")
    return bytes([code]) + raw


def unpack_digest(packed: bytes | memoryview) -> str:
    """Bytes as stored to `sha256:<hex>`."""
    data = bytes(packed)
    return f"{ALGORITHMS[data[0]][0]}:{data[1:].hex()}"


def digest_text(column: str) -> str:
    """SQL for the text of a stored digest."""
    words = " ".join(f"WHEN {code} THEN '{name}:'" for code, (name, _) in ALGORITHMS.items())
    return f"CASE get_byte({column}, 0) {words} END || encode(substr({column}, 2), 'hex')"


class DigestField(models.BinaryField):  # type: ignore[type-arg]
    """An OCI digest: `sha256:<hex>` in Python, 33 bytes in the database."""

    def from_db_value(self, value: Any, *_: Any) -> str | None:
        """Show the stored bytes as text."""
        return None if value is None else unpack_digest(value)

    def to_python(self, value: Any) -> Any:
        """Accept text or stored bytes."""
        return unpack_digest(value) if isinstance(value, bytes | memoryview) else value

    def get_prep_value(self, value: Any) -> Any:
        """Store text as bytes."""
        return pack_digest(value) if isinstance(value, str) else value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Store text as bytes, whichever way Django asks."""
        return super().get_db_prep_value(self.get_prep_value(value), connection, prepared)

    def value_to_string(self, obj: models.Model) -> str:
        """Serialise as text."""
        return str(self.value_from_object(obj))
