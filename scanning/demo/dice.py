"""Chance that always falls the same way: numbers made of words, the same on every machine and Python."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

SEED = "portwarden demo 1"


def sha256(text: str) -> str:
    """A digest made of words."""
    return f"sha256:{hashlib.sha256(f'{SEED} {text}'.encode()).hexdigest()}"


def roll(below: int, *words: object) -> int:
    """A number from 0 to `below` - 1 that these words decide."""
    text = f"{SEED} {' '.join(map(str, words))}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) % below


def pick[Item](items: Sequence[Item], *words: object) -> Item:
    """One of `items` that these words decide; repeat an item to make it likelier."""
    return items[roll(len(items), *words)]
