"""The throw-away services, and as whom PostgreSQL runs when we are root."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
import redis

from governance.local import identity
from governance.local.postgres import explain
from governance.local.problem import Problem
from governance.local.process import tail
from governance.local.services import postgres, valkey

pytestmark = pytest.mark.services
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


def setting(url: str, name: str) -> str:
    """Read one setting of a server."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row
    return str(row[0])


def test_postgres_is_durable_unless_told_otherwise(tmp_path: Path) -> None:
    with postgres(tmp_path / "one") as url:
        assert (setting(url, "fsync"), setting(url, "synchronous_commit")) == ("on", "on")
        assert setting(url, "listen_addresses") == ""
    with postgres(tmp_path / "two", durable=False) as url:
        assert setting(url, "fsync") == "off"


def test_valkey_never_evicts(tmp_path: Path) -> None:
    with valkey(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("port") == {"port": "0"}


@as_root
def test_postgres_runs_where_user_namespaces_are_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it runs as another user, who must pass directories that only root may enter."""
    monkeypatch.setattr(identity, "namespace_works", lambda *_: False)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with postgres(closed / "data", durable=False) as url:
        assert setting(url, "fsync") == "off"
    assert (closed / "data" / "postgres").stat().st_uid == identity.unprivileged().pw_uid


@as_root
def test_data_keeps_its_owner(tmp_path: Path) -> None:
    with postgres(tmp_path, durable=False):
        assert (tmp_path / "postgres").stat().st_uid == 0
    account = identity.unprivileged()
    for path in [tmp_path / "postgres", *(tmp_path / "postgres").rglob("*")]:
        os.chown(path, account.pw_uid, account.pw_gid)
    with postgres(tmp_path, durable=False):
        assert {path.stat().st_uid for path in (tmp_path / "postgres").iterdir()} == {account.pw_uid}


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """PostgreSQL's own words for it are turned into ours."""
    log = tmp_path / "postgres.log"
    log.write_text("2026-01-01 [1] FATAL:  could not write to file: No space left on device\n")
    assert (
        explain(log, "PostgreSQL stopped") == "PostgreSQL stopped: the disk is full; free some space and start again."
    )
    assert tail(log) == log.read_text().splitlines()


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(Problem, match="made by PostgreSQL 16"), postgres(tmp_path):
        pass
