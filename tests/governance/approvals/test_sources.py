"""Who publishes a repository."""

import pytest

from governance.approvals.sources import document, origin_of


@pytest.mark.parametrize(
    ("name", "kind", "publisher"),
    [
        ("docker.io/library/alpine", "official", "Docker Official Images"),
        ("docker.io/someone/alpine", "personal", ""),
        ("docker.io/librarything/alpine", "personal", ""),
        ("ghcr.io/someone/tool", "personal", ""),
        ("registry.access.redhat.com/ubi9/ubi", "official", "Red Hat"),
        ("docker.io/redhat/ubi9", "verified", "Red Hat"),
        ("cgr.dev/chainguard/static", "official", "Chainguard"),
        ("gcr.io/distroless/static", "official", "distroless (Google)"),
        ("gcr.io/some-project/x", "unknown", ""),
        ("registry.example/base/java", "unknown", ""),
    ],
)
def test_who_publishes_it(name: str, kind: str, publisher: str) -> None:
    assert (origin_of(name).kind, origin_of(name).publisher) == (kind, publisher)


def test_every_place_ends_where_a_name_ends_and_says_its_source() -> None:
    for place in document().sources:
        assert place.below.endswith("/")
        assert place.source.startswith("https://")
        assert place.kind in ("official", "verified")
