"""The verbs of retention: rules, pins, dry runs, and the word that lets one delete; each with its audit entry."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from governance.accounts.audit import actor_name, audit
from governance.accounts.models import User
from governance.accounts.scope import Viewer, administers, edits
from governance.approvals.life import person_behind
from governance.approvals.models import RetentionItem, RetentionPin, RetentionRule, RetentionRun
from governance.images.clean import clean_digest, clean_text
from governance.images.models import Image

RULE_FIELDS = ("name", "repositories", "which", "stage", "days", "keep_newest", "is_enabled")
MOST_PATTERNS, MOST_DAYS = 200, 36_500
State = RetentionRun.State


def only_administrators(viewer: Viewer | None) -> None:
    """Rules and deletion concern everybody's repositories."""
    if not administers(viewer):
        raise PermissionDenied("only administrators decide what is deleted from registries")


@transaction.atomic
def save_rule(viewer: Viewer | None, rule: RetentionRule | None, said: dict[str, Any]) -> RetentionRule:
    """Add a rule or change one. Raises `PermissionDenied`, and `ValidationError` by field."""
    only_administrators(viewer)
    before = rule_as_dict(rule) if rule else None
    row = rule or RetentionRule()
    for name, value in said.items():
        setattr(row, name, _checked(name, value))
    if not row.repositories:
        raise ValidationError({"repositories": "Say of which repositories, as in registry.example/shop/*."})
    row.full_clean(exclude=["is_demo"])
    row.save()
    audit(viewer, "retention.rule", f"retention rule {row.pk} {row}", before=before, after=rule_as_dict(row))
    return row


@transaction.atomic
def remove_rule(viewer: Viewer | None, rule: RetentionRule) -> None:
    """It asks for nothing any more."""
    only_administrators(viewer)
    audit(viewer, "retention.rule.remove", f"retention rule {rule.pk} {rule}", before=rule_as_dict(rule))
    rule.delete()


def rule_as_dict(rule: RetentionRule) -> dict[str, Any]:
    """For the audit trail."""
    return {name: getattr(rule, name) for name in RULE_FIELDS}


def _checked(name: str, value: Any) -> Any:
    if name not in RULE_FIELDS:
        raise ValidationError({name: "There is no such field."})
    if name == "repositories":
        lines = [line.strip() for line in clean_text(value, 60_000).splitlines() if line.strip()]
        if len(lines) > MOST_PATTERNS or any(len(line) > 255 for line in lines):
            raise ValidationError({name: f"At most {MOST_PATTERNS} patterns of at most 255 characters."})
        return "\n".join(lines)
    if name in ("days", "keep_newest") and not 0 <= value <= MOST_DAYS:
        raise ValidationError({name: f"A whole number up to {MOST_DAYS:,}."})
    return clean_text(value.strip(), 100) if isinstance(value, str) else value


def images_named(digest: str) -> list[Image]:
    """The images that a digest of whatever kind names."""
    named = Image.objects.present().filter(manifests__digest=digest)
    return list((named | Image.objects.present().filter(config_digest=digest)).distinct().order_by("pk")[:100])


def may_pin(viewer: Viewer | None, digest: str) -> bool:
    """Editors of a team whose image the digest names, and administrators."""
    return edits(viewer, {owner for image in images_named(digest) for owner in image.owners})


@transaction.atomic
def pin(viewer: Viewer | None, digest: str, reason: str, until: date | None = None) -> RetentionPin:
    """Say that a digest stays, until a day or for ever; whoever pinned it before, this is what counts now."""
    digest = clean_digest(digest)
    if not digest:
        raise ValidationError({"digest": "A digest begins with sha256: and has 64 hexadecimal digits."})
    if not may_pin(viewer, digest):
        raise PermissionDenied("only administrators, and editors of the team that owns the image, pin it")
    if not reason.strip():
        raise ValidationError({"reason": "Say why: whoever wants the room reads it."})
    if until and until < timezone.now().date():
        raise ValidationError({"until": "That day is over."})
    said = {"reason": clean_text(reason.strip(), 500), "until": until, "actor": actor_name(viewer)}
    earlier = RetentionPin.objects.filter(digest=digest).first()
    before = {"reason": earlier.reason, "actor": earlier.actor} if earlier else None
    row, _ = RetentionPin.objects.update_or_create(
        digest=digest, defaults={**said, "person": person_behind(viewer), "at": timezone.now()}
    )
    after = {"reason": row.reason, "until": str(until or "")}
    audit(viewer, "retention.pin", f"digest {digest}", before=before, after=after, reason=row.reason)
    return row


@transaction.atomic
def unpin(viewer: Viewer | None, row: RetentionPin, reason: str = "") -> None:
    """It may go by the rules again."""
    if not may_pin(viewer, row.digest):
        raise PermissionDenied("only administrators, and editors of the team that owns the image, unpin it")
    before = {"reason": row.reason, "actor": row.actor}
    audit(viewer, "retention.unpin", f"digest {row.digest}", before=before, reason=clean_text(reason, 500))
    row.delete()


@transaction.atomic
def ask_run(viewer: Viewer | None) -> RetentionRun:
    """A dry run, listed by a worker; one at a time."""
    only_administrators(viewer)
    if going := RetentionRun.objects.filter(state__in=(State.PLANNING, State.DELETING)).order_by("-pk").first():
        raise ValidationError(f"Run {going.pk} is not done yet.")
    if not RetentionRule.objects.filter(is_enabled=True).exists():
        raise ValidationError("No rule asks for anything: add one first.")
    run = RetentionRun.objects.create(actor=actor_name(viewer))
    audit(viewer, "retention.run", named(run))
    return run


@transaction.atomic
def start_run(viewer: Viewer | None, run: RetentionRun, images: int) -> RetentionRun:
    """Delete what a dry run listed; `images` is the number that was seen there, typed in."""
    only_administrators(viewer)
    if isinstance(viewer, User) and not viewer.is_active:
        raise PermissionDenied("this account is switched off")
    run = RetentionRun.objects.select_for_update().get(pk=run.pk)
    if run.state not in (State.LISTED, State.STOPPED):
        raise ValidationError(f"This run is {run.get_state_display().lower()}: only what is listed can be deleted.")
    left = run.items.filter(state=RetentionItem.State.LISTED).values("image").distinct().count()
    if images != left:
        raise ValidationError({"images": f"Type the number of images that go: {left}."})
    if RetentionRun.objects.filter(pk__gt=run.pk).exclude(state=State.PLANNING).exists():
        raise ValidationError("There is a newer run: decide by that one.")
    run.state, run.started_by, run.error, run.next_at = State.DELETING, actor_name(viewer), "", timezone.now()
    run.save()
    audit(viewer, "retention.delete", named(run), after={"images": left, "bytes": run.size})
    return run


@transaction.atomic
def stop_run(viewer: Viewer | None, run: RetentionRun) -> RetentionRun:
    """No further batch; what is deleted stays deleted."""
    only_administrators(viewer)
    run = RetentionRun.objects.select_for_update().get(pk=run.pk)
    if run.state not in (State.PLANNING, State.DELETING):
        raise ValidationError("It is not under way.")
    run.state, run.finished_at = State.STOPPED, timezone.now()
    run.save(update_fields=["state", "finished_at"])
    audit(viewer, "retention.stop", named(run))
    return run


def named(run: RetentionRun) -> str:
    """How the audit trail names it."""
    return f"retention run {run.pk}"
