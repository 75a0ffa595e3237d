"""The image that an address of the API names; what every part of an image's viewset begins with."""

from __future__ import annotations

from django.db.models import Q
from django.http import Http404
from rest_framework.viewsets import GenericViewSet

from governance.images.clean import clean_digest
from governance.images.models import Image, Manifest


class NamedImage(GenericViewSet[Image]):
    """Finds it among what the caller may see; 404 for all else."""

    def find(self, pk: str) -> Image:
        """By id (also of a record that was merged), config digest or a manifest digest that names one image."""
        visible = self.get_queryset()
        if digest := clean_digest(pk):
            named = Q(config_digest=digest) | Q(pk__in=Manifest.objects.filter(digest=digest).values("image"))
            images = list(visible.filter(named)[:2])
            found = images[0] if len(images) == 1 else None
        elif pk.isdecimal() and len(pk) < 19:
            merged = Image.objects.filter(pk=int(pk)).values_list("merged_into", flat=True).first()
            found = visible.filter(pk=merged or int(pk)).first()
        else:
            found = None
        if found is None:
            raise Http404
        return found
