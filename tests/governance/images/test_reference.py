"""References are read as Docker reads them."""

import pytest

from governance.images.reference import parse_reference

SHA = "sha256:" + "2" * 64


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("alpine", "docker.io/library/alpine"),
        ("alpine:3.20", "docker.io/library/alpine:3.20"),
        ("index.docker.io/bitnami/redis:7", "docker.io/bitnami/redis:7"),
        ("localhost/api", "localhost/api"),
        ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
        ("registry.example:5000/a", "registry.example:5000/a"),
        ("REGISTRY.example/a:Tag_1", "registry.example/a:Tag_1"),
        (f"shop/api@{SHA}", f"docker.io/shop/api@{SHA}"),
        (f"shop/api:1@{SHA.upper()}", f"docker.io/shop/api:1@{SHA}"),
        ("  alpine  ", "docker.io/library/alpine"),
    ],
)
def test_a_reference_has_one_canonical_form(written: str, canonical: str) -> None:
    assert str(parse_reference(written)) == canonical


@pytest.mark.parametrize(
    "written",
    [
        "",
        "REDACTED",
        "a" * 64,
        "/etc/passwd",
        "a//b",
        "a:b:c",
        "a@sha256:test",
        "a b",
        "a/B",
        "x" * 300,
        "a:" + "t" * 129,
    ],
)
def test_what_is_no_reference_is_none(written: str) -> None:
    assert parse_reference(written) is None


def test_the_familiar_form_is_what_people_type() -> None:
    assert parse_reference("docker.io/library/alpine:3").familiar == "alpine:3"
    assert parse_reference("registry.example/a:3").familiar == "registry.example/a:3"
