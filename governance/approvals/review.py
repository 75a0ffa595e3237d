"""What a reviewer has to know of a base: what its newest image contains, and how lively it is upstream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from governance.accounts.scope import Viewer
from governance.approvals.activity import Activity, activity_of
from governance.approvals.copies import names
from governance.approvals.models import ApprovedBase, Watch
from governance.approvals.standing import Column, columns_of
from governance.findings.licence_sets import Count, Licences, licences_of
from governance.images.models import Image

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Review:
    """Of the newest image that the entry means; `may_open` says whether the viewer may look at it."""

    contains: Column
    licences: Licences
    activity: Activity
    may_open: bool

    @property
    def newest(self) -> Image | None:
        """The image."""
        return self.contains.newest

    @property
    def shown(self) -> list[Count]:
        """The licences that bind most."""
        return self.licences.counts[:SHOWN]

    @property
    def more(self) -> int:
        """How many licences are not shown."""
        return max(len(self.licences.counts) - SHOWN, 0)


def review_of(entry: ApprovedBase, viewer: Viewer, watches: Sequence[Watch] | None = None) -> Review:
    """What is known today. Whoever sees the entry sees what it contains, as with its findings.

    `watches` are those of what it means, where they are known already.
    """
    contains = columns_of([entry], {})[entry.pk]
    newest = contains.newest
    if watches is None:
        rows = Watch.objects.filter(name=entry.name).exclude(tag="", digest="")
        watches = [row for row in rows if names(entry, row.tag, row.digest)]
    if newest is None:
        return Review(contains, Licences(), activity_of(entry, watches), may_open=False)
    may_open = Image.objects.visible_to(viewer).filter(pk=newest.pk).exists()
    return Review(contains, licences_of(newest.pk, newest.package_set_id), activity_of(entry, watches), may_open)
