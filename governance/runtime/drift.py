"""Running images against their registry: the tag that was asked for names another image now."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from governance.images.models import Tag


def moved_on() -> Q:
    """Stretches (`Running`) whose tag names another image of that architecture now, and theirs no more.

    Where nothing is known of the tag, nothing is said.
    """
    now = Tag.objects.filter(repository=OuterRef("repository"), name=OuterRef("tag"), until=None)
    others = now.filter(image__architecture=OuterRef("image__architecture"), image__placeholder=None)
    moved = Exists(others.exclude(image=OuterRef("image")))
    return Q(moved) & ~Q(Exists(now.filter(image=OuterRef("image"))))
