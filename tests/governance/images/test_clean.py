"""Nothing that PostgreSQL would refuse comes past these functions."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.images.clean import clean_digest, clean_int, clean_scan_time, clean_text, clean_time, clean_url
from governance.images.layers import _store, chain_ids, store_layers
from governance.images.models import LayerNode
from governance.web.fields import pack_digest, unpack_digest
from tests.make import digest_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.text(), st.integers(0, 50))
def test_text_is_cut_and_has_no_nul(text: str, limit: int) -> None:
    clean = clean_text(text, limit)
    assert len(clean) <= limit
    assert "\x00" not in clean


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-08-20T09:30:00.123456789Z", datetime(2026, 8, 20, 9, 30, 0, 123456, UTC)),
        ("2026-08-20T09:30:00+02:00", datetime(2026, 8, 20, 7, 30, tzinfo=UTC)),
        ("2026-08-20T09:30:00", datetime(2026, 8, 20, 9, 30, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-23:00", None),
        ("2026-02-30T00:00:00Z", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_read_or_none(written, read) -> None:
    assert clean_time(written) == read


@given(st.text())
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert clean_time(text) is None or clean_time(text).tzinfo is UTC


def test_a_scan_from_the_future_was_made_when_it_arrived() -> None:
    assert clean_scan_time(NOW + timedelta(minutes=4), NOW) == (NOW + timedelta(minutes=4), False)
    assert clean_scan_time(NOW + timedelta(days=3650), NOW) == (NOW, True)
    assert clean_scan_time(None, NOW) == (NOW, False)


@pytest.mark.parametrize(
    "word", ["javascript:alert(1)", "https://a b", "ftp://x", 'https://x"onclick=', "https://" + "x" * 3000]
)
def test_only_plain_links_stay(word: str) -> None:
    assert clean_url(word) == ""


def test_a_link_stays() -> None:
    assert clean_url(" https://example.com/a?b=c#d ") == "https://example.com/a?b=c#d"


def test_numbers_fit_or_are_none() -> None:
    assert (clean_int(5), clean_int(2**63), clean_int(-1)) == (5, None, None)


@given(st.binary(min_size=32, max_size=32).filter(any))
def test_a_digest_survives_the_database(raw: bytes) -> None:
    digest = f"sha256:{raw.hex()}"
    assert unpack_digest(pack_digest(digest)) == clean_digest(digest.upper()) == digest


@given(st.text(max_size=80))
def test_any_text_is_a_digest_or_nothing(text: str) -> None:
    assert clean_digest(text) == "" or pack_digest(clean_digest(text))


def test_chain_ids_are_those_of_the_image_specification() -> None:
    first, second = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    expected = hashlib.sha256(f"{first} {second}".encode()).hexdigest()
    assert chain_ids([first, second]) == [first, f"sha256:{expected}"]


@pytest.mark.django_db
def test_layers_that_another_worker_stores_at_this_moment_are_its_own() -> None:
    layers = [digest_of(f"layer {number}") for number in range(5)]
    nodes = [pack_digest(node) for node in chain_ids(layers)]
    store_layers(layers[:3], ["a", "b", "c"])
    known = dict(LayerNode.objects.values_list("depth", "pk"))
    # The whole chain as by a worker that looked before the three were there.
    stored = _store([(node, pack_digest(layer), "x") for node, layer in zip(nodes, layers, strict=True)], 0, None)
    assert {stored[node] for node in nodes[:3]} == set(known.values())
    rows = LayerNode.objects.order_by("depth")
    assert [row.parent_id for row in rows] == [None, *(row.pk for row in rows)][:5]
    assert [row.created_by for row in rows] == ["a", "b", "c", "x", "x"]
    assert store_layers(layers, []) == rows[4].pk
