"""The base's tag moved on, or it did not, or nobody can tell; and what else the fleet could be built on."""

from __future__ import annotations

import pytest

from governance.images.freshness import State, bases_in, family_of, freshness_of
from governance.images.models import Image, Tag
from tests.governance.images.trees import layers_of, make_tree_image, settled

pytestmark = pytest.mark.django_db


def base(key: str, day: int, name: str = "python:3.12", **fields) -> Image:
    return make_tree_image(name, layers_of(key), (), day=day, key=key, **fields)


def state(image: Image, named: str = "") -> tuple[str, int | None, str]:
    found = freshness_of([image.pk], named)[image.pk]
    return found.state.value, found.newest, found.tag.rpartition("/")[2]


def test_a_tag_that_points_elsewhere_now_has_moved_on() -> None:
    old, newer, newest = base("a", 1), base("b", 5), base("c", 9)
    found = freshness_of([old.pk, newest.pk])
    assert (found[old.pk].state, found[old.pk].newest) == (State.MOVED, newest.pk)
    assert found[old.pk].since == Tag.objects.get(image=newer).since
    assert found[newest.pk].state == State.NEWEST


def test_another_platform_under_the_same_tag_is_no_newer_base() -> None:
    old = base("a", 1)
    arm = base("b", 5)
    Image.objects.filter(pk=arm.pk).update(architecture="arm64")
    assert state(old) == ("newest", None, "python:3.12")
    newest = base("c", 9)
    assert state(old) == ("moved", newest.pk, "python:3.12")
    assert freshness_of([old.pk])[old.pk].since == Tag.objects.get(image=newest).since


def test_a_moving_tag_that_stays_decides_against_one_that_left() -> None:
    before, twelve = base("eleven", 1, "debian:12"), base("twelve", 2, "debian:12")
    base("twelve", 3, "debian:latest")
    thirteen = base("thirteen", 4, "debian:latest")
    assert state(twelve) == ("newest", None, "debian:12")
    assert state(twelve, "registry.example/debian:latest") == ("moved", thirteen.pk, "debian:latest")
    assert state(before) == ("moved", twelve.pk, "debian:12")


def test_a_tag_that_never_moves_says_nothing() -> None:
    old = base("one", 1, "app:build-1")
    base("one", 2, "app:latest")
    newest = base("two", 3, "app:latest")
    assert state(old) == ("moved", newest.pk, "app:latest")
    assert state(newest) == ("newest", None, "app:latest")


def test_without_tags_nothing_is_said() -> None:
    old = base("a", 1)
    Tag.objects.update(until="2026-08-09T00:00:00Z")
    assert state(old)[0] == "gone"
    Tag.objects.all().delete()
    assert state(old)[0] == "unknown"


def test_bases_behind_are_found_among_all_bases() -> None:
    old, _ = base("a", 1), base("b", 5)
    app = make_tree_image("app", layers_of("a", "app"), (), day=6)
    settled(old, app)
    assert bases_in("moved") == [old.pk]
    assert bases_in("newest") == []


def test_the_family_are_other_tags_and_other_bases_of_the_kind() -> None:
    old, slim = base("a", 1), base("slim", 2, "python:3.12-slim")
    other, unused = base("b", 3, "mirror/python:3.12"), base("c", 4, "mirror/node:22")
    Image.objects.filter(pk=unused.pk).update(distro="alpine")
    settled(make_tree_image("app", layers_of("b", "app"), (), day=6))
    assert family_of(old.pk) == [slim.pk, other.pk]
    assert family_of(old.pk, [slim.pk], most=1) == [other.pk]
