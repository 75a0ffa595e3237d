"""Programs are handed out as they are, and need nothing but Python."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from scanning.programs import HERE, PROGRAMS
from scanning.programs.archive import AGENT, agent_file


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_one_file_of_the_standard_library(name: str) -> None:
    tree = ast.parse(Path(HERE, PROGRAMS[name]).read_text(), feature_version=(3, 9))
    wanted = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    wanted |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {one.split(".")[0] for one in wanted} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", sorted(AGENT.glob("*.py")), ids=lambda path: path.name)
def test_the_agent_is_of_the_standard_library_and_itself(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    wanted = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    wanted |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert all(one.split(".")[0] in sys.stdlib_module_names or one.startswith("scanning.agent") for one in wanted)


def test_the_agent_comes_as_one_file_that_runs_by_itself(tmp_path: Path, client: Client) -> None:
    answer = client.get("/programs/portwarden-agent")
    agent_file.cache_clear()
    assert answer.content == agent_file()
    program = tmp_path / "portwarden-agent"
    program.write_bytes(answer.content)
    done = subprocess.run([sys.executable, "-I", program, "--help"], capture_output=True, text=True, check=True)
    assert "--token-file" in done.stdout
    refused = subprocess.run([sys.executable, "-I", program], capture_output=True, text=True, check=False)
    assert (refused.returncode, "--url" in refused.stderr) == (2, True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_anybody_may_fetch_it_and_what_is_known_is_not_sent_again(name: str, client: Client) -> None:
    answer = client.get(f"/programs/{name}")
    assert answer.status_code == 200
    assert answer.content == Path(HERE, PROGRAMS[name]).read_bytes()
    again = client.get(f"/programs/{name}", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_another_name_is_not_found(client: Client) -> None:
    assert client.get("/programs/portwarden_gate").status_code == 404
