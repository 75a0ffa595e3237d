"""A person states what an image was built on, and takes it back. It outranks all evidence until then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from governance.accounts.audit import actor_name, audit
from governance.accounts.scope import Viewer, edits
from governance.images.claims import queue
from governance.images.clean import clean_digest, clean_text
from governance.images.descent import chain_of
from governance.images.lineage import relate
from governance.images.models import BaseEdge, Event, Image, Manifest, Tag
from governance.images.reference import Reference, parse_reference

NOTHING = "scratch"
LOCK = 0x70775F62617365
Rung = BaseEdge.Rung


@dataclass(frozen=True, slots=True)
class Stated:
    """What a person's words come to: the known image, else a name alone, else (both empty) nothing at all."""

    name: str = ""
    digest: str = ""
    image: Image | None = None

    def __str__(self) -> str:
        if not self.name and not self.digest:
            return "nothing"
        return self.name or self.digest


@transaction.atomic
def correct_base(viewer: Viewer | None, image: Image, base: str, reason: str) -> BaseEdge:
    """State that the image was built on `base`: a reference, a digest, an image's number, or `scratch` for nothing.

    Raises `PermissionDenied` for who may not, `ValidationError` where the words are no reference, the reason is
    missing, or the base is itself built on the image. The next statement takes the place of the one before.
    """
    _begin(viewer, image, reason)
    stated = meaning(viewer, image, base)
    if stated.image:
        _refuse_circle(image, stated.image)
    BaseEdge.objects.filter(image=image, rung=Rung.CORRECTION, revoked_at=None).update(revoked_at=timezone.now())
    words: dict[str, Any] = {
        "source": actor_name(viewer),
        "stated_at": timezone.now(),
        "reason": clean_text(reason.strip(), 500),
        "revoked_at": None,
        "agreement": BaseEdge.Agreement.OPEN,
    }
    key: dict[str, Any] = {
        "image": image,
        "rung": Rung.CORRECTION,
        "name": stated.name,
        "digest": stated.digest or None,
    }
    edge, _ = BaseEdge.objects.update_or_create(defaults=words, **key)
    _settle(viewer, image, "base.correct", f"Built on {stated}", reason, {"base": str(stated)})
    edge.refresh_from_db()
    return edge


@transaction.atomic
def revoke_correction(viewer: Viewer | None, image: Image, reason: str = "") -> bool:
    """Take back what a person stated, so that evidence speaks again; False where nobody had stated anything."""
    _begin(viewer, image, reason or "-")
    held = BaseEdge.objects.filter(image=image, rung=Rung.CORRECTION, revoked_at=None)
    if not held.update(revoked_at=timezone.now()):
        return False
    _settle(viewer, image, "base.revoke", "The statement of its base is taken back", reason, {"base": None})
    return True


def correction_of(image: Image) -> BaseEdge | None:
    """The statement that is in force."""
    held = BaseEdge.objects.filter(image=image, rung=Rung.CORRECTION, revoked_at=None)
    return held.select_related("base").order_by("-pk").first()


def _begin(viewer: Viewer | None, image: Image, reason: str) -> None:
    """Check who and why; from here on corrections come one after the other, so that two cannot make a circle."""
    if not edits(viewer, image.owners):
        raise PermissionDenied("only administrators, and editors of a team that owns the image, state its base")
    if not reason.strip():
        raise ValidationError({"reason": "Say why: others read it beside the base."})
    # First of all in line: a worker that is at the image just now may not know of this yet, and then looks again.
    queue([image.pk])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute("SELECT FROM images_image WHERE id = %s FOR NO KEY UPDATE", [image.pk])


def _settle(
    viewer: Viewer | None, image: Image, action: str, text: str, reason: str, after: dict[str, str | None]
) -> None:
    """Find the base anew at once, and write the change into the trail and the timeline."""
    before = image.base_name or (str(image.base) if image.base else None)
    relate([image.pk], [image.pk])
    image.refresh_from_db(fields=["base", "base_rung", "base_is_sure", "base_name"])
    why = f": {reason.strip()}" if reason.strip() else ""
    said = clean_text(f"{text}, says {actor_name(viewer)}{why}", 500)
    Event.objects.create(image=image, kind=Event.Kind.BASED, text=said)
    team = image.owners[0] if image.owners else None
    on = f"image {image.pk} {image}"
    audit(viewer, action, on, team=team, before={"base": before}, after=after, reason=clean_text(reason, 500))


def meaning(viewer: Viewer | None, image: Image, base: str) -> Stated:
    """Which image the words mean. A digest or number is exact; a name means what its tag pointed to at the build."""
    text = clean_text(base.strip(), 400)
    if text.lower() == NOTHING:
        return Stated()
    if text.isdecimal() and len(text) < 19:
        known = _seen_by(viewer).filter(pk=int(text)).first()
        if known is None:
            raise ValidationError({"base": "There is no image of this number, or it is not yours to see."})
        return _exactly(known)
    reference = parse_reference(text)
    digest = reference.digest if reference and reference.digest else clean_digest(text)
    if digest:
        return _by_digest(image, digest, reference)
    # A digest that is not whole would pass for a repository of that name.
    if reference is None or text.partition(":")[0] in ("sha256", "sha384", "sha512"):
        raise ValidationError({"base": "Write registry/repository:tag, a digest, or scratch for nothing."})
    known = _tagged(viewer, image, reference)
    return _exactly(known, reference) if known else Stated(_name(reference))


def _name(reference: Reference) -> str:
    return clean_text(f"{reference.name}{f':{reference.tag}' if reference.tag else ''}", 400)


def _exactly(known: Image, reference: Reference | None = None) -> Stated:
    """A known image, by the digest that names it for good."""
    manifest = known.manifests.exclude(kind=Manifest.Kind.INDEX).order_by("kind", "pk").first()
    digest = known.config_digest or (manifest.digest if manifest else "")
    written = reference or parse_reference(known.reference)
    if not digest:
        raise ValidationError({"base": "No report has named this image by a digest yet: state it by its name."})
    return Stated(_name(written) if written else "", digest, known)


def _by_digest(image: Image, digest: str, reference: Reference | None) -> Stated:
    """By whatever digest; whoever knows a digest has pulled the image, so nothing is hidden here."""
    named = Q(config_digest=digest) | Q(pk__in=Manifest.objects.filter(digest=digest).values("image"))
    fitting = list(same_platform(Image.objects.present().filter(named), image)[:2])
    known = fitting[0] if len(fitting) == 1 else None
    return Stated(_name(reference) if reference and reference.digest else "", digest, known)


def _tagged(viewer: Viewer | None, image: Image, reference: Reference) -> Image | None:
    """What the tag pointed to when the image was built, else what it points to now.

    Only what the viewer sees, or what others build on anyway: a name must not be a way to ask who has what.
    """
    where = {"repository__registry__host": reference.host, "repository__name": reference.repository}
    tags = Tag.objects.filter(name=reference.tag or "latest", **where).order_by("-since", "-pk")
    fitting = same_platform(Image.objects.present().exclude(pk=image.pk), image)
    shown = fitting.filter(Q(pk__in=_seen_by(viewer).values("pk")) | Q(children__isnull=False))
    tags = tags.filter(image__in=shown.values("pk"))
    built = image.built_at or image.first_seen
    found = tags.filter(since__lte=built).first() or tags.filter(until=None).first() or tags.first()
    return found.image if found else None


def _seen_by(viewer: Viewer | None) -> Any:
    images = Image.objects.present()
    return images if viewer is None else images.visible_to(viewer)


def same_platform(images: Any, image: Image) -> Any:
    """Those of `images` that may be of the image's platform."""
    if not image.architecture:
        return images
    return images.filter(Q(architecture=image.architecture) | Q(architecture=""))


def _refuse_circle(image: Image, base: Image) -> None:
    if base.pk == image.pk:
        raise ValidationError({"base": "An image is not its own base."})
    if any(one.image == image.pk for one in chain_of(base.pk)):
        raise ValidationError({"base": f"{base} is itself built on this image: that would be a circle."})
