"""Watches, alarms and copies in every state for the browser, with hostile text wherever one may come from."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from governance.accounts.models import Team
from governance.approvals.copies import name_place
from governance.approvals.models import ApprovedBase, KeptCopy, UpstreamAlarm, Watch
from governance.images.models import Registry
from tests.make import digest_of

NAME = "docker.io/library/alpine"


def upstream(team: Team, text: str) -> list[str]:
    """An approved base with a version in each state; returns the addresses of the pages."""
    now = timezone.now()
    entry = ApprovedBase.objects.create(name=NAME, pattern="3.*", state="approved", family="alpine", owner=team)
    registry = Registry.objects.create(host="registry.corp:5000")
    name_place(None, registry, "kept", True)
    said = {
        "name": NAME,
        "is_approved": True,
        "owners": [team.pk],
        "looked_at": now,
        "seen_at": now - timedelta(hours=2),
    }
    copies = []
    states = [*Watch.State.values, "fine", "fine"]
    for number, state in enumerate(states):
        digest = digest_of(f"index {number}")
        row = Watch.objects.create(tag=f"3.{number}", state=state, why=text[:400], seen_digest=digest, **said)
        if number < len(UpstreamAlarm.Kind.values):
            kind = UpstreamAlarm.Kind.values[number]
            given = {
                "text": f"{row}: {text}"[:500],
                "before": digest,
                "images": 1_234,
                "running": 7,
                "teams": [team.pk],
            }
            UpstreamAlarm.objects.create(watch=row, kind=kind, **given)
        if number < len(KeptCopy.State.values):
            copies.append(copy_of(registry, KeptCopy.State.values[number], f"3.{number}", digest, text))
    kept = next(one for one in copies if one.state == "kept")
    copying = next(one for one in copies if one.state == "copying")
    return [
        *(
            "/approved/upstream/",
            "/approved/upstream/?state=ended",
            "/approved/watched/",
            "/approved/watched/?state=fine",
        ),
        *("/approved/copies/", "/approved/copies/?q=nothing-is-called-so", f"/approved/{entry.pk}/"),
        *(f"/approved/copies/{kept.pk}/", f"/approved/copies/{copying.pk}/"),
    ]


def copy_of(registry: Registry, state: str, tag: str, digest: str, text: str) -> KeptCopy:
    """A copy in that state."""
    now = timezone.now()
    is_open = state in ("waiting", "copying")
    return KeptCopy.objects.create(
        name=NAME,
        tag=tag,
        digest=digest,
        registry=registry,
        place=f"kept/{NAME}",
        state=state,
        job="copy" if is_open else "verify",
        done=120_000_000 if state == "copying" else 0,
        total=0 if state == "waiting" else 345_678_901,
        error="" if state in ("kept", "waiting", "copying") else text[:500],
        platforms=["linux/amd64", "linux/arm64", "linux/arm/v7"],
        digests=[digest_of(f"{tag} {number}") for number in range(9)],
        blobs=[digest_of(f"blob {number}") for number in range(12)],
        attached=3,
        copied_at=None if is_open else now,
        verified_at=now if state == "kept" else None,
        read_at=now if state == "kept" else None,
        next_at=now + timedelta(days=1),
    )
