"""The layer trie: one node per chain ID, shared by all images that stand on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.db import connection

from governance.images.clean import clean_digest, clean_text
from governance.web.fields import pack_digest

MAX_LAYERS = 512


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Chain IDs bottom first (OCI image-spec, config): the first is the diffID, then sha256(parent + " " + diffID)."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(f"sha256:{hashlib.sha256(f'{chain[-1]} {diff_id}'.encode()).hexdigest()}" if chain else diff_id)
    return chain


def store_layers(diff_ids: Sequence[str], history: Sequence[str]) -> int | None:
    """Make sure that the nodes exist and return the id of the top one; None if any diffID is malformed.

    `history` is the `created_by` of each layer in the same order, or shorter.
    """
    clean = [clean_digest(diff_id) for diff_id in diff_ids[:MAX_LAYERS]]
    if not clean or not all(clean):
        return None
    chain = [pack_digest(node) for node in chain_ids(clean)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT chain_id, id FROM images_layernode WHERE chain_id = ANY(%s)", [chain])
        known = {bytes(node): pk for node, pk in cursor.fetchall()}
        top: int | None = None
        commands = [*history[: len(clean)], *[""] * (len(clean) - len(history))]
        for depth, (node, diff_id, by) in enumerate(zip(chain, clean, commands, strict=True), 1):
            if node not in known:
                # Another worker may store the same base at this moment: the loser reads the winner's row.
                cursor.execute(
                    "INSERT INTO images_layernode (chain_id, parent_id, diff_id, depth, created_by)"
                    " VALUES (%s, %s, %s, %s, %s)"
                    " ON CONFLICT (chain_id) DO UPDATE SET depth = excluded.depth RETURNING id",
                    [node, top, pack_digest(diff_id), depth, clean_text(by, 500)],
                )
                known[node] = cursor.fetchone()[0]
            top = known[node]
    return top
