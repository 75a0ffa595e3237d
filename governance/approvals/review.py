"""What a reviewer has to know of a base: what its newest image contains, and how lively it is upstream."""

from __future__ import annotations

from dataclasses import dataclass

from governance.accounts.scope import Viewer, teams_of
from governance.approvals.activity import Activity, activity_of
from governance.approvals.copies import names
from governance.approvals.facts import ground_of
from governance.approvals.models import ApprovedBase, Watch
from governance.approvals.standing import Column, Current, current_of
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


def review_of(entry: ApprovedBase, viewer: Viewer) -> Review:
    """What is known today. Whoever sees the entry sees what it contains, as with its findings."""
    ground = ground_of([entry])
    current = current_of(entry, ground)
    rows = Watch.objects.filter(name=entry.name).exclude(tag="", digest="")
    watches = [row for row in rows if names(entry, row.tag, row.digest)]
    newest = Image.objects.filter(pk=current.newest).first() if current.newest else None
    return review_with(newest, current, activity_of(entry, watches, ground.history), viewer)


def review_with(newest: Image | None, current: Current, activity: Activity, viewer: Viewer) -> Review:
    """The same of what is looked up already."""
    contains = Column(newest, current.versions, current.kept)
    if newest is None:
        return Review(contains, Licences(), activity, may_open=False)
    teams = teams_of(viewer)
    may_open = teams is None or not teams.isdisjoint(newest.owners)
    return Review(contains, licences_of(newest.pk, newest.package_set_id), activity, may_open)
