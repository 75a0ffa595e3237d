"""What feeds say reaches vulnerabilities, sets and images, whichever came first; and leaves them again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance.findings import life, weigh
from governance.findings.enrichment import Exploit, Life, Score, look_again, store_exploits, store_scores
from governance.findings.models import Enrichment, FindingSet, Reweigh, Vulnerability
from governance.findings.state import settle
from governance.images.models import Image
from tests.make import deliver, digest_of, make_grype, make_image, make_report, make_vulnerability
from tests.state import everything, from_nothing

pytestmark = pytest.mark.django_db
FIRST, SECOND = "CVE-2099-0001", "CVE-2099-0002"
TODAY = date(2026, 11, 20)


def exploit(cve: str = FIRST, added: date = TODAY) -> Exploit:
    return Exploit(cve, added, added + timedelta(days=21), True)


def shown(image: Image) -> tuple[int, float | None, int | None]:
    """What the image shows once the line is worked off."""
    weigh.settle_weights()
    image.refresh_from_db()
    return image.exploited, image.epss, image.risk


def test_an_update_reaches_what_is_there() -> None:
    image = make_image()
    assert shown(image) == (0, None, 30)
    store_scores([Score(FIRST, 0.5, 0.9), Score("CVE-2099-9999", 0.9, 0.99)], version="v1")
    assert shown(image) == (0, 0.5, 38)
    store_exploits([exploit()])
    assert shown(image) == (1, 0.5, 58)
    row = Vulnerability.objects.get()
    assert (row.epss, row.epss_percentile, row.epss_cve) == (0.5, 0.9, FIRST)
    assert (row.kev_added, row.kev_ransomware, row.kev_cve) == (TODAY, True, FIRST)
    store_exploits([])
    store_scores([])
    assert shown(image) == (0, None, 30)


def test_what_comes_later_has_its_score_at_once() -> None:
    store_scores([Score(FIRST, 0.5, 0.9)])
    store_exploits([exploit()])
    image = make_image()
    assert not Reweigh.objects.exists()
    assert shown(image) == (1, 0.5, 58)
    assert (FindingSet.objects.get().exploited, FindingSet.objects.get().epss) == (1, 0.5)


def test_no_score_is_not_zero() -> None:
    store_scores([Score(SECOND, 0.0, 0.0)])
    assert shown(make_image())[1] is None
    other = make_image("registry.example/shop/other:1", vulnerabilities=[make_vulnerability(SECOND)])
    assert shown(other)[1] == 0.0


def test_an_advisory_of_several_cves_has_the_highest_score_and_any_entry() -> None:
    store_scores([Score(FIRST, 0.2, 0.5), Score(SECOND, 0.7, 0.9)])
    store_exploits([exploit(FIRST)])
    deliver(make_grype("DSA-9999-1", aliases=[FIRST, SECOND]))
    row = Vulnerability.objects.get(name="DSA-9999-1")
    assert (row.epss, row.epss_cve, row.kev_cve) == (0.7, SECOND, FIRST)
    assert shown(Image.objects.get())[:2] == (1, 0.7)


def test_an_alias_that_is_learned_later_brings_its_score() -> None:
    store_scores([Score(FIRST, 0.7, 0.9)])
    deliver(make_grype("GHSA-aaaa-bbbb-cccc"))
    image = Image.objects.get()
    assert shown(image)[1] is None
    # Another image's report says which CVE it is.
    other = make_grype("GHSA-aaaa-bbbb-cccc", aliases=[FIRST], package="other")
    other["source"]["target"] |= {"imageID": digest_of("other"), "userInput": "registry.example/shop/other:1.0"}
    deliver(other)
    settle()
    assert shown(image)[1] == 0.7


def test_a_ghsa_without_cve_has_neither() -> None:
    store_scores([Score(FIRST, 0.7, 0.9)])
    deliver(make_grype("GHSA-aaaa-bbbb-cccc"))
    assert shown(Image.objects.get())[:2] == (0, None)


def test_only_sets_that_hold_what_changed_get_in_line() -> None:
    make_image()
    make_image("registry.example/shop/other:1", vulnerabilities=[make_vulnerability(SECOND)])
    store_exploits([exploit(SECOND)])
    assert Reweigh.objects.count() == 1
    weigh.settle_weights()
    store_exploits([exploit(SECOND)])
    assert not Reweigh.objects.exists()


def test_many_changes_are_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weigh, "SLICE", 2)
    monkeypatch.setattr(weigh, "FEW", 0)
    images = [
        make_image(f"registry.example/shop/i{number}:1", vulnerabilities=[make_vulnerability(f"CVE-2099-{number}")])
        for number in range(1000, 1005)
    ]
    store_exploits([exploit(f"CVE-2099-{number}") for number in range(1000, 1004)])
    assert weigh.waiting() == 5
    assert weigh.settle_weights(most=2) == 2
    assert weigh.waiting() == 3
    settle()
    assert [shown(image)[0] for image in images] == [1, 1, 1, 1, 0]


def test_a_slice_that_died_half_way_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    image = make_image()
    store_exploits([exploit()])

    def die(_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(weigh, "lock_images", die)
        with pytest.raises(KeyboardInterrupt):
            weigh.settle_weights()
    assert shown(image)[0] == 1


def test_what_was_written_at_the_same_moment_is_seen_to() -> None:
    image = make_image()
    store_exploits([exploit()])
    weigh.settle_weights()
    # As if report and feed had not seen each other.
    Vulnerability.objects.update(kev_added=None, kev_cve="")
    FindingSet.objects.update(exploited=0)
    look_again()
    assert not Reweigh.objects.exists()
    Enrichment.objects.update(stored_at=timezone.now() - timedelta(minutes=6))
    look_again()
    assert shown(image)[0] == 1
    assert Enrichment.objects.get().is_settled


def test_a_rescan_still_costs_the_same() -> None:
    """At most five statements of ours: nothing of this stands in its way."""
    store_exploits([exploit()])
    make_image()
    before = Reweigh.objects.count()
    deliver(make_report(config=digest_of("registry.example/shop/api:1.0"), at="2026-08-21T09:30:00Z"))
    assert Reweigh.objects.count() == before == 0


def test_inherited_findings_count_less() -> None:
    image = make_image()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO findings_findingsplit (finding_set_id, depth, how, own, critical, high, medium, low, unknown,"
            " fixable) VALUES (%s, 0, 'sets', %s, 0, 1, 0, 0, 0, 0) RETURNING id",
            [image.finding_set_id, image.finding_set.findings],
        )
        Image.objects.update(split=cursor.fetchone()[0])
    weigh.weigh([image.pk])
    assert shown(image)[2] == 35


SYSTEMS = [
    ("debian", "12.11", True),
    ("debian", "120", None),
    ("Debian", "12", True),
    ("alpine", "3.19.1", False),
    ("alpine", "3.1", None),
    ("redhat", "8.9", True),
    ("red hat enterprise linux", "8", True),
    ("amazon", "2 (Karoo)", True),
    ("amazon", "2023.3.2024", None),
    ("scratch", "", None),
]


@pytest.mark.parametrize(("distro", "version", "expected"), SYSTEMS)
def test_images_follow_their_distributions_dates(distro: str, version: str, expected: bool | None) -> None:
    image = make_image(vulnerabilities=[])
    Image.objects.update(distro=distro, distro_version=version)
    past, future = date(2020, 1, 1), date(2120, 1, 1)
    life.store_lives(
        [
            Life("debian", "12", past, False),
            Life("alpine", "3.19", future, False),
            Life("alpine", "3", past, False),
            Life("rhel", "8", None, True),
            Life("amzn", "2", past, False),
        ]
        if (distro, version) != ("alpine", "3.1")
        else [Life("alpine", "3.19", past, False)]
    )
    image.refresh_from_db()
    assert image.end_of_life is expected
    assert image.state == ("end_of_life" if expected else "clean" if image.state != "stale" else "stale")


def test_a_date_that_passes_and_one_that_moves_change_the_state(settings: Any) -> None:
    settings.STALE_DAYS_AT = dict.fromkeys(settings.STALE_DAYS_AT, 100_000)
    image = make_image(vulnerabilities=[])
    for ends, state in ((date(2120, 1, 1), "clean"), (date(2020, 1, 1), "end_of_life"), (date(2120, 1, 1), "clean")):
        life.store_lives([Life("debian", "12", ends, False)])
        image.refresh_from_db()
        assert image.state == state
    life.store_lives([Life("debian", "12", date(2020, 1, 1), False)])
    life.store_lives([])
    image.refresh_from_db()
    # Nobody knows the date any more: what the scanner said holds, and it said nothing.
    assert (image.end_of_life, image.state) == (None, "clean")


def test_a_new_image_has_its_date_at_once_and_a_date_outranks_a_scanner() -> None:
    life.store_lives([Life("debian", "12", date(2120, 1, 1), False)])
    image = make_image(OS={"Family": "debian", "Name": "12.11", "EOSL": True})
    assert (image.end_of_life, image.end_of_life_said) == (False, True)
    assert image.end_of_life_on == date(2120, 1, 1)


def test_whatever_comes_first_the_end_is_the_same() -> None:
    """Reports, the alias that one of them teaches, and both feeds, in every order."""
    teaching = make_grype("DSA-9999-1", aliases=[FIRST, SECOND], package="other")
    steps: list[Callable[[], Any]] = [
        lambda: store_scores([Score(FIRST, 0.2, 0.5), Score(SECOND, 0.7, 0.9)]),
        lambda: store_exploits([exploit(SECOND)]),
        lambda: deliver(teaching),
        lambda: deliver(make_grype("DSA-9999-1", package="third", day=22), stage="registry"),
    ]
    ends = []
    for order in permutations(steps):
        with from_nothing():
            for step in order:
                step()
            settle(1_000)
            weigh.settle_weights()
            ends.append(everything())
    assert all(end == ends[0] for end in ends)
    (image,) = ends[0]["images"].values()
    assert (image["exploited"], image["epss"]) == (2, 0.7)
