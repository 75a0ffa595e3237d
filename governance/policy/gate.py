"""What a gate answers: the verdict on what a reference names, as of now, kept as a decision.

Of several platforms the worst counts. Gates of CI, reports, the command line and admission all come here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from psycopg.types.json import Jsonb

from governance.accounts.audit import actor_name
from governance.accounts.models import Token
from governance.accounts.scope import Viewer, teams_of
from governance.images.clean import clean_text
from governance.images.lookup import images_named
from governance.images.names import covers
from governance.policy.kernel import STRICTNESS
from governance.policy.verdicts import UNKNOWN_IMAGE, Judged, unknown, verdict_of
from governance.web.plans import kept_plans

# Not worth a sender's wait for the disk: a crash of the database may lose the decisions of the last second.
KEEP = """
INSERT INTO policy_gatedecision (key, image_id, reference, stage, verdict, policy, reasons, gate, asked_by)
SELECT %(key)s, %(image)s, %(reference)s, %(stage)s, %(verdict)s, %(policy)s, %(reasons)s, %(gate)s, %(asked_by)s
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS soon
ON CONFLICT (key) DO NOTHING
"""


def teams_asking(viewer: Viewer | None) -> set[int] | None:
    """About whose images somebody may ask a gate; None is everybody's.

    A token that sends may ask of what it sends, a cluster's of what it is to run.
    """
    if viewer is None:
        return None
    if isinstance(viewer, Token) and viewer.scope in (Token.Scope.INGEST, Token.Scope.AGENT):
        return None if viewer.team_id is None else {viewer.team_id}
    return teams_of(viewer)


def ask_gate(viewer: Viewer | None, reference: str, stage: str, gate: str = "gate") -> Judged:
    """The verdict on what a reference or digest names, for who asks; kept."""
    said = ask(viewer, reference, stage)
    keep(viewer, reference, said, gate)
    return said


@kept_plans()
def ask(viewer: Viewer | None, reference: str, stage: str) -> Judged:
    """The verdict, and nothing written down. What the asker may not see is unknown to them."""
    if isinstance(viewer, Token) and viewer.repository and not covers(viewer.repository, reference):
        return worst_of([], stage)
    teams = teams_asking(viewer)
    named = images_named(reference)
    return worst_of([pk for pk, owners in named if teams is None or not teams.isdisjoint(owners)], stage)


def worst_of(images: Collection[int], stage: str, now: datetime | None = None) -> Judged:
    """The worst verdict of several images; of none that they are unknown."""
    moment = now or timezone.now()
    said = [verdict_of(image, stage, moment) for image in images]
    if not said:
        return unknown(stage, UNKNOWN_IMAGE, moment)
    return max(said, key=lambda one: STRICTNESS[one.verdict])


@kept_plans()
def keep(viewer: Viewer | None, reference: str, said: Judged, gate: str) -> None:
    """Write the decision down, once a day for the same answer to the same asker."""
    name = clean_text(reference, 400)
    asker = actor_name(viewer)
    texts = [f"{one['policy']} {one['rule']} {one['outcome']} {one['text']}" for one in said.reasons]
    told = (said.evaluated_at.date(), said.image, name, said.stage, said.verdict, said.policy, texts, gate, asker)
    values: dict[str, Any] = {
        "key": hashlib.blake2b(repr(told).encode(errors="backslashreplace"), digest_size=16).digest(),
        "image": said.image,
        "reference": name,
        "stage": said.stage,
        "verdict": said.verdict,
        "policy": said.policy,
        "reasons": Jsonb(said.reasons),
        "gate": gate,
        "asked_by": asker,
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP, values)


def resource(said: Judged) -> dict[str, Any]:
    """As the HTTP contract has it."""
    return {
        "verdict": said.verdict,
        "reasons": said.reasons,
        "policy": said.policy,
        "evaluated_at": said.evaluated_at,
        "image": said.image,
        "stage": said.stage,
        "exempted": said.exempted,
    }
