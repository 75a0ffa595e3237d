"""The recipes of docs/ci.md, their shell steps run as a build runs them, against the server itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection

from governance.accounts.models import Token
from governance.findings.models import Scan
from scanning.ingest import work_off
from tests.governance.policy.force import enforce
from tests.make import make_report, make_token

RECIPES = Path(__file__).parents[3] / "docs" / "ci.md"
IMAGE = "registry.example/shop/api:1.0"
# Stands in for the scanners: writes the report to where the real one would.
SCANNER = (
    '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = --output ] && exec cp "$REPORT" "$2"; shift; done; cat "$REPORT"\n'
)


def steps(title: str) -> list[str]:
    """The shell steps of a recipe, by its heading."""
    section = RECIPES.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    language, text = re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)[0]
    if language == "sh":
        return [text]
    if language == "groovy":
        return re.findall(r"sh '(.*)'", text)
    job = next(iter(yaml.safe_load(text).values()))
    if "script" in job:
        return list(job["script"])
    return [step["run"] for step in next(iter(job.values()))["steps"] if "run" in step]


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """Processes what comes in, as the worker does."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.05):
            work_off()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.fixture
def build(live_server, worker, tmp_path: Path) -> Any:
    """Runs steps in an empty directory, until one fails; (exit status, what was printed)."""
    for name in ("trivy", "grype"):
        tmp_path.joinpath(name).write_text(SCANNER)
        tmp_path.joinpath(name).chmod(0o755)
    tmp_path.joinpath("python3").symlink_to(sys.executable)
    report = tmp_path / "scanned.json"
    report.write_text(json.dumps(make_report(IMAGE)))
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PORTWARDEN_URL": live_server.url,
        "PORTWARDEN_TOKEN": make_token(Token.Scope.INGEST)[1],
        "IMAGE": IMAGE,
        "REPORT": str(report),
    }

    def run(commands: list[str]) -> tuple[int, str]:
        said = ""
        for command in commands:
            done = subprocess.run(
                ["sh", "-e", "-c", command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            said += done.stdout + done.stderr
            if done.returncode:
                return done.returncode, said
        return 0, said

    return run


def test_every_recipe_passes_and_stops_as_the_policy_says(build: Any, tmp_path: Path) -> None:
    recipes = {name: steps(name) for name in ("Plain shell", "GitHub Actions", "GitLab CI", "Jenkins")}
    assert all(any("portwarden-gate --report" in step for step in found) for found in recipes.values())
    enforce({"kind": "findings", "severity": "critical"})
    for name, commands in recipes.items():
        status, said = build(commands)
        assert status == 0, (name, said)
        assert f"pass  {IMAGE} (stage ci)" in said
    enforce({"kind": "findings", "severity": "high"})
    for name, commands in recipes.items():
        status, said = build(commands)
        assert status == 1, (name, said)
        assert "FAIL  test / findings (1)" in said
        assert "CVE-2099-0001" in said
    assert "CVE-2099-0001" in tmp_path.joinpath("portwarden.sarif").read_text()
    assert "<failure" in tmp_path.joinpath("portwarden.xml").read_text()
    # The same bytes again and again are one scan, sent by whatever recipe.
    assert Scan.objects.count() == 1


def test_the_recipe_without_the_gate_is_answered_with_the_verdict(build: Any) -> None:
    enforce({"kind": "findings", "severity": "high"})
    status, said = build(steps("Without the gate"))
    assert (status, json.JSONDecoder().raw_decode(said[said.index("{") :])[0]["verdict"]) == (0, "fail")
