"""A preview says what a later scan of the rebuilt image shows."""

from __future__ import annotations

import pytest

from governance.findings.models import Finding
from governance.findings.preview import WORDS, lines_in, previews
from governance.images.models import Image
from tests.governance.images.trees import layers_of, make_tree_image, settled
from tests.make import deliver, digest_of, make_grype, make_report, make_vulnerability

pytestmark = pytest.mark.django_db


def found(names: tuple[str, ...], package: str = "openssl", **fields) -> list[dict]:
    return [make_vulnerability(name, package, **fields) for name in names]


def scan(name: str, layers: list[str], vulnerabilities: list[dict], day: int) -> Image:
    """Trivy's report of an image."""
    at = f"2026-08-{day:02}T09:00:00Z"
    reference, config = f"registry.example/{name}:1", digest_of(f"{name} {day}")
    deliver(make_report(reference, config, vulnerabilities, at=at, DiffIDs=layers))
    return settled(Image.objects.present().get(config_digest=config))[0]


def lines(image: Image) -> set[tuple[str, str, str]]:
    ids = image.finding_set.findings if image.finding_set else []
    rows = Finding.objects.filter(pk__in=ids)
    return set(rows.values_list("advisory__vulnerability__name", "package__name", "package__version"))


OLD = found(("CVE-2099-0001", "CVE-2099-0002", "CVE-2099-0003"))
# What the newer base has, what the application has beside the base's, and what the rebuilt image is found to have.
REBUILDS = {
    "two are gone and one is new": (
        found(("CVE-2099-0003", "CVE-2099-0004"), Severity="CRITICAL"),
        found(("CVE-2099-0100",), "flask"),
    ),
    "another release of the same package": (
        found(("CVE-2099-0001", "CVE-2099-0005"), InstalledVersion="1.1", Severity="LOW"),
        found(("CVE-2099-0100", "CVE-2099-0001"), "flask", Severity="MEDIUM"),
    ),
    "a base of another kind that has what the application has, too": (
        found(("CVE-2099-0100",), "flask") + found(("CVE-2099-0200",), "musl", FixedVersion=""),
        found(("CVE-2099-0100",), "flask") + found(("CVE-2099-0101",), "jinja"),
    ),
}


@pytest.mark.parametrize("how", REBUILDS)
def test_the_preview_is_what_the_scan_of_the_rebuilt_image_shows(how: str) -> None:
    new_base, own = REBUILDS[how]
    old = scan("os", layers_of("old"), OLD, 1)
    new = scan("os", layers_of("new"), new_base, 2)
    app = scan("app", layers_of("old", "app"), OLD + own, 3)
    assert app.base == old
    assert app.split is not None
    (told,) = previews(app, old, app.split.own, [new])

    rebuilt = scan("app", layers_of("new", "app"), new_base + [one for one in own if one not in new_base], 4)
    assert rebuilt.base == new
    assert told.after is not None
    assert told.after.as_dict() == {word: getattr(rebuilt, word) for word in WORDS}
    assert told.after.fixable == rebuilt.fixable
    before, after = lines(app), lines(rebuilt)
    assert (told.fixes, told.brings) == (len(before - after), len(after - before))
    assert {str(row.advisory) for row in lines_in(told.fixed)} == {name for name, _, _ in before - after}
    assert {str(row.advisory) for row in lines_in(told.brought)} == {name for name, _, _ in after - before}


def test_a_base_itself_is_compared_with_the_newest() -> None:
    old, new = scan("os", layers_of("old"), OLD, 1), scan("os", layers_of("new"), OLD[:1], 2)
    (told,) = previews(old, old, [], [new])
    assert (told.fixes, told.brings, told.after and told.after.high) == (2, 0, 1)


def test_sizes_are_compared_where_both_are_known() -> None:
    old, new = scan("os", layers_of("old"), OLD, 1), scan("os", layers_of("new"), OLD, 2)
    assert previews(old, old, [], [new])[0].size is None
    old.size, new.size = 100, 86
    assert previews(old, old, [], [new])[0].size == -14


def test_what_no_scan_looked_at_is_not_foretold() -> None:
    old = make_tree_image("os", layers_of("old"), ("CVE-2099-0001",))
    sbom_only = make_tree_image("os", layers_of("new"), (), key="new", day=2)
    settled(old, sbom_only)
    sbom_only.finding_set = None
    (told,) = previews(old, old, [], [sbom_only])
    assert (told.is_known, told.after, told.fixes) == (False, None, None)
    assert previews(old, old, None, [old])[0].is_known is False


def test_several_scanners_count_as_they_do_on_the_image() -> None:
    old = scan("os", layers_of("old"), OLD, 1)
    deliver(make_report("registry.example/new:1", digest_of("config"), OLD[:1], DiffIDs=layers_of("new")))
    deliver(make_grype("CVE-2099-0009"))
    new = settled(Image.objects.get(config_digest=digest_of("config")))[0]
    (told,) = previews(old, old, [], [new])
    assert told.after is not None
    assert told.after.findings_total == new.findings_total == 2
