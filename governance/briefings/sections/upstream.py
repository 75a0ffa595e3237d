"""What is amiss where bases come from: vanished, re-pointed, deprecated or past their end there."""

from __future__ import annotations

from collections.abc import Collection

from governance.approvals.models import UpstreamAlarm, Watch
from governance.briefings.scope import Scope
from governance.briefings.sections.fact import Fact, each
from governance.web.templatetags.portwarden import readable

NAME, TITLE = "upstream", "Upstream"
MORE = "{n} more alarm{s} upstream"
ENDED = ""
tell = each
# The worst first.
KINDS = {
    UpstreamAlarm.Kind.VANISHED: "vanished upstream",
    UpstreamAlarm.Kind.REPOINTED: "was re-pointed upstream",
    UpstreamAlarm.Kind.ENDED: "is past its end of life",
    UpstreamAlarm.Kind.DEPRECATED: "is deprecated upstream",
}


def standing(scope: Scope, kinds: Collection[str] = tuple(KINDS)) -> list[Fact]:
    """Each open alarm of these kinds on what the scope's images are built on."""
    mine = Watch.objects.visible_to(scope.viewer)
    if scope.teams is not None:
        mine = mine.filter(owners__overlap=scope.teams)
    rows = UpstreamAlarm.objects.filter(watch__in=mine, ended_at=None, kind__in=kinds).select_related("watch")
    order = list(KINDS)
    return [
        Fact(
            f"{one.pk}",
            f"{readable(one.watch, 160)} {KINDS[UpstreamAlarm.Kind(one.kind)]}",
            scope.link("approved:alarm_list", q=one.watch.name),
            ": {n} alarm{s} on it {are} open",
        )
        for one in sorted(rows, key=lambda one: (order.index(UpstreamAlarm.Kind(one.kind)), one.pk))
    ]
