"""Pages follow each other without gaps or repeats, in both directions, whatever is NULL."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from governance.images.models import Image
from governance.web.keyset import bounded_count, encode, paginate

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def images() -> None:
    dice = random.Random(7)
    times = [None if number % 5 == 0 else START + timedelta(days=dice.randrange(6)) for number in range(43)]
    Image.objects.bulk_create([Image(first_seen=START, built_at=at, rank=dice.randrange(4)) for at in times])


@pytest.mark.parametrize("order", [("-id",), ("-rank", "-id"), ("-built_at", "-id"), ("built_at", "id")])
def test_pages_forth_and_back_hold_every_row_once(images, order) -> None:
    seen, cursor, pages = [], "", []
    while True:
        page = paginate(Image.objects.all(), order, 10, cursor)
        pages.append([row.pk for row in page.rows])
        seen += pages[-1]
        if page.older is None:
            break
        cursor = page.older
    assert sorted(seen) == sorted(Image.objects.values_list("pk", flat=True))
    assert len(pages) == 5
    back = []
    while page.newer is not None:
        page = paginate(Image.objects.all(), order, 10, page.newer)
        back.append([row.pk for row in page.rows])
    assert back == pages[-2::-1]


@pytest.mark.parametrize("cursor", ["x", "!!!", "W10", encode(["a", "b", "c"], False), encode([{}], False)])
def test_a_damaged_cursor_is_refused_in_words(images, cursor) -> None:
    with pytest.raises(ValidationError, match="damaged"):
        list(paginate(Image.objects.all(), ("-id",), 10, cursor).rows)


def test_counts_stop_at_their_limit(images) -> None:
    assert bounded_count(Image.objects.all(), 40) == (40, False)
    assert bounded_count(Image.objects.all(), 43) == (43, True)
