"""The filters of the image list, for the page and the API alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters as filters
from django import forms
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters.filterset import FilterSet

from governance.accounts.permissions import viewer_of
from governance.accounts.picker import team_ids
from governance.approvals.models import ApprovedBase
from governance.approvals.standing import State as Listed
from governance.approvals.standing import built_on_any, by_state
from governance.approvals.users import users_of
from governance.findings.models import Finding, Source
from governance.findings.search import having, search_images, vulnerability_ids
from governance.findings.sources import images_of_source
from governance.findings.traits import WORDS as TRAIT_WORDS
from governance.images.correction import NOTHING
from governance.images.descent import built_on, named_bases, nobody_knows
from governance.images.freshness import State, bases_in
from governance.images.models import LIFE, Image, Placement, Repository
from governance.images.reference import parse_reference
from governance.web.widgets import YesNo, select

VERDICTS = [("fail", "Fail"), ("unknown", "Unknown"), ("warn", "Warn"), ("pass", "Pass")]
STAGES = [("ci", "CI"), ("registry", "Registry"), ("runtime", "Runtime")]
SEVERITIES = [("critical", "Critical"), ("high", "High"), ("medium", "Medium"), ("low", "Low"), ("unknown", "Unknown")]
HEARD = [("in_time", "In time"), ("late", "Late"), ("failed", "Failed")]
FRESHNESS = [("fresh", "fresh"), ("stale", "stale"), ("failed", "failed"), ("never", "never")]
RUNNING = [("true", "Running"), ("false", "Ran, and stopped"), ("unknown", "Unknown")]
PLACES = [(f"{stage}-{state}", f"{name}: {word}") for stage, name in STAGES for state, word in FRESHNESS]
# The rank of one critical finding and nothing else: all images with critical ones lie above it in the index.
ONE_CRITICAL = 1 << 48


def place_filter(stage: str, state: str) -> Q:
    """Images whose last scan at `stage` is fresh, stale, failed, or never was; each image is in exactly one of them."""
    since = timezone.now() - timedelta(days=settings.STALE_DAYS_AT[stage])
    failed, at = Q(failed_stages__contains=[stage]), f"{stage}_at"
    return {
        "fresh": Q(**{f"{at}__gte": since}) & ~failed,
        "stale": Q(**{f"{at}__lt": since}) & ~failed,
        "failed": failed,
        "never": Q(**{f"{at}__isnull": True}) & ~failed,
    }[state]


# (word, in words, from so many days ago, up to so many); the last is for those of which nobody knows.
AGES: list[tuple[str, str, int | None, int | None]] = [
    ("30", "Last 30 days", None, 30),
    ("90", "30 to 90 days ago", 30, 90),
    ("180", "90 to 180 days ago", 90, 180),
    ("365", "180 to 365 days ago", 180, 365),
    ("older", "More than a year ago", 365, None),
    ("unknown", "Nobody knows when", None, None),
]


def age_filter(word: str) -> Q:
    """Images that were built within one of `AGES`; each image is in exactly one of them."""
    _, _, youngest, oldest = next(row for row in AGES if row[0] == word)
    if word == "unknown":
        return Q(built_at=None)
    now, found = timezone.now(), Q(built_at__isnull=False)
    if youngest is not None:
        found &= Q(built_at__lte=now - timedelta(days=youngest))
    return found & Q(built_at__gt=now - timedelta(days=oldest)) if oldest is not None else found


def live() -> Q:
    """Images that run, or that their tags still name: what the numbers of the start page are about.

    Of `Image.Lifecycle` that is built, current and running.
    """
    return Q(running__gt=0) | Q(superseded=False)


def sources_in_sight(request: Any) -> QuerySet[Source]:
    """The sources that may be picked; none where the API's document is made, which nobody asks for."""
    if request is None:
        return Source.objects.none()
    return Source.objects.visible_to(viewer_of(request)).order_by("name", "scanner", "stage")


class ImageFilterForm(forms.Form):
    """Filters that need each other."""

    def clean(self) -> dict[str, Any]:
        """How a report stands is said of a source's."""
        if self.cleaned_data.get("heard") and not self.cleaned_data.get("source"):
            self.add_error("heard", "say of which source as well.")
        return self.cleaned_data


class ImageFilterSet(FilterSet):
    """What the image list can be narrowed by; everything is in the URL."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=300)
    vulnerability = filters.CharFilter(method="by_vulnerability", label="Has", max_length=100)
    repository = filters.CharFilter(method="by_repository", label="Repository", max_length=400)
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)
    state = filters.MultipleChoiceFilter(choices=Image.State.choices, distinct=False, label="State")
    severity = filters.ChoiceFilter(
        choices=SEVERITIES, method="by_severity", label="Has", empty_label="Any severity", widget=select()
    )
    stage = filters.ChoiceFilter(
        choices=STAGES, method="by_stage", label="Seen at", empty_label="Any place", widget=select()
    )
    place = filters.ChoiceFilter(
        choices=PLACES, method="by_place", label="Last scan", empty_label="Any", widget=select()
    )
    base = filters.CharFilter(method="by_base", label="Built on", max_length=400)
    listed = filters.ChoiceFilter(
        choices=Listed.choices, method="by_listed", label="Its base", empty_label="However listed", widget=select()
    )
    entry = filters.NumberFilter(method="by_entry", label="On approved entry", min_value=1, max_value=2**62)
    exploited = filters.BooleanFilter(method="by_exploited", label="Known exploited", widget=YesNo())
    current = filters.BooleanFilter(field_name="superseded", exclude=True, label="A tag names it", widget=YesNo())
    running = filters.ChoiceFilter(
        choices=RUNNING, method="by_running", label="Running", empty_label="Or not", widget=select()
    )
    lifecycle = filters.ChoiceFilter(
        choices=Image.Lifecycle.choices, method="by_lifecycle", label="Life", empty_label="All of it", widget=select()
    )
    live = filters.BooleanFilter(method="by_live", label="Running or current", widget=YesNo())
    source = filters.ModelChoiceFilter(
        queryset=sources_in_sight, method="by_source", label="Expected of", empty_label="Any source", widget=select()
    )
    heard = filters.ChoiceFilter(
        choices=HEARD, method="by_heard", label="Last report", empty_label="Any", widget=select()
    )
    age = filters.ChoiceFilter(
        choices=[(word, words) for word, words, _, _ in AGES],
        method="by_age",
        label="Built",
        empty_label="Whenever",
        widget=select(),
    )
    verdict = filters.ChoiceFilter(
        choices=VERDICTS, method="by_verdict", label="Verdict", empty_label="Any verdict", widget=select()
    )
    fixable = filters.BooleanFilter(method="by_fixable", label="Fix known", widget=YesNo())
    trait = filters.ChoiceFilter(
        choices=list(TRAIT_WORDS.items()), method="by_trait", label="Trait", empty_label="Any", widget=select()
    )
    eol = filters.BooleanFilter(field_name="end_of_life", label="Past end of life", widget=YesNo())
    identified = filters.BooleanFilter(
        field_name="placeholder", lookup_expr="isnull", label="Known by digest", widget=YesNo()
    )
    demo = filters.BooleanFilter(field_name="is_demo", label="Demo data", widget=YesNo())

    class Meta:
        model = Image
        fields: list[str] = []
        form = ImageFilterForm

    def by_text(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """The search box."""
        return search_images(images, value)

    def by_vulnerability(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """Images that have it, by any of its names."""
        named = Finding.objects.filter(advisory__vulnerability__in=vulnerability_ids(value.replace("\x00", "")))
        return images.filter(having(list(named.values_list("pk", flat=True))))

    def by_repository(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """A repository by number, by `host/name`, or by its name alone."""
        named = Q(name=value)
        if value.isdecimal() and len(value) < 19:
            named |= Q(pk=int(value))
        if reference := parse_reference(value):
            named |= Q(registry__host=reference.host, name=reference.repository)
        ids = list(Repository.objects.filter(named).values_list("pk", flat=True)[:1000])
        return images.filter(pk__in=Placement.objects.filter(repository__in=ids).values("image"))

    def by_team(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """Images that a team owns."""
        return images.filter(owners__overlap=team_ids(self.request, value))

    def by_base(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """Built on an image, at any depth: by number, digest or name; `unknown`, or `scratch` for nothing."""
        if value == "unknown":
            return images.filter(nobody_knows())
        if value == NOTHING:
            return images.filter(base=None, base_name="").exclude(base_rung=0)
        bases, name = named_bases(value)
        return images.filter(base_name=name) | built_on(images, bases) if name else built_on(images, bases)

    def by_listed(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """By what the approved list says of the base today."""
        return images.filter(by_state(value))

    def by_entry(self, images: QuerySet[Image], _: str, value: Any) -> QuerySet[Image]:
        """On what an entry of the approved list means, as its page counts them."""
        viewer = viewer_of(self.request)
        entry = ApprovedBase.objects.visible_to(viewer).filter(pk=int(value)).first()
        bases = [base for base, _ in users_of([entry], viewer)[entry.pk].bases] if entry else []
        return images.filter(built_on_any(bases))

    def by_severity(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """At least one finding of this severity."""
        if value == "critical":
            return images.filter(rank__gte=ONE_CRITICAL)
        return images.filter(**{f"{value}__gt": 0})

    def by_stage(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """Scanned at this stage at least once."""
        return images.filter(**{f"{value}_at__isnull": False})

    def by_place(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """By how the last scan at a stage stands, as the lights show it."""
        stage, _, state = value.partition("-")
        return images.filter(place_filter(stage, state))

    def by_exploited(self, images: QuerySet[Image], _: str, value: bool) -> QuerySet[Image]:
        """A vulnerability of it is known to be used in attacks."""
        return images.filter(exploited__gt=0) if value else images.filter(exploited=0)

    def by_running(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """As agents tell; what none of them told of, or only one that is silent now, is unknown."""
        return images.filter(**{"true": {"running__gt": 0}, "false": {"running": 0}}.get(value, {"running": None}))

    def by_lifecycle(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """By where it is in its life."""
        return images.filter(LIFE[value])

    def by_live(self, images: QuerySet[Image], _: str, value: bool) -> QuerySet[Image]:
        """What matters today: what runs, and what a tag still names."""
        return images.filter(live()) if value else images.exclude(live())

    def by_verdict(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """The worst of its verdicts at the three places; what was not judged yet is unknown, too."""
        return images.filter(verdict__in=["", value]) if value == "unknown" else images.filter(verdict=value)

    def by_age(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """By how long ago it was built."""
        return images.filter(age_filter(value))

    def by_trait(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """What configuration and package list show."""
        return images.filter(traits__contains=[value])

    def by_source(self, images: QuerySet[Image], _: str, value: Source) -> QuerySet[Image]:
        """What a source is expected to send again; whether it came in time is the next filter's."""
        return images if self.form.cleaned_data.get("heard") else images_of_source(images, value, "")

    def by_heard(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """What a source is expected to send again, by how its last report stands."""
        return images_of_source(images, self.form.cleaned_data["source"], value)

    def by_fixable(self, images: QuerySet[Image], _: str, value: bool) -> QuerySet[Image]:
        """A newer version of a package is known to fix something."""
        return images.filter(fixable__gt=0) if value else images.filter(fixable=0)


class BaseFilterSet(ImageFilterSet):
    """The filters of images, and how a base stands to its tag."""

    fresh = filters.ChoiceFilter(
        choices=State.choices, method="by_freshness", label="Tag", empty_label="Any", widget=select()
    )

    def by_freshness(self, images: QuerySet[Image], _: str, value: str) -> QuerySet[Image]:
        """Of the two thousand most built on, those whose tag moved on (or did not)."""
        return images.filter(pk__in=bases_in(value))
