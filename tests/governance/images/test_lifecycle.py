"""Where an image is in its life: by sets and row by row the same, and the same as what the start page counts."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from governance.accounts.models import Team, User
from governance.images.models import LIFE, Image, Manifest, Placement, Tag
from governance.images.names import rename
from governance.images.vanish import mark_placements
from governance.overview.filters import live
from tests.conftest import Machine
from tests.make import digest_of, make_image

pytestmark = pytest.mark.django_db
AT = datetime(2026, 9, 1, tzinfo=UTC)


def life_of(image: Image) -> str:
    rename(image.pk)
    return str(Image.objects.get(pk=image.pk).lifecycle)


def test_each_image_is_in_one_part_and_all_agree(team: Team) -> None:
    made = itertools.product((None, 0, 2), (True, False), (True, False), (True, False))
    names = ("running", "superseded", "pushed", "gone")
    rows = Image.objects.bulk_create(
        Image(first_seen=AT, config_digest=digest_of(str(values)), **dict(zip(names, values, strict=True)))
        for values in made
    )
    for image in rows:
        found = [word for word, condition in LIFE.items() if Image.objects.filter(condition, pk=image.pk).exists()]
        assert found == [image.lifecycle]
        assert Image.objects.filter(live(), pk=image.pk).exists() == (found[0] in ("built", "current", "running"))


def test_it_goes_from_build_to_retirement_by_what_is_told(team: Team) -> None:
    image = make_image("registry.example/shop/api:1", config=digest_of("one"))
    assert life_of(image) == "built"
    Manifest.objects.create(digest=digest_of("manifest"), image=image, source="crawl", first_seen=AT)
    assert life_of(image) == "current"
    make_image("registry.example/shop/api:1", config=digest_of("two"), at="2026-08-21T09:30:00Z")
    assert life_of(image) == "superseded"
    Image.objects.filter(pk=image.pk).update(running=1)
    assert life_of(image) == "running"
    Image.objects.filter(pk=image.pk).update(running=0)
    assert life_of(image) == "retired"
    Image.objects.filter(pk=image.pk).update(running=None)
    assert life_of(image) == "superseded", "nobody ever said that it ran"
    mark_placements([], list(Placement.objects.filter(image=image).values_list("pk", flat=True)), AT)
    assert life_of(image) == "retired"


def test_what_lost_its_tag_to_nobody_is_retired_and_what_never_had_one_when_it_left(team: Team) -> None:
    image = make_image("registry.example/shop/api:1", config=digest_of("one"))
    Manifest.objects.create(digest=digest_of("manifest"), image=image, source="crawl", first_seen=AT)
    Tag.objects.update(until=AT)
    assert life_of(image) == "retired"
    Tag.objects.all().delete()
    assert life_of(image) == "current"
    mark_placements([], list(Placement.objects.values_list("pk", flat=True)), AT)
    assert life_of(image) == "retired"


def test_list_page_and_api_say_and_filter_it(team: Team, admin: User, client, reader: Machine) -> None:
    image = make_image("registry.example/shop/api:1", config=digest_of("one"))
    client.force_login(admin)
    for word in LIFE:
        shown = client.get(reverse("images:image_list"), {"lifecycle": word}).content.decode()
        told = reader.get("/api/v1/images/", {"lifecycle": word}).json()["results"]
        assert ("shop/api:1" in shown.partition("<tbody>")[2]) == (word == "built")
        assert [row["lifecycle"] for row in told] == (["built"] if word == "built" else [])
    assert 'class="tagged life-built"' in client.get(reverse("images:image_detail", args=[image.pk])).content.decode()
