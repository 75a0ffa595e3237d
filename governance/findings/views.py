"""Vulnerabilities: the list, and the one-page answer to "who has this?"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.cache import cache
from django.db.models import OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.views import View

from governance.accounts.permissions import viewer_of
from governance.accounts.picker import picked_teams
from governance.accounts.scope import teams_of
from governance.findings.filters import VulnerabilityFilterSet
from governance.findings.fleet import (
    COUNTED,
    LOOKED_AT,
    Held,
    all_with,
    by_repository,
    count_images,
    held_by,
    images_with,
    seen_findings,
    vulnerabilities_of,
)
from governance.findings.models import Advisory, Enrichment, Finding, Vulnerability
from governance.images.models import Image
from governance.web.keyset import Page, paginate
from governance.web.views import ListPage, render_page, wants_part

MOST_FINDINGS = 2_000
KEPT_SECONDS = 60


def images_in_scope(request: HttpRequest) -> QuerySet[Image]:
    """Images that the viewer may see, narrowed to the picked teams."""
    images = Image.objects.present().visible_to(viewer_of(request))
    teams = picked_teams(request)
    return images if teams is None else images.filter(owners__overlap=teams)


def scope_key(request: HttpRequest) -> str:
    """Names the scope in a cache key: the teams whose images are visible, and the picked ones."""
    scope = (teams_of(viewer_of(request)), picked_teams(request))
    return "|".join("all" if teams is None else ",".join(map(str, sorted(teams))) or "none" for teams in scope)


class VulnerabilityList(ListPage):
    """What the viewer's images have, worst first."""

    template_name = "findings/vulnerability_list.html"
    filterset = VulnerabilityFilterSet
    orders = {"worst": ("-severity", "-id"), "likely": ("-epss", "-id"), "newest": ("-id",)}
    order_words = ("Worst first", "Most likely exploited", "Newest here")

    def queryset(self) -> QuerySet[Vulnerability]:
        """Everything for those who see everything, else what the images in scope have."""
        if self.found is None:
            return Vulnerability.objects.all()
        ids = RawSQL("SELECT unnest(%s::bigint[])", [list(self.found[0])])
        return Vulnerability.objects.filter(pk__in=ids)

    @cached_property
    def found(self) -> tuple[dict[int, int], bool] | None:
        """Which vulnerabilities the images in scope have; None where all images are in scope."""
        if teams_of(viewer_of(self.request)) is None and picked_teams(self.request) is None:
            return None
        # Whoever reads on or filters asks again: where the answer is long to find, it may be a minute old.
        key = f"vulnerabilities:{scope_key(self.request)}"
        found: tuple[dict[int, int], bool] | None = cache.get(key)
        if found is None:
            found = vulnerabilities_of(images_in_scope(self.request))
            if not found[1]:
                cache.set(key, found, KEPT_SECONDS)
        return found

    def beside(self, page: Page) -> dict[str, Any]:
        """How many images have each."""
        if self.found is None:
            counts = count_images(images_in_scope(self.request), page.rows)
            return {"images": counts, "counted": COUNTED, "looked_at": 0}
        counts, complete = self.found
        return {"images": counts, "counted": LOOKED_AT, "looked_at": 0 if complete else LOOKED_AT}


class VulnerabilityPage(View):
    """One vulnerability by any of its names: what it is, which images have it, where from, what fixes it."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Only what the viewer may see is listed and counted; what none of their images has is not theirs to see."""
        advisory = with_others().filter(name=name[:100]).first()
        if advisory is None:
            raise Http404
        row = advisory.vulnerability
        findings = findings_of(row)
        images = images_with(images_in_scope(request), list(findings))
        page = paginate(images, ("-rank", "-id"), 25, request.GET.get("cursor", ""))
        restricted = not getattr(viewer_of(request), "sees_everything", False)
        if restricted and not page.rows and not picked_teams(request):
            raise Http404
        seen = seen_findings(images, list(findings)) if restricted else set(findings)
        held, said = held_by(page.rows, findings)
        shown = [findings[pk] for pk in sorted(seen)]
        everywhere = all_with(images_in_scope(request), list(findings))
        context = {
            "row": row,
            **answer(page, everywhere, held),
            **facts(vars(advisory)["others"], shown),
            "said": witnesses(shown, said),
        }
        stored = {known.name: known for known in Enrichment.objects.all()}
        context |= {"scored": stored.get("epss"), "catalogued": "kev" in stored}
        if not wants_part(request):
            context |= self.beside(request, shown_ids(shown))
        return render_page(request, "findings/vulnerability_detail.html", context, "images")

    def beside(self, request: HttpRequest, findings: Sequence[int]) -> dict[str, Any]:
        """What else the page shows of those findings that the viewer may know of."""
        return {}


def shown_ids(findings: list[Finding]) -> list[int]:
    """Their numbers."""
    return [finding.pk for finding in findings]


def findings_of(row: Vulnerability) -> dict[int, Finding]:
    """Its findings in the whole fleet, at most two thousand."""
    found = Finding.objects.filter(advisory__vulnerability=row).select_related("advisory", "package")
    return {finding.pk: finding for finding in found.order_by("package__name", "pk")[:MOST_FINDINGS]}


def answer(page: Page, images: QuerySet[Image], held: dict[int, Held]) -> dict[str, Any]:
    """Which images have it."""
    groups, total, exact = by_repository(images) if page.rows else ([], 0, True)
    return {
        "page": page,
        "total": total,
        "exact": exact,
        "rows": [(image, held[image.pk]) for image in page.rows],
        "repositories": groups[:50],
    }


def with_others() -> QuerySet[Advisory]:
    """Advisories with their group, and in `others` the names that it is also known by, at most a hundred."""
    same = Advisory.objects.filter(vulnerability=OuterRef("vulnerability"))
    names = same.exclude(name=OuterRef("vulnerability__name")).order_by("name").values("name")[:100]
    return Advisory.objects.select_related("vulnerability").annotate(others=ArraySubquery(names))


def facts(aliases: list[str], findings: list[Finding]) -> dict[str, Any]:
    """Its other names, and what fixes it."""
    fixes: dict[tuple[str, str], set[str]] = {}
    for finding in findings:
        fixes.setdefault((finding.package.name, finding.package.type), set()).update({finding.fixed_version} - {""})
    return {
        "aliases": aliases,
        "fixes": [(name, kind, sorted(versions)[:20]) for (name, kind), versions in sorted(fixes.items())[:50]],
    }


def witnesses(findings: list[Finding], said: dict[int, set[str]]) -> list[tuple[str, int, str, str, list[str], int]]:
    """[(scanners, severity, advisory, its word, packages, how many)], worst first."""
    found: dict[tuple[str, int, str, str], set[str]] = {}
    for finding in findings:
        scanners = ", ".join(sorted(said.get(finding.pk, ())))
        key = (scanners, finding.severity, finding.advisory.name, finding.severity_word)
        found.setdefault(key, set()).add(finding.package.name)
    rows = [(*key, sorted(names)[:5], len(names)) for key, names in found.items()]
    return sorted(rows, key=lambda row: (-row[1], row[0], row[2]))[:50]
