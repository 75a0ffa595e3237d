"""The layer trie: one node per chain ID, shared by all images that stand on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

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
    # No node is without what is below it, so those that are missing are the uppermost.
    depth = next((depth for depth, node in enumerate(chain) if node not in known), None)
    if depth is not None:
        commands = [*(clean_text(by, 500) for by in history[: len(clean)]), *[""] * (len(clean) - len(history))]
        rows = list(zip(chain, map(pack_digest, clean), commands, strict=True))[depth:]
        known |= _store(rows, depth, known.get(chain[depth - 1]) if depth else None)
    top: int = known[chain[-1]]
    return top


STORE = """
WITH fresh AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('images_layernode', 'id')) AS id, given.*
    FROM unnest(%(nodes)s::bytea[], %(layers)s::bytea[], %(commands)s::text[])
         WITH ORDINALITY AS given(chain_id, diff_id, created_by, place)
)
INSERT INTO images_layernode (id, chain_id, parent_id, diff_id, depth, created_by)
SELECT id, chain_id, coalesce(lag(id) OVER (ORDER BY place), %(below)s::bigint), diff_id, %(depth)s + place, created_by
FROM fresh ORDER BY place
ON CONFLICT (chain_id) DO NOTHING RETURNING chain_id, id
"""
# The lowest of ours was to stand on a node that another worker stored first.
MEND = """
UPDATE images_layernode node SET parent_id = below.id
FROM unnest(%(nodes)s::bytea[], %(lower)s::bytea[]) AS pair(node, lower)
JOIN images_layernode below ON below.chain_id = pair.lower
WHERE node.chain_id = pair.node AND node.parent_id <> below.id
"""


def _store(rows: Sequence[tuple[bytes, bytes, str]], depth: int, below: int | None) -> dict[bytes, int]:
    """Store nodes (chain ID, diffID, command), the lowest on `below` at `depth`; {chain ID: id}.

    Another worker may store the same base at this moment: who comes later takes what the other has stored.
    """
    nodes, layers, commands = (list(column) for column in zip(*rows, strict=True))
    values: dict[str, Any] = {"nodes": nodes, "layers": layers, "commands": commands, "below": below, "depth": depth}
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)
        stored = {bytes(node): pk for node, pk in cursor.fetchall()}
        if len(stored) < len(rows):
            cursor.execute(MEND, {"nodes": nodes[1:], "lower": nodes[:-1]})
            cursor.execute("SELECT chain_id, id FROM images_layernode WHERE chain_id = ANY(%s)", [nodes])
            stored = {bytes(node): pk for node, pk in cursor.fetchall()}
    return stored
