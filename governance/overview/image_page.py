"""One image: its identity above, one tab below. Every tab is an address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import reverse

from governance.accounts.scope import edits
from governance.approvals.amiss import amiss_with_base, with_alarms
from governance.approvals.standing import standings_of
from governance.findings.licence_sets import licences_of
from governance.findings.models import FindingSet, Scan
from governance.findings.risk import MOST, points
from governance.findings.traits import WORDS
from governance.findings.weigh import facts_of
from governance.images.models import Image
from governance.overview import checks, contents
from governance.overview.contents import LEVELS, SIZE, Wanted
from governance.overview.curve import curve_of
from governance.overview.lineage import sees, with_base
from governance.overview.lineage_tabs import LineageTabs
from governance.overview.names import names_of
from governance.overview.said import current_scans, testimonies
from governance.overview.standing import standing_of
from governance.overview.timeline import KINDS, PLACES, Wish, timeline_of
from governance.policy.models import GateDecision
from governance.policy.verdicts import shown_of, with_verdicts
from governance.runtime.models import Running
from governance.runtime.whereabouts import whereabouts_of, with_whereabouts
from governance.runtime.workload_views import drifted
from governance.web.keyset import paginate
from governance.web.templatetags.portwarden import count, longest
from governance.web.views import render_page, wants_part

TABS = (
    *(
        "findings",
        "timeline",
        "verdict",
        "packages",
        "layers",
        "lineage",
        "work",
        "rebuild",
        "workloads",
        "scans",
        "checks",
    ),
)


class ImagePage(LineageTabs):
    """The identity block and one tab; htmx swaps the tab alone."""

    tab = "findings"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A record that was merged leads to the one that stayed."""
        image = self.find(pk)
        if image.pk != pk:
            name = "images:image_detail" if self.tab == "findings" else f"images:image_{self.tab}"
            return HttpResponsePermanentRedirect(reverse(name, args=[image.pk]))
        return self.show(image)

    def show(self, image: Image, status: int = 200, part: str = "tab") -> HttpResponse:
        """The page, or its part alone."""
        self.image, request = image, self.request
        context = {"image": image, "tab": self.tab, "tabs": tabs_of(image), **getattr(self, f"tab_{self.tab}")(image)}
        template = f"images/image_{self.tab}.html"
        if not wants_part(request):
            # The checks tab has counted them already.
            secrets = context["facets"].secrets if self.tab == "checks" else checks.secret_count(image)
            context |= {**identity(image), "scanners": names_by_stage(self.current), "secrets": secrets}
            given = points_of(image)
            context |= {"standing": standing_of(image, self.current), "points": given}
            context["unpointed"] = [words for words, number, _ in given if number is None]
            context |= {"built_on": self.ground, "verdicts": shown_of(image)}
            context["listed"] = standings_of([image])[image.pk]
            context |= {"alarms": amiss_with_base(image), "whereabouts": whereabouts_of(image)}
        return render_page(request, template, context, part, status)

    @cached_property
    def current(self) -> list[Scan]:
        """The image's current scans; with what they saw, where the page is about one of them."""
        return current_scans(self.image, with_sets=self.tab == "findings" and bool(self.text("scanner")))

    def find(self, pk: int) -> Image:
        """Among what the viewer may see, with what the page needs of it."""
        visible = with_whereabouts(with_alarms(with_base(Image.objects.present().visible_to(self.viewer))))
        related = ("finding_set", "package_set", "split", "config", "repository__registry")
        rows = checks.with_secrets(
            with_verdicts(visible).select_related(*related, "repository__owner").defer("package_set__places")
        )
        rows = rows if self.tab in COMPARED else rows.defer("split__own")
        image = rows.filter(pk=pk).first() or rows.filter(merged__pk=pk).first()
        if image is None:
            raise Http404
        return image

    def tab_findings(self, image: Image) -> dict[str, Any]:
        """One line per vulnerability and package, with who says so."""
        names = ("severity", "package", "fixable", "scanner", "dispute", "suppressed", "exploit", "origin")
        picked = {name: self.text(name) for name in names}
        narrowed = any(picked.values())
        # What the base has, its owner mends: folded behind one line, unless all or just that is asked for.
        picked["origin"] = picked["origin"] or ("own" if image.split and not picked["suppressed"] else "all")
        seen = testimonies(self.current)
        wanted = Wanted(
            severity=picked["severity"],
            package=picked["package"],
            fixable={"true": True, "false": False}.get(picked["fixable"]),
            scanner=picked["scanner"],
            dispute=picked["dispute"],
            suppressed=picked["suppressed"],
            exploit=picked["exploit"],
            origin=picked["origin"],
            page=self.page(),
        )
        rows, total = contents.lines(image, wanted, seen, self.sets(image, wanted.scanner))
        scanners = sorted({one.scanner for one in seen})
        return {
            "rows": rows,
            "witnesses": [(name, name) for name in scanners],
            "disputes": disputes_of(image) if len(scanners) > 1 else [],
            "levels": [(word, word.capitalize()) for word in LEVELS],
            "fixable_choices": [("true", "Fix known"), ("false", "No fix known")],
            "exploit_choices": [("known", "Known exploited"), ("likely", "EPSS 10 % or more")],
            "suppressed_choices": ASIDE,
            "origin_choices": ORIGINS,
            "picked": picked,
            "any_picked": narrowed,
            "may_exempt": edits(self.viewer, image.owners),
            "inherited": image.findings_total - image.split.findings_total if image.split else 0,
            "base_is_visible": image.base is not None and sees(self.viewer, image.base),
            **self.pager(total, SIZE),
        }

    def sets(self, image: Image, scanner: str) -> list[FindingSet]:
        """What the findings tab is about: the image's set, or what one scanner saw."""
        if not scanner:
            return [image.finding_set] if image.finding_set else []
        looked = [scan for scan in self.current if scan.outcome == Scan.Outcome.ASSESSED]
        return [scan.finding_set for scan in looked if scan.scanner == scanner]

    def tab_packages(self, image: Image) -> dict[str, Any]:
        """Every package with its layer and findings."""
        picked = {"q": self.text("q"), "type": self.text("type"), "licence": self.text("licence")}
        if image.package_set is None:
            return {"rows": [], "kinds": [], "picked": picked, "any_picked": False, **self.pager(0, SIZE * 2)}
        told = licences_of(image.pk, image.package_set_id)
        rows, total = contents.packages_page(image.package_set, told, self.page(), *picked.values())
        places = contents.places_by_package(image.package_set)
        counts = contents.counts_per_package(image.finding_set.findings if image.finding_set else [])
        return {
            "rows": [(row, places.get(row.pk, []), counts.get(row.pk), told.told.get(row.pk)) for row in rows],
            "licences": contents.licence_choices(told, picked["licence"]),
            "licences_told_by": told.scanners,
            "top": longest(counts[row.pk] for row in rows if row.pk in counts),
            "kinds": [(kind, f"{kind} ({number})") for kind, number in contents.kinds_of(image.package_set) if kind],
            "picked": picked,
            "any_picked": any(picked.values()),
            **self.pager(total, SIZE * 2),
        }

    def tab_layers(self, image: Image) -> dict[str, Any]:
        """Bottom first, with what each brought."""
        rows = contents.layers_of(image)
        return {"rows": rows, "top": longest(layer.counts for layer in rows)}

    def tab_workloads(self, image: Image) -> dict[str, Any]:
        """Where it runs and ran: what runs first."""
        rows = Running.objects.visible_to(self.viewer).filter(image=image)
        rows = rows.select_related("workload__cluster", "agent", "image")
        page = paginate(rows, ("-first_seen", "-id"), SIZE, self.request.GET.get("cursor", ""))
        return {"page": page, "total": rows.count(), "exact": True, "drifted": drifted(page.rows)}

    def tab_scans(self, image: Image) -> dict[str, Any]:
        """Every scan, newest first."""
        scans = Scan.objects.looks().filter(image=image).select_related("finding_set").defer("finding_set__findings")
        page = paginate(scans, ("-scanned_at", "-id"), SIZE, self.request.GET.get("cursor", ""))
        top = longest(scan.finding_set for scan in page.rows)
        return {"page": page, "total": scans.count(), "exact": True, "top": top}

    def tab_timeline(self, image: Image) -> dict[str, Any]:
        """What happened to it and what was decided, newest first; nonsense in the address is no filter."""
        place = self.text("place") if self.text("place") in PLACES else ""
        kind = self.text("kind") if self.text("kind") in KINDS else ""
        life = timeline_of(image, self.viewer, Wish(place, (kind,) if kind else (), self.page()))
        return {
            "life": life,
            "segments": [(word, words, life.at(word)) for word, words in PLACES.items()],
            "kinds": [(word, f"{words} ({count(number)})") for word, words, number in life.kinds_at(place)],
            "picked": {"place": place, "kind": kind, "curve": self.text("curve")},
            "any_picked": bool(place or kind),
            "curve": curve_of(image, self.text("curve")),
            **self.pager(life.total, SIZE),
        }

    def tab_verdict(self, image: Image) -> dict[str, Any]:
        """What each place has to say, and what gates answered lately."""
        kept = getattr(image, "judged", None)
        return {
            "told": shown_of(image),
            "judged_at": kept.evaluated_at if kept else None,
            "exempted": kept.exempted if kept else 0,
            "decisions": list(GateDecision.objects.filter(image=image).order_by("-at", "-pk")[:20]),
        }

    def tab_checks(self, image: Image) -> dict[str, Any]:
        """Failed and warned checks of the current scans, secrets above all."""
        picked = {name: self.text(name) for name in ("kind", "result", "severity")}
        facets = checks.facets_of(image)
        rows = checks.narrowed(checks.checks_of(image), picked)
        start, total = (self.page() - 1) * SIZE, rows.count() if any(picked.values()) else facets.total
        return {
            "rows": [(row, checks.KINDS.get(row.kind, row.kind)) for row in rows[start : start + SIZE]],
            "facets": facets,
            "found_secrets": checks.secrets_of(image) if facets.secrets else [],
            "picked": picked,
            "any_picked": any(picked.values()),
            **self.pager(total, SIZE),
        }


# Factors of the risk in words, in the formula's order.
FACTORS = {
    "severity": "severity",
    "exploited": "known exploited",
    "epss": "exploitation likely",
    "fix": "fix known",
    "running": "running",
    "root": "runs as root",
    "own": "own layers",
}


def points_of(image: Image) -> list[tuple[str, int | None, int]]:
    """[(factor, its points or None where it is not known, the most there are)]; nothing where nobody looked."""
    if not image.is_assessed:
        return []
    return [(FACTORS[name], given, MOST[name]) for name, given in points(facts_of(image)).items()]


def names_by_stage(scans: Iterable[Scan]) -> dict[str, str]:
    """{stage: "grype, trivy"}."""
    found: dict[str, list[str]] = defaultdict(list)
    for scan in scans:
        found[scan.stage].append(scan.scanner)
    return {stage: ", ".join(names) for stage, names in found.items()}


ASIDE = [("true", "What was set aside"), ("vex", "Set aside by VEX"), ("scanner", "Set aside by scanners")]
ASIDE.append(("exempted", "What is exempted"))
DISPUTED = {
    "severity": "Different severities",
    "fix": "Different fixes",
    "status": "Set aside by one",
    "alone": "Said by one alone",
}


ORIGINS = [("own", "Its own"), ("inherited", "Inherited"), ("all", "All")]
# Tabs that need the ids of the own findings.
COMPARED = ("findings", "rebuild")


def disputes_of(image: Image) -> list[tuple[str, str]]:
    """In what the image's scanners differ, in words, with how many findings that is about."""
    found = (image.finding_set.disputes or {}) if image.finding_set else {}
    return [(name, f"{words} ({count(len(found.get(name, [])))})") for name, words in DISPUTED.items()]


def tabs_of(image: Image) -> list[tuple[str, str]]:
    """The tabs in words, with their numbers where the image's row has them."""
    packages = f"Packages {count(len(image.package_set.packages))}" if image.package_set else "Packages"
    findings = f"Findings {count(image.findings_total)}" if image.is_assessed else "Findings"
    if image.split:
        findings = f"Findings {count(image.split.findings_total)} of {count(image.findings_total)}"
    runs = f"Where it runs {count(image.running)}" if image.running else "Where it runs"
    words = {"findings": findings, "packages": packages, "work": "Work list", "workloads": runs}
    # Its findings are a work list where something is built on it; without a base there is nothing to rebuild on.
    hidden = {"work"} if not image.descendants else set()
    hidden |= {"rebuild"} if not image.descendants and not image.base_id else set()
    return [(tab, words.get(tab, tab.capitalize())) for tab in TABS if tab not in hidden]


def identity(image: Image) -> dict[str, Any]:
    """All names of the image, and whose it is."""
    names = names_of(image)
    return {
        "traits": [(trait, WORDS.get(trait, trait)) for trait in image.traits],
        "manifests": names.manifests,
        "tags": names.tags,
        "places": names.places,
        "kept_copy": next(iter(names.copies), None),
        "teams": vars(image)["teams"],
    }
