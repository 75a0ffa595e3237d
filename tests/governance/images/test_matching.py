"""One language of patterns: what it means, that PostgreSQL reads it as Python does, and that nobody stalls it."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.images.matching import chosen, expression, like, matcher, read_lines, repository_matcher, with_registry

HUB = "docker.io/library/alpine"


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("registry.example/shop/*", "registry.example/shop/api", True),
        ("registry.example/shop/*", "registry.example/shop/api/v2", True),
        ("registry.example/shop/**", "registry.example/shop/api/v2", True),
        ("registry.example/shop/*", "registry.example/shop", False),
        ("registry.example/shop/*", "registry.example/shopping/api", False),
        ("registry.example/*", "registry.example/shop/api", True),
        ("registry.example/shop", "registry.example/shop/api", False),
        ("registry.example/shop/ap?", "registry.example/shop/api", True),
        ("registry.example/[!p]*", "registry.example/pay/api", False),
        ("registry.example/[p-s]hop", "registry.example/shop", True),
        ("*", HUB, True),
        ("*/alpine", HUB, True),
        ("*/alpine", "registry.example/shop/alpine", True),
        ("alpine", HUB, True),
        ("alpine", "registry.example/alpine", False),
        ("library/*", HUB, True),
        ("index.docker.io/*", HUB, True),
        ("docker.io/*", HUB, True),
        ("bitnami/*", "docker.io/bitnami/redis", True),
        ("Registry.Example/shop/*", "registry.example/shop/api", True),
        ("registry.example/Shop/*", "registry.example/shop/api", False),
        ("registry.example:5000/*", "registry.example:5000/a", True),
        ("registry.example:5000/*", "registry.example/a", False),
        ("localhost/a", "localhost/a", True),
        ("[::1]:5000/*", "[::1]:5000/a", True),
        ("[::1]:5000/*", "1:5000/a", False),
        ("registryXexample/*", "registry.example/a", False),
    ],
)
def test_what_a_pattern_means(pattern: str, name: str, fits: bool) -> None:
    assert bool(repository_matcher(pattern).match(name)) is fits


def test_a_whole_pattern_stays_as_it_is() -> None:
    for pattern in ("*", "*/api", "registry.example/shop/*", "docker.io/library/alpine", "[::1]:5000/*"):
        assert with_registry(with_registry(pattern)) == with_registry(pattern)


def test_lines_take_and_leave_out() -> None:
    lines = read_lines(["shop/*", "! shop/old-*"], of_repositories=False)
    assert [chosen(name, lines, otherwise=True) for name in ("shop/api", "shop/old-api", "pay")] == [True, False, False]
    leaving = read_lines(["!pay"], of_repositories=False)
    assert [chosen(name, leaving, otherwise=True) for name in ("shop", "pay")] == [True, False]
    assert not chosen("shop", leaving, otherwise=False)
    hub = read_lines(["*", "!alpine"], of_repositories=True)
    assert not chosen(HUB, hub, otherwise=True)


def test_what_sql_takes_for_signs_is_escaped() -> None:
    assert (like("a_b%c\\d/*?"), expression("a_b%c\\d/*?")) == ("a\\_b\\%c\\\\d/%_", "")
    assert (like("[a-c]_["), expression("[a-c]_[")) == ("_\\_[", r"^(?:[\U00000061-\U00000063]_\[)$")


def test_many_signs_stall_nothing() -> None:
    began = time.monotonic()
    assert not matcher("*a" * 100 + "b").match("a" * 255)
    assert time.monotonic() - began < 1


SIGNS = st.sampled_from(list("aab-]![*?/^\\.%_$(+|&~é\U0001f600\n "))
PATTERNS = st.lists(st.tuples(st.text(SIGNS, max_size=9), st.text(SIGNS, max_size=6)), min_size=1, max_size=30)


@pytest.mark.django_db
@settings(max_examples=100, deadline=None)
@given(PATTERNS)
def test_postgresql_reads_it_as_python_does(pairs: list[tuple[str, str]]) -> None:
    patterns, texts = [pattern for pattern, _ in pairs], [text for _, text in pairs]
    # A text that fits is rare by chance: the pattern without its signs often does.
    patterns, texts = patterns * 2, texts + [pattern.strip("*?[]!") for pattern in patterns]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT text LIKE fits AND (expression = '' OR text ~ expression)"
            " FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY AS row(text, fits, expression, place)"
            " ORDER BY place",
            [texts, [like(one) for one in patterns], [expression(one) for one in patterns]],
        )
        said = [fits for (fits,) in cursor.fetchall()]
    assert said == [bool(matcher(pattern).match(text)) for pattern, text in zip(patterns, texts, strict=True)], [
        *zip(patterns, texts, said, strict=True)
    ]
