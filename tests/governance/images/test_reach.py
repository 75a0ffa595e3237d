"""How much is built on an image: counted once it settled, at any depth, by repository."""

from __future__ import annotations

from itertools import permutations

import pytest
from django.db import connection

from governance.accounts.models import Team
from governance.images.merge import merge_into
from governance.images.models import BaseReach, Image, ReachWork
from governance.images.reach import queue, queue_all, settle_reach, spread_of
from tests.governance.images.trees import layers_of, make_tree_image, settled

pytestmark = pytest.mark.django_db
TREE = (("os", ("os",)), ("run:1", ("os", "run")), ("app:1", ("os", "run", "1")), ("app:2", ("os", "run", "2")))


def arrive(number: int, team: Team | None = None) -> Image:
    name, layers = TREE[number]
    return make_tree_image(name, layers_of(*layers), (), team, day=number + 1)


def counted() -> dict[str, tuple[int, int]]:
    settled()
    assert not ReachWork.objects.exists()
    rows = Image.objects.present().filter(descendants__gt=0)
    return {row.reference.removeprefix("registry.example/"): (row.descendants, row.descendants_current) for row in rows}


@pytest.mark.parametrize("order", list(permutations(range(4)))[::3])
def test_everything_below_counts_in_every_order(order: tuple[int, ...]) -> None:
    for number in order:
        arrive(number)
        settled()
    assert counted() == {"os:1": (3, 3), "run:1": (2, 2)}


def test_repositories_and_teams_are_told_apart(team: Team) -> None:
    other = Team.objects.create(name="payments")
    base = arrive(0, other)
    arrive(1, other)
    arrive(2, team)
    arrive(3, team)
    settled(base)
    assert {(str(row.repository), row.images) for row in BaseReach.objects.filter(base=base)} == {
        ("registry.example/run", 1),
        ("registry.example/app", 2),
    }
    assert spread_of([base]) == {base.pk: (2, 2)}


def test_what_no_tag_points_to_any_more_is_no_longer_current() -> None:
    for number in range(4):
        arrive(number)
    settled()
    make_tree_image("app:1", layers_of("another"), (), day=9, key="moved on")
    assert counted() == {"os:1": (3, 2), "run:1": (2, 1)}


def test_an_image_that_turns_out_to_be_built_on_another_takes_its_descendants_along() -> None:
    os, run = arrive(0), arrive(1)
    arrive(2)
    settled(os, run)
    Image.objects.filter(pk=run.pk).update(base=None)
    queue([os.pk])
    assert counted() == {"run:1": (1, 1)}
    assert not BaseReach.objects.filter(base=os).exists()


def test_merged_records_count_once() -> None:
    arrive(0)
    run, twin = arrive(1), make_tree_image("run:1", layers_of("os", "twin"), (), day=2, key="twin")
    arrive(2)
    settled()
    merge_into(run.pk, twin.pk, "a test")
    assert counted() == {"os:1": (2, 2), "run:1": (1, 1)}


def test_a_large_base_waits_for_more(django_assert_num_queries) -> None:
    base = arrive(0)
    Image.objects.filter(pk=base.pk).update(descendants=100_000)
    queue([base.pk])
    with django_assert_num_queries(4):  # savepoint, lock, look, release
        assert settle_reach() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE images_reachwork SET due = clock_timestamp()")
    assert settle_reach() == 1
    base.refresh_from_db()
    assert base.descendants == 0


def test_a_circle_is_counted_and_ends() -> None:
    one, other = arrive(0), make_tree_image("flat", layers_of("flat"))
    settled()
    Image.objects.filter(pk=one.pk).update(base=other)
    Image.objects.filter(pk=other.pk).update(base=one)
    queue_all()
    assert counted() == {"os:1": (1, 1), "flat:1": (1, 1)}
