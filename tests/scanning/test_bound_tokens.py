"""A token that is bound to a repository speaks for nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from governance.accounts.models import Token
from governance.accounts.services import create_token
from governance.images.models import Image
from governance.images.names import covers
from tests.conftest import Machine
from tests.make import deliver, digest_of, make_report, make_statement, make_vex

pytestmark = pytest.mark.django_db
OWN = "registry.example/shop/api"


def bound(repository: str = OWN) -> tuple[Token, str]:
    return create_token(None, "ci", Token.Scope.INGEST, repository=repository)


@pytest.mark.parametrize(
    ("repository", "reference", "expected"),
    [
        (OWN, f"{OWN}:1", True),
        (OWN, f"{OWN}@{digest_of('x')}", True),
        (OWN, f"{OWN}-other:1", False),
        (OWN, f"{OWN}/below:1", False),
        (f"{OWN}/*", f"{OWN}/below:1", True),
        (f"{OWN}/*", f"{OWN}:1", False),
        ("registry.example/shop/*", f"{OWN}:1", True),
        ("registry.example/shop/*", "registry.example/shopping/api:1", False),
        ("registry.example/*", f"{OWN}:1", True),
        ("registry.example/*", "registry.example.org/shop/api:1", False),
        ("bitnami/*", "docker.io/bitnami/redis:8", True),
        ("bitnami/*", "docker.io/library/bitnami:8", False),
        ("alpine", "docker.io/library/alpine:3.22", True),
        ("docker.io/library/alpine", "alpine", True),
        (OWN, "./app.tar", False),
    ],
)
def test_what_a_repository_covers(repository: str, reference: str, expected: bool) -> None:
    assert covers(repository, reference) is expected


def test_reports_of_the_repository_are_taken_and_others_change_nothing() -> None:
    token, _ = bound()
    assert deliver(make_report(f"{OWN}:1.0"), viewer=token).state == "done"
    refused: list[tuple[Any, dict[str, str], str]] = [
        (make_report("registry.example/pay/api:1.0"), {}, "not for registry.example/pay/api:1.0"),
        (make_report(f"{OWN}:1.1"), {"image": "registry.example/pay/api:1.0"}, "not for registry.example/pay/api"),
        (make_report(f"{OWN}:1.2", RepoDigests=[f"registry.example/pay/api@{digest_of('m')}"]), {}, "not for"),
        (make_report("./app.tar"), {}, "name the image with ?image="),
        (make_vex(make_statement()), {}, "only sends scans of images"),
    ]
    for report, said, text in refused:
        delivery = deliver(report, viewer=token, **said)
        assert (delivery.state, text in delivery.error) == ("quarantined", True), delivery.error
    assert Image.objects.count() == 1
    assert deliver(make_report("./app.tar"), viewer=token, image=f"{OWN}:2.0").state == "done"


def test_the_gate_tells_it_of_nothing_else() -> None:
    deliver(make_report("registry.example/pay/api:1.0"))
    secret = bound()[1]
    other = Machine(bound("registry.example/pay/*")[1])
    asked = {"image": "registry.example/pay/api:1.0"}
    assert Machine(secret).get("/api/v1/gate/", asked).json()["image"] is None
    assert other.get("/api/v1/gate/", asked).json()["image"] is not None


@pytest.mark.parametrize(
    ("scope", "repository"), [("read", OWN), ("ingest", "not a name"), ("ingest", "*"), ("ingest", "/x")]
)
def test_only_tokens_that_send_are_bound_and_only_to_repositories(scope: str, repository: str) -> None:
    with pytest.raises(ValidationError, match="bound to a repository"):
        create_token(None, "ci", scope, repository=repository)


def test_the_api_makes_them_too(admin, client) -> None:
    client.force_login(admin)
    made = client.post("/api/v1/tokens/", {"name": "ci", "scope": "ingest", "repository": OWN}, "application/json")
    assert (made.status_code, made.json()["repository"]) == (201, OWN)
