"""Lists of bases: what images are built on, and images of which nobody knows it."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet

from governance.accounts.models import Team
from governance.accounts.permissions import viewer_of
from governance.accounts.scope import Viewer, edited_teams, teams_of
from governance.images.descent import nobody_knows
from governance.images.freshness import freshness_of
from governance.images.models import Image
from governance.images.reach import spread_of
from governance.images.suggest import Suggestion, suggestions_for
from governance.overview.filters import BaseFilterSet, ImageFilterSet
from governance.overview.lineage import visible_among
from governance.web.keyset import Page
from governance.web.views import ListPage

FOREIGN = 50


class BaseList(ListPage):
    """Images that others are built on, those with most on them first."""

    template_name = "bases/base_list.html"
    filterset = BaseFilterSet
    orders = {"most": ("-descendants", "-id"), "worst": ("-rank", "-id"), "oldest": ("built_at", "id")}
    order_words = ("Most built on", "Worst first", "Built first")

    def queryset(self) -> QuerySet[Image]:
        """Start from what the viewer may see."""
        return Image.objects.present().visible_to(viewer_of(self.request)).filter(descendants__gt=0)

    def beside(self, page: Page) -> dict[str, Any]:
        """Owners, tags, and who builds on them, each in one query."""
        owners = {team for image in page.rows for team in image.owners}
        return {
            "teams": dict(Team.objects.filter(pk__in=owners).values_list("pk", "name")) if owners else {},
            "fresh": freshness_of(image.pk for image in page.rows) if page.rows else {},
            "reach": spread_of(page.rows) if page.rows else {},
            "foreign": foreign_bases(viewer_of(self.request)),
        }


def foreign_bases(viewer: Viewer) -> list[dict[str, Any]]:
    """[{name, images}] of other teams' images that the viewer's own are built on directly: their names, no more."""
    teams = teams_of(viewer)
    if teams is None:
        return []
    mine = Image.objects.present().visible_to(viewer).exclude(base=None)
    foreign = mine.exclude(base__owners__overlap=list(teams)).order_by().values("base", "base__reference")
    rows: list[Any] = list(foreign.annotate(images=Count("pk")).order_by("-images", "base")[:FOREIGN])
    return rows


class UnknownList(ListPage):
    """Images whose base nobody knows, worst first, with what it may be."""

    template_name = "bases/unknown_list.html"
    filterset = ImageFilterSet
    orders = {"worst": ("-rank", "-id"), "newest": ("-id",)}
    order_words = ("Worst first", "Newest here")
    size = 25

    def queryset(self) -> QuerySet[Image]:
        """Start from what the viewer may see."""
        return Image.objects.visible_to(viewer_of(self.request)).filter(nobody_knows())

    def beside(self, page: Page) -> dict[str, Any]:
        """What each may be built on, and which of them the viewer may decide."""
        viewer = viewer_of(self.request)
        edited = edited_teams(viewer)
        return {
            "suggestions": named(viewer, suggestions_for(page.rows)) if page.rows else {},
            "editable": {row.pk for row in page.rows if edited is None or edited.intersection(row.owners)},
        }


def named(viewer: Viewer, found: dict[int, list[Suggestion]]) -> dict[int, list[tuple[Suggestion, Image | None]]]:
    """Each suggestion with the image that it means; what is not the viewer's to see is no suggestion."""
    images = Image.objects.in_bulk({one.image for several in found.values() for one in several if one.image})
    visible = visible_among(viewer, images.values())
    return {
        pk: [(one, images.get(one.image or 0)) for one in several if one.image is None or one.image in visible]
        for pk, several in found.items()
    }
