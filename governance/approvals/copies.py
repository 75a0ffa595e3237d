"""The verbs of kept copies: name their place, ask for one, try again, put it back, let it go. `scanning` does the work.

Copies are of content: several entries may mean one copy, and it outlives them until somebody lets it go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.scope import Viewer, administers
from governance.approvals.life import may_decide
from governance.approvals.models import ApprovedBase, CopyPlace, KeptCopy
from governance.approvals.patterns import Kind
from governance.images.clean import clean_digest, clean_text
from governance.images.models import Event, Manifest, Registry
from governance.images.reference import PATH, TAG
from governance.images.vanish import note

# A copy is looked at once a day; one that nobody could look at for so long is shown as such.
STALE = timedelta(days=3)


def current_place() -> CopyPlace | None:
    """Where new copies are made; None where nobody named a registry."""
    return CopyPlace.objects.select_related("registry").filter(is_current=True).first()


@transaction.atomic
def name_place(viewer: Viewer | None, registry: Registry, path: str, is_automatic: bool) -> CopyPlace:
    """Say in which registry copies are kept from now on; those that are elsewhere stay there."""
    only_administrators(viewer)
    path = path.strip().strip("/")
    if path and (not PATH.fullmatch(path) or len(path) > 120):
        raise ValidationError({"path": "A path as in kept/bases: lower-case letters, digits, dots and dashes."})
    before = current_place()
    CopyPlace.objects.exclude(registry=registry).update(is_current=False)
    given = {"path": path, "is_automatic": is_automatic, "is_current": True}
    place, _ = CopyPlace.objects.update_or_create(registry=registry, defaults=given)
    was = {"place": str(before), "automatic": before.is_automatic} if before else None
    audit(viewer, "copy.place", "kept copies", before=was, after={"place": str(place), "automatic": is_automatic})
    return place


@transaction.atomic
def leave_place(viewer: Viewer | None, registry: Registry) -> None:
    """No new copies are made there; what is kept there stays, and is looked at on."""
    only_administrators(viewer)
    place = CopyPlace.objects.select_related("registry").filter(registry=registry, is_current=True).first()
    if place is not None:
        CopyPlace.objects.filter(pk=place.pk).update(is_current=False)
        audit(viewer, "copy.place", "kept copies", before={"place": str(place)}, after={"place": None})


def repository_for(place: CopyPlace, name: str) -> str:
    """The repository there for copies of `host/repository`: its own name below the place's path."""
    host, _, path = name.partition("/")
    return "/".join(filter(None, (place.path, host.lower().replace(":", "-"), path)))


def want_copy(place: CopyPlace, name: str, tag: str, digest: str) -> KeptCopy | None:
    """A copy of that digest, new or as it is; None where its name would be too long, or it is a copy itself."""
    repository = repository_for(place, name)
    own = f"{place.registry.host}/{place.path}/" if place.path else f"{place.registry.host}/"
    if len(repository) > 255 or not PATH.fullmatch(repository) or (place.path and name.startswith(own)):
        return None
    given = {"tag": tag, "place": repository}
    row, created = KeptCopy.objects.get_or_create(name=name, digest=digest, registry=place.registry, defaults=given)
    if not created and tag and row.tag != tag and not row.tag:
        KeptCopy.objects.filter(pk=row.pk).update(tag=tag)
    return row


@transaction.atomic
def ask_copy(viewer: Viewer | None, entry: ApprovedBase, digest: str, tag: str = "") -> KeptCopy:
    """Have a digest of an entry copied. Raises `PermissionDenied` and `ValidationError`."""
    if not may_decide(viewer, entry):
        raise PermissionDenied("only administrators, and those of the team that owns the entry, have copies made")
    if (place := current_place()) is None:
        raise ValidationError("No registry for copies is named yet: an administrator names one under Registries.")
    digest = clean_digest(digest)
    if not digest:
        raise ValidationError({"digest": "Write the digest to copy, as in sha256:…"})
    if tag and not TAG.fullmatch(tag):
        raise ValidationError({"tag": "This is no tag."})
    if not names(entry, tag, digest):
        raise ValidationError({"tag": f"The entry means {entry.pattern}, not this."})
    row = want_copy(place, entry.name, tag, digest)
    if row is None:
        raise ValidationError("It lies where copies are kept, or its name would be too long there.")
    audit(viewer, "copy.ask", named(row), team=entry.owner_id, after={"place": f"{place.registry.host}/{row.place}"})
    return row


@transaction.atomic
def retry_copy(viewer: Viewer | None, row: KeptCopy) -> None:
    """Copy it (again) what is missing or differs, or look now whether it is whole."""
    if not may_change(viewer, row):
        raise PermissionDenied("only administrators, and those of the team that owns the entry, decide on its copies")
    whole = row.state == KeptCopy.State.KEPT
    job = KeptCopy.Job.VERIFY if whole else KeptCopy.Job.COPY
    KeptCopy.objects.filter(pk=row.pk).update(job=job, next_at=timezone.now(), failures=0, read_at=None)
    audit(viewer, "copy.verify" if whole else "copy.retry", named(row), before={"state": row.state, "error": row.error})


@transaction.atomic
def restore_copy(viewer: Viewer | None, row: KeptCopy, reason: str) -> None:
    """Push it back to where it came from, its tag included, whatever the tag names there now."""
    only_administrators(viewer)
    if not row.is_kept:
        raise ValidationError("Only what is kept can be put back: this copy is not whole.")
    if not reason.strip():
        raise ValidationError({"reason": "Say why: the tag is put back for everybody."})
    KeptCopy.objects.filter(pk=row.pk).update(
        job=KeptCopy.Job.RESTORE, next_at=timezone.now(), failures=0, error="", done=0, total=0, mounted=0
    )
    audit(viewer, "copy.restore", named(row), after={"to": target_of(row)}, reason=reason[:500])


@transaction.atomic
def let_go(viewer: Viewer | None, row: KeptCopy, reason: str) -> None:
    """It is kept no longer: nothing protects it from then on. What lies in the registry is not deleted here."""
    only_administrators(viewer)
    if not reason.strip():
        raise ValidationError({"reason": "Say why."})
    audit(viewer, "copy.let_go", named(row), before={"state": row.state, "place": row.internal}, reason=reason[:500])
    row.delete()


def target_of(row: KeptCopy) -> str:
    """Where it is put back to."""
    return f"{row.name}:{row.tag}@{row.digest}" if row.tag else str(row)


def only_administrators(viewer: Viewer | None) -> None:
    """They alone say what is written into registries."""
    if not administers(viewer):
        raise PermissionDenied("only administrators say where copies are kept, put back and let go")


def may_change(viewer: Viewer | None, row: KeptCopy) -> bool:
    """Administrators, and who decides on an entry that means it."""
    entries = ApprovedBase.objects.listed().filter(name=row.name).select_related("owner")
    return administers(viewer) or any(
        names(entry, row.tag, row.digest) and may_decide(viewer, entry) for entry in entries
    )


def names(entry: ApprovedBase, tag: str, digest: str) -> bool:
    """The entry means that tag or that digest."""
    pattern = entry.as_approval().pattern
    return pattern.text == digest if pattern.kind == Kind.DIGEST else bool(tag) and pattern.fits(tag)


def copies_of(entry: ApprovedBase, rows: Iterable[KeptCopy]) -> list[KeptCopy]:
    """Those of these copies that an entry means, the newest first."""
    own = [row for row in rows if row.name == entry.name and names(entry, row.tag, row.digest)]
    return sorted(own, key=lambda row: -row.pk)


def is_stale(row: KeptCopy, at: datetime) -> bool:
    """Nobody could look at it for days: whether it is still whole is not known."""
    return row.is_kept and (row.verified_at is None or at - row.verified_at > STALE)


def tell(row: KeptCopy, text: str) -> None:
    """An entry on the timeline of the images that it consists of."""
    images = Manifest.objects.filter(digest__in=[row.digest, *row.digests], image__merged_into=None)
    note(set(images.values_list("image", flat=True)[:1_000]), Event.Kind.COPIED, clean_text(text, 500), timezone.now())


def elsewhere(row: KeptCopy, blob: str) -> Collection[str]:
    """Repositories of the same registry in which another copy has that blob."""
    rows = KeptCopy.objects.filter(registry=row.registry_id, blobs__contains=[blob]).exclude(place=row.place)
    return list(rows.filter(copied_at__isnull=False).values_list("place", flat=True).distinct()[:2])


def named(row: KeptCopy) -> str:
    """How the audit trail names it."""
    return f"copy {row.pk} {row}"
