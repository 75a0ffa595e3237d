"""Which images a name means, found by their indexes however many there are."""

from __future__ import annotations

import pytest
from django.db import connection

from governance.images.lookup import BY_DIGEST, BY_TAG, images_named
from tests.make import digest_of, make_image

pytestmark = pytest.mark.django_db


def test_an_image_is_found_by_tag_and_by_digest() -> None:
    image = make_image("registry.example/shop/api:1.0")
    assert [pk for pk, _ in images_named("registry.example/shop/api:1.0")] == [image.pk]
    assert [pk for pk, _ in images_named(f"registry.example/shop/api@{image.config_digest}")] == [image.pk]
    assert images_named("registry.example/shop/api:2.0") == images_named(digest_of("nobody's")) == []


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (BY_DIGEST, {"digest": b"1" * 33}),
        (BY_TAG, {"placeholder": "a:1", "host": "registry.example", "repository": "a", "tag": "1"}),
    ],
)
def test_a_gate_never_reads_all_images(statement: str, values: dict[str, object]) -> None:
    """Asked hundreds of times a second: reading 100,000 rows each time takes 50 ms."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}", values)
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert "Seq Scan on images_image" not in plan
    assert "Seq Scan on images_manifest" not in plan
