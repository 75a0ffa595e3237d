"""Two images side by side: facts, layers, packages, findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.views import View

from governance.accounts.permissions import viewer_of
from governance.findings.models import Package
from governance.findings.preview import lines_in, previews
from governance.images.clean import clean_digest, clean_text
from governance.images.models import Image, Manifest, Tag
from governance.images.reference import parse_reference
from governance.overview.contents import Layer, layers_of
from governance.web.templatetags.portwarden import count, size
from governance.web.views import render_page

MOST = 200
UNKNOWN = "unknown"


def image_named(images: QuerySet[Image], words: str) -> Image | None:
    """One of `images` by number, digest, or the name that its tag has now."""
    text = clean_text(words.strip(), 400)
    if text.isdecimal() and len(text) < 19:
        return images.filter(pk=int(text)).first()
    reference = parse_reference(text)
    if digest := clean_digest(reference.digest if reference and reference.digest else text):
        named = Q(config_digest=digest) | Q(pk__in=Manifest.objects.filter(digest=digest).values("image"))
        return images.filter(named).order_by("pk").first()
    if reference is None:
        return None
    where = {"repository__registry__host": reference.host, "repository__name": reference.repository}
    tags = Tag.objects.filter(name=reference.tag or "latest", until=None, **where)
    return images.filter(pk__in=tags.values("image")).order_by("pk").first()


@dataclass(slots=True)
class Sides:
    """What only one side has, and what changed; numbers are of all, lists of the first 200."""

    left: list[Any] = field(default_factory=list)
    right: list[Any] = field(default_factory=list)
    left_total: int = 0
    right_total: int = 0
    both: int = 0
    changed: list[tuple[str, str, str]] = field(default_factory=list)


class Compare(View):
    """`?a=` and `?b=`; without them, the form."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Both must be the viewer's to see; who asks for another learns only that nothing was found."""
        visible = Image.objects.present().visible_to(viewer_of(request))
        related = ("repository__registry", "finding_set", "package_set", "base")
        visible = visible.select_related(*related).defer("package_set__places")
        words = [request.GET.get(name, "").replace("\x00", "")[:400] for name in ("a", "b")]
        found = [image_named(visible, text) if text.strip() else None for text in words]
        missing = [text for text, image in zip(words, found, strict=True) if text.strip() and image is None]
        context: dict[str, Any] = {"words": words, "missing": missing, "a": found[0], "b": found[1], "both": False}
        if found[0] and found[1]:
            context |= {"both": True, **difference(found[0], found[1])}
        return render_page(request, "bases/compare.html", context, "result")


def difference(a: Image, b: Image) -> dict[str, Any]:
    """All of it."""
    layers = [layers_of(a, False), layers_of(b, False)]
    return {
        "facts": facts(a, b, [len(one) for one in layers]),
        "layers": compare_layers(*layers),
        "packages": compare_packages(a, b),
        "findings": compare_findings(a, b),
    }


FACTS: tuple[tuple[str, Callable[[Image], str]], ...] = (
    ("Image ID", lambda one: one.config_digest or UNKNOWN),
    ("Platform", lambda one: one.platform or UNKNOWN),
    ("System", lambda one: f"{one.distro} {one.distro_version}".strip() or UNKNOWN),
    ("Built", lambda one: one.built_at.strftime("%Y-%m-%d %H:%M UTC") if one.built_at else UNKNOWN),
    ("Size", lambda one: size(one.size) if one.size else UNKNOWN),
    ("Built on", lambda one: one.base_name or (str(one.base) if one.base else UNKNOWN)),
    ("State", lambda one: str(Image.State(one.state).label)),
    ("Findings", lambda one: count(one.findings_total) if one.is_assessed else "not looked at"),
    ("With a known fix", lambda one: count(one.fixable) if one.is_assessed else "not looked at"),
)


def facts(a: Image, b: Image, layers: list[int]) -> list[tuple[str, str, str, bool]]:
    """[(what, left, right, whether they differ)]."""
    left, right = (str(number or UNKNOWN) for number in layers)
    rows = [("Layers", left, right), *((words, read(a), read(b)) for words, read in FACTS)]
    return [(words, ours, theirs, ours != theirs) for words, ours, theirs in rows]


def compare_layers(a: list[Layer], b: list[Layer]) -> Sides:
    """Layers are the same as far as all below them are (`both`)."""
    same = 0
    while same < min(len(a), len(b)) and a[same].diff_id == b[same].diff_id:
        same += 1
    return Sides(a[same : same + MOST], b[same : same + MOST], len(a) - same, len(b) - same, same)


def compare_packages(a: Image, b: Image) -> Sides | None:
    """By type and name; None where the packages of one are not known."""
    if a.package_set is None or b.package_set is None:
        return None
    left, right = set(a.package_set.packages), set(b.package_set.packages)
    versions: dict[tuple[str, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    rows = Package.objects.filter(pk__in=left ^ right).values_list("pk", "type", "name", "version")
    for pk, kind, name, version in rows:
        versions[kind, name][0 if pk in left else 1].add(version)
    found = Sides(both=len(left & right))
    for (kind, name), (ours, theirs) in sorted(versions.items()):
        # Scanners that know a package's source and those that do not have rows of their own.
        words = (f"{name} ({kind})" if kind else name, ", ".join(sorted(ours)), ", ".join(sorted(theirs)))
        if ours == theirs:
            found.both += 1
        elif ours and theirs:
            found.changed.append(words)
        else:
            (found.left if ours else found.right).append(words)
    found.left_total, found.right_total = len(found.left), len(found.right)
    found.left, found.right = found.left[:MOST], found.right[:MOST]
    return found


def compare_findings(a: Image, b: Image) -> Sides | None:
    """By line; None where one of them was never assessed."""
    (told,) = previews(a, a, [], [b])
    if not told.is_known or told.fixes is None or told.brings is None:
        return None
    both = a.findings_total - told.fixes
    rows = lines_in([*told.fixed, *told.brought])
    cut = len(told.fixed)
    return Sides(rows[:cut], rows[cut:], told.fixes, told.brings, max(both, 0))
