"""The filters of the vulnerability list and of the list of VEX statements."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django_filters.filterset import FilterSet

from governance.findings.models import Finding, Package, Silence, Source, Vulnerability
from governance.findings.models_vex import VexStatement
from governance.findings.search import ADVISORY, IDENTIFIER, vulnerability_ids
from governance.web.widgets import YesNo, select

SEVERITIES = [("5", "Critical"), ("4", "High"), ("3", "Medium"), ("2", "Low"), ("0", "Unknown")]


STAGES = [("ci", "CI"), ("registry", "Registry"), ("runtime", "Runtime")]


class SourceFilterSet(FilterSet):
    """What the list of sources can be narrowed by. The scope (`team`) is the view's: it says whose images count."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=100)
    stage = filters.ChoiceFilter(choices=STAGES, label="Place", empty_label="Any place", widget=select())
    silent = filters.BooleanFilter(method="by_silence", label="Silent", widget=YesNo())

    class Meta:
        model = Source
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Source], _: str, value: str) -> QuerySet[Source]:
        """Part of the sender's name, or a scanner."""
        word = value.strip().replace("\x00", "")
        return rows.filter(Q(name__icontains=word) | Q(scanner=word.lower()))

    def by_silence(self, rows: QuerySet[Source], _: str, value: bool) -> QuerySet[Source]:
        """Sources of which an event is open, or the others."""
        silent = Exists(Silence.objects.filter(source=OuterRef("pk"), ended_at=None))
        return rows.filter(silent) if value else rows.filter(~silent)


class VulnerabilityFilterSet(FilterSet):
    """What the vulnerability list can be narrowed by. The scope (`team`) is the view's: it says whose images count."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    severity = filters.ChoiceFilter(
        choices=SEVERITIES, method="by_severity", label="Severity", empty_label="Any severity", widget=select()
    )

    exploited = filters.BooleanFilter(
        field_name="kev_added", lookup_expr="isnull", exclude=True, label="Known exploited", widget=YesNo()
    )

    class Meta:
        model = Vulnerability
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Vulnerability], _: str, value: str) -> QuerySet[Vulnerability]:
        """An identifier or its beginning, a package of exactly this name, or words of the title."""
        word = value.strip().replace("\x00", "")
        if IDENTIFIER.fullmatch(word) or ADVISORY.fullmatch(word):
            return rows.filter(Q(pk__in=vulnerability_ids(word)) | Q(name__startswith=word.upper()))
        packages = list(Package.objects.filter(name=word).values_list("pk", flat=True)[:20_000])
        holding = Finding.objects.filter(package__in=packages).values("advisory__vulnerability")
        return rows.filter(Q(name__startswith=word.upper()) | Q(title__icontains=word) | Q(pk__in=holding))

    def by_severity(self, rows: QuerySet[Vulnerability], _: str, value: str) -> QuerySet[Vulnerability]:
        """The worst that any witness says; negligible counts as unknown."""
        return rows.filter(severity__lte=1) if value == "0" else rows.filter(severity=int(value))


STANDINGS = [("current", "In force"), ("history", "Superseded"), ("revoked", "Revoked")]


class VexFilterSet(FilterSet):
    """What the list of VEX statements can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    issuer = filters.CharFilter(label="Issuer", max_length=200)
    status = filters.ChoiceFilter(
        choices=VexStatement.Status.choices, label="Status", empty_label="Any status", widget=select()
    )
    standing = filters.ChoiceFilter(
        choices=STANDINGS, method="by_standing", label="Standing", empty_label="In force or not", widget=select()
    )
    statement = filters.NumberFilter(field_name="pk", label="Statement", max_value=2**63 - 1)
    report = filters.NumberFilter(field_name="delivery", label="Report", max_value=2**63 - 1)

    class Meta:
        model = VexStatement
        fields: list[str] = []

    def by_text(self, rows: QuerySet[VexStatement], _: str, value: str) -> QuerySet[VexStatement]:
        """A vulnerability by any of its names, or a product's name as written."""
        word = value.strip().replace("\x00", "")
        return rows.filter(Q(names__contains=[word]) | Q(products__contains=[word]) | Q(package_name=word))

    def by_standing(self, rows: QuerySet[VexStatement], _: str, value: str) -> QuerySet[VexStatement]:
        """In force, superseded by a newer one, or revoked."""
        if value == "current":
            return rows.filter(is_current=True)
        # Whether its subject was revoked, `with_revocation` says.
        return rows.filter(Q(("revoked_at__isnull", value == "history")), is_current=False)
