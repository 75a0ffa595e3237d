"""What failed or warned in one image beside vulnerabilities: misconfigurations, secrets, licences and the like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, OuterRef, QuerySet, Subquery

from governance.findings.models import CheckResult
from governance.images.models import Image
from governance.overview.contents import LEVELS
from governance.web.templatetags.portwarden import SEVERITIES, WORDS

# Every kind of `findings.report.Check` in words, in the order in which people want to know of them.
KINDS = {
    "secret": "Secret",
    "misconfiguration": "Misconfiguration",
    "policy": "Policy",
    "end_of_life": "End of life",
    "benchmark": "Benchmark",
    "lint": "Lint",
    "licence": "Licence",
}
RESULTS = {"fail": "Fail", "warn": "Warn"}
NAMED = 5


def checks_of(image: Image) -> QuerySet[CheckResult]:
    """Failed and warned checks of the image's current scans."""
    return CheckResult.objects.filter(scan__image=image, scan__is_current=True)


def narrowed(rows: QuerySet[CheckResult], picked: Mapping[str, str]) -> QuerySet[CheckResult]:
    """By kind, result and severity; a word that is none of them finds nothing, as with any filter."""
    for name in ("kind", "result"):
        if picked[name]:
            rows = rows.filter(**{name: picked[name]})
    if picked["severity"]:
        rows = rows.filter(severity__range=LEVELS.get(picked["severity"], (-1, -1)))
    return rows.select_related("scan").order_by("-severity", "kind", "check_id", "pk")


@dataclass(frozen=True, slots=True)
class Facets:
    """How many checks there are of each kind, result and severity: [(value, words with the number)]."""

    kinds: list[tuple[str, str]]
    results: list[tuple[str, str]]
    severities: list[tuple[str, str]]
    total: int
    secrets: int


def facets_of(image: Image) -> Facets:
    """All of the image's checks counted in one query; what there is none of is not offered."""
    counted = checks_of(image).order_by().values_list("kind", "result", "severity").annotate(amount=Count("pk"))
    amounts: Counter[str] = Counter()
    for kind, result, severity, amount in counted:
        for value in (f"kind {kind}", f"result {result}", f"severity {WORDS.get(severity, 'unknown')}", "all"):
            amounts[value] += amount
    kinds = {**KINDS, **_unheard_of(amounts)}
    return Facets(
        _choices("kind", kinds, amounts),
        _choices("result", RESULTS, amounts),
        _choices("severity", {word: word.capitalize() for word in SEVERITIES}, amounts),
        amounts["all"],
        amounts["kind secret"],
    )


def _unheard_of(amounts: Counter[str]) -> dict[str, str]:
    """Kinds that a later version wrote."""
    kinds = [value.removeprefix("kind ") for value in amounts if value.startswith("kind ")]
    return {kind: kind for kind in kinds if kind not in KINDS}


def _choices(name: str, words: dict[str, str], amounts: Counter[str]) -> list[tuple[str, str]]:
    found = {value: amounts[f"{name} {value}"] for value in words}
    return [(value, f"{words[value]} ({amount:,})") for value, amount in found.items() if amount]


def secrets_of(image: Image) -> list[CheckResult]:
    """The first secrets, worst first: whoever has the image has them too."""
    return list(checks_of(image).filter(kind="secret").order_by("-severity", "check_id", "pk")[:NAMED])


def with_secrets(images: QuerySet[Image]) -> QuerySet[Image]:
    """Each image with how many secrets its current scans found, for `secret_count`."""
    found = CheckResult.objects.filter(scan__image=OuterRef("pk"), scan__is_current=True, kind="secret")
    counted = found.order_by().values("kind").annotate(number=Count("pk")).values("number")
    return images.annotate(secrets=Subquery(counted))


def secret_count(image: Image) -> int:
    """How many secrets the current scans of an image of `with_secrets` found."""
    return vars(image)["secrets"] or 0
