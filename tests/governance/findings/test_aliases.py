"""Alias groups follow from all pairs that reports ever stated, in whatever order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.findings.aliases import group_names
from governance.findings.catalogue import CVE
from governance.findings.models import Advisory, Alias, Regroup, Vulnerability
from governance.images.models import Image
from tests.make import deliver, digest_of, make_grype

NAMES = ["CVE-2099-0001", "CVE-2099-0002", "GHSA-1", "GHSA-2", "DSA-1", "DSA-2", "ALAS-1"]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=10)


@given(PAIRS, st.randoms())
def test_the_order_of_pairs_and_names_does_not_matter(pairs: list[tuple[str, str]], dice: Any) -> None:
    names = list(NAMES)
    first = group_names(names, pairs)
    shuffled = [pair if dice.random() < 0.5 else pair[::-1] for pair in pairs]
    dice.shuffle(shuffled)
    dice.shuffle(names)
    assert group_names(names, shuffled) == first


@given(PAIRS)
def test_a_group_never_holds_two_cves_and_goes_by_its_cve(pairs: list[tuple[str, str]]) -> None:
    for name, group in group_names(NAMES, pairs).items():
        assert group == name or not CVE.fullmatch(name)
        assert group_names(NAMES, pairs)[group] == group


@pytest.mark.parametrize(
    ("pairs", "groups"),
    [
        ([("GHSA-1", "CVE-2099-0001")], {"GHSA-1": "CVE-2099-0001"}),
        ([("GHSA-1", "DSA-1")], {"GHSA-1": "DSA-1", "DSA-1": "DSA-1"}),
        ([("GHSA-1", "DSA-1"), ("DSA-1", "CVE-2099-0001")], {"GHSA-1": "CVE-2099-0001", "DSA-1": "CVE-2099-0001"}),
        ([("DSA-1", "CVE-2099-0001"), ("DSA-1", "CVE-2099-0002")], {"DSA-1": "DSA-1"}),
        (
            [("DSA-1", "CVE-2099-0001"), ("DSA-1", "CVE-2099-0002"), ("GHSA-1", "DSA-1")],
            {"DSA-1": "DSA-1", "GHSA-1": "GHSA-1"},
        ),
        (
            [("GHSA-1", "CVE-2099-0001"), ("GHSA-2", "CVE-2099-0002"), ("DSA-1", "GHSA-1"), ("DSA-1", "GHSA-2")],
            {"GHSA-1": "CVE-2099-0001", "GHSA-2": "CVE-2099-0002", "DSA-1": "DSA-1"},
        ),
    ],
)
def test_groups(pairs: list[tuple[str, str]], groups: dict[str, str]) -> None:
    found = group_names(groups, pairs)
    assert {name: found[name] for name in groups} == groups


def report(name: str, *aliases: str, image: str = "config", **given: Any) -> dict[str, Any]:
    """A Grype report that states the aliases."""
    document = make_grype(name, aliases=list(aliases), **given)
    document["source"]["target"]["imageID"] = digest_of(image)
    document["source"]["target"]["userInput"] = f"registry.example/shop/{image}:1.0"
    return document


def stored() -> dict[str, str]:
    """{identifier: its group}."""
    return dict(Advisory.objects.values_list("name", "vulnerability__name"))


@pytest.mark.django_db
def test_a_group_that_turns_out_to_be_a_bundle_comes_apart_again() -> None:
    deliver(report("DSA-1", "CVE-2099-0001"))
    assert stored() == {"DSA-1": "CVE-2099-0001", "CVE-2099-0001": "CVE-2099-0001"}
    deliver(report("DSA-1", "CVE-2099-0002", image="other"))
    assert stored() == {name: name for name in ("DSA-1", "CVE-2099-0001", "CVE-2099-0002")}
    assert set(Vulnerability.objects.values_list("name", flat=True)) == set(stored())
    assert not Regroup.objects.exists()


@pytest.mark.django_db
def test_an_alias_in_an_otherwise_known_report_is_learned() -> None:
    deliver(report("GHSA-0000-0000-0001"))
    deliver(report("GHSA-0000-0000-0001", "CVE-2099-0001", day=22))
    assert stored()["GHSA-0000-0000-0001"] == "CVE-2099-0001"


@pytest.mark.django_db
def test_known_pairs_are_looked_up_once_and_write_nothing(django_assert_num_queries: Any) -> None:
    deliver(report("GHSA-0000-0000-0001", "CVE-2099-0001"))
    before = list(Alias.objects.values_list("pk", flat=True))
    deliver(report("GHSA-0000-0000-0001", "CVE-2099-0001", image="other"))
    assert list(Alias.objects.values_list("pk", flat=True)) == before


@pytest.mark.django_db
@pytest.mark.parametrize("worst_first", [True, False])
def test_a_vulnerability_is_as_severe_as_its_worst_finding(worst_first: bool) -> None:
    words = ["Critical", "Low"] if worst_first else ["Low", "Critical"]
    for number, word in enumerate(words):
        deliver(report("CVE-2099-0001", severity=word, image=f"image{number}"))
    assert Vulnerability.objects.get().severity == 5


@pytest.mark.django_db
def test_counters_of_other_images_follow_a_group_that_grew() -> None:
    deliver(report("GHSA-0000-0000-0001", severity="Critical"))
    deliver(report("CVE-2099-0001", severity="High", day=22, image="other"))
    both = report("GHSA-0000-0000-0001", severity="Critical", image="third")
    both["matches"] += report("CVE-2099-0001", severity="High")["matches"]
    deliver(both)
    image = Image.objects.get(config_digest=digest_of("third"))
    assert (image.critical, image.high) == (1, 1)
    deliver(report("GHSA-0000-0000-0001", "CVE-2099-0001", package="zlib", image="fourth"))
    image.refresh_from_db()
    assert (image.critical, image.high, image.findings_total) == (1, 0, 1)
