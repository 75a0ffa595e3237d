"""Connections to registries: what may be entered, where credentials go, and that they come out nowhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from governance.accounts.models import AuditEntry, Token, User
from governance.images.models import Registry
from scanning.connections import (
    chosen,
    literal_names,
    remove_connection,
    reseal,
    save_connection,
    target_of,
)
from scanning.models import Connection
from scanning.registries import RegistryError
from tests.make import make_token

pytestmark = pytest.mark.django_db
ADDRESS = "https://registry.example:5000"


def test_a_connection_is_added_with_its_registry_and_audited(admin: User) -> None:
    row = save_connection(admin, None, {"base_url": "Registry.Example:5000/", "username": "robot"}, "s3cret")
    assert (row.base_url, str(row)) == (ADDRESS, "registry.example:5000")
    target = target_of(Connection.objects.get())
    assert (target.username, target.secret, target.kind) == ("robot", "s3cret", "standard")
    entry = AuditEntry.objects.get(action="registry.create")
    assert entry.after is not None
    assert entry.after["password"] == "changed"
    assert "s3cret" not in json.dumps(entry.after)
    assert b"s3cret" not in bytes(row.secret or b"")
    assert "s3cret" not in repr(target)


def test_docker_hub_is_known_by_its_name_in_references() -> None:
    row = save_connection(None, None, {"kind": "dockerhub", "namespace": "shop"})
    assert (row.base_url, row.registry.host) == ("https://registry-1.docker.io", "docker.io")
    assert target_of(row).may_have_secret("https://auth.docker.io/token")


def test_a_registry_is_connected_once() -> None:
    save_connection(None, None, {"base_url": ADDRESS})
    with pytest.raises(ValidationError, match="connected already"):
        save_connection(None, None, {"base_url": ADDRESS})


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"base_url": ""}, "base_url"),
        ({"base_url": "http://registry.example"}, "base_url"),
        ({"base_url": "https://registry.example/v2/"}, "base_url"),
        ({"base_url": "https://user:pass@registry.example"}, "base_url"),
        ({"base_url": "ftp://registry.example"}, "base_url"),
        ({"base_url": "https://[::"}, "base_url"),
        ({"kind": "nothing"}, "kind"),
        ({"api_url": "http://api.example"}, "api_url"),
        ({"token_server": "https://auth.example/x"}, "token_server"),
        ({"ca": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, "ca"),
        ({"ca": "x\x00\ud800"}, "ca"),
        ({"every_minutes": 0}, "every_minutes"),
        ({"repositories": "x" * 256}, "repositories"),
        ({"tags": "\n".join("x" * 501)}, "tags"),
    ],
)
def test_what_is_wrong_is_said_by_field(said: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as error:
        save_connection(None, None, {"base_url": ADDRESS, **said})
    assert list(error.value.message_dict) == [field]
    assert not Connection.objects.exists()


def test_plain_http_has_to_be_allowed() -> None:
    row = save_connection(None, None, {"base_url": "http://registry.example", "is_insecure": True}, "s")
    assert target_of(row).may_have_secret("http://registry.example/v2/")


@pytest.mark.parametrize("change", [{"base_url": "https://other.example"}, {"token_server": "auth.evil.example"}])
def test_another_place_forgets_the_password(change: dict[str, str]) -> None:
    row = save_connection(None, None, {"base_url": ADDRESS}, "s3cret")
    row = save_connection(None, row, {"tags": "v*"})
    assert target_of(row).secret == "s3cret"
    row = save_connection(None, row, change)
    assert target_of(row).secret == ""
    assert target_of(save_connection(None, row, {}, "new")).secret == "new"


def test_a_password_that_was_moved_to_another_row_does_not_open() -> None:
    row = save_connection(None, None, {"base_url": ADDRESS}, "s3cret")
    Connection.objects.update(base_url="https://evil.example")
    row.refresh_from_db()
    with pytest.raises(RegistryError, match="enter it again"):
        target_of(row)


def test_a_new_key_seals_everything_again(settings: Any) -> None:
    row = save_connection(None, None, {"base_url": ADDRESS}, "s3cret")
    old = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [b"n" * 32, *old]
    assert (reseal(), reseal()) == (1, 0)
    settings.ENCRYPTION_KEYS = [b"n" * 32]
    row.refresh_from_db()
    assert target_of(row).secret == "s3cret"


def test_only_administrators_connect_registries(owner: User, team: Any) -> None:
    for viewer in (owner, make_token(Token.Scope.READ)[0], make_token(Token.Scope.ADMIN, team)[0]):
        with pytest.raises(PermissionDenied):
            save_connection(viewer, None, {"base_url": ADDRESS})
    row = save_connection(None, None, {"base_url": ADDRESS})
    with pytest.raises(PermissionDenied):
        remove_connection(owner, row)
    remove_connection(None, row)
    assert not Connection.objects.exists()
    assert Registry.objects.filter(host="registry.example:5000").exists()


@pytest.mark.parametrize(
    ("name", "patterns", "taken"),
    [
        ("shop/api", [], True),
        ("shop/api", ["shop/*"], True),
        ("pay/api", ["shop/*"], False),
        ("shop/tmp-1", ["shop/*", "!*/tmp-*"], False),
        ("pay/api", ["!shop/*"], True),
    ],
)
def test_patterns_choose(name: str, patterns: list[str], taken: bool) -> None:
    assert chosen(name, patterns) is taken


def test_names_without_a_pattern_need_no_catalogue() -> None:
    assert literal_names("shop/api\n!x*\nshop/web") == ["shop/api", "shop/web"]
    assert literal_names("shop/*") is literal_names("") is literal_names("!x") is None
