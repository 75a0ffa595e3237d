"""The shell script that finds a Python: old ones, and shims that exist but fail, must not stop it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from governance.local.instance import ROOT

SCRIPT = ROOT / "governance" / "local" / "bootstrap.sh"
TOOLS = ["sh", "dirname", "ls", "sort", "cmp", "cat", "mkdir", "rm", "sleep"]
BROKEN = "#!/bin/sh\necho 'pyenv: version not installed' >&2\nexit 127\n"
OLD = "#!/bin/sh\nexit 1\n"
# Stands for a Python that will do: answers the check with success and its own path to the question for it.
GOOD = '#!/bin/sh\ncase "$2" in *print*) echo "$0" ;; esac\n'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH with nothing on it but the shell's own tools, and an empty home."""
    (tmp_path / "home").mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    return tmp_path


def put(directory: Path, name: str, text: str) -> Path:
    """Write an executable script."""
    directory.mkdir(parents=True, exist_ok=True)
    script = directory / name
    script.write_text(text)
    script.chmod(0o755)
    return script


def found(machine: Path, **environment: str) -> str:
    """Ask the script which Python it would take."""
    plain = {"PATH": str(machine), "HOME": str(machine / "home")}
    command = ["/bin/sh", str(SCRIPT), "python"]
    return subprocess.run(
        command, env=plain | environment, check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def test_it_passes_broken_shims_and_an_old_python(machine: Path) -> None:
    put(machine, "python3.14", BROKEN)
    put(machine, "python3.13", OLD)
    put(machine, "python3", OLD)
    good = put(machine, "python3.12", GOOD)
    assert found(machine) == str(good)


def test_it_prefers_the_newest_name(machine: Path) -> None:
    put(machine, "python3.12", GOOD)
    newest = put(machine, "python3.14", GOOD)
    assert found(machine) == str(newest)


def test_it_finds_the_newest_version_below_the_home_directory(machine: Path) -> None:
    versions = machine / "home" / ".pyenv" / "versions"
    put(machine, "python3.13", BROKEN)
    put(versions / "3.12.11" / "bin", "python", GOOD)
    put(versions / "3.9.18" / "bin", "python", GOOD)
    newest = put(versions / "3.13.9" / "bin", "python", GOOD)
    put(versions / "3.13.10" / "bin", "python", BROKEN)
    assert found(machine) == str(newest)


def test_it_takes_a_plain_python3_last(machine: Path) -> None:
    last = put(machine, "python3", GOOD)
    assert found(machine) == str(last)


def test_it_says_nothing_where_no_python_will_do(machine: Path) -> None:
    put(machine, "python3", OLD)
    assert found(machine) == ""


def test_it_asks_a_real_python_for_its_version(machine: Path) -> None:
    (machine / "python3.13").symlink_to(Path(sys.executable).resolve())
    assert Path(found(machine)).resolve() == Path(sys.executable).resolve()


def test_a_second_start_needs_neither_network_nor_half_a_second_to_begin(tmp_path: Path) -> None:
    """With the stamps in place nothing is installed: no uv, no npm and no network are on this PATH."""
    checkout = tmp_path / "a checkout with spaces"
    (checkout / "governance" / "local").mkdir(parents=True)
    (checkout / "static" / "vendor").mkdir(parents=True)
    shutil.copy(SCRIPT, checkout / "governance" / "local")
    (checkout / "governance" / "__init__.py").write_text("")
    (checkout / "governance" / "local" / "__init__.py").write_text("")
    (checkout / "governance" / "local" / "__main__.py").write_text(
        "import sys\nsys.stdout.write(' '.join(sys.argv[1:]))\n"
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    for name, stamp in (("requirements-local.txt", ".venv/installed-local.txt"), ("package-lock.json", "")):
        shutil.copy(ROOT / name, checkout)
        shutil.copy(ROOT / name, checkout / (stamp or "static/vendor/.package-lock.json"))
    shutil.copy(ROOT / "requirements-dev.txt", checkout)
    done = subprocess.run(
        ["/bin/sh", checkout / "governance" / "local" / "bootstrap.sh", "manage", "token create", "x"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "UV": "/nonexistent", "LANG": os.environ.get("LANG", "C")},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "manage token create x", "")


def test_it_installs_into_the_checkout_and_never_into_the_python_it_found(machine: Path) -> None:
    """UV_PYTHON alone would make uv fill the interpreter that is only borrowed."""
    checkout = machine / "checkout"
    (checkout / "governance" / "local").mkdir(parents=True)
    shutil.copy(SCRIPT, checkout / "governance" / "local")
    for name in ("requirements-local.txt", "requirements-dev.txt", "package-lock.json"):
        shutil.copy(ROOT / name, checkout)
    for name in ("cp", "id"):
        (machine / name).symlink_to(shutil.which(name) or "")
    put(machine, "python3.13", GOOD)
    # Makes an environment whose Python will do, and writes down what it was asked.
    fake = f"""#!/bin/sh
echo "$UV_PYTHON $UV_PYTHON_DOWNLOADS $*" >>{machine}/asked
[ "$1" != venv ] || {{ mkdir -p .venv/bin; cp {machine}/python3.13 .venv/bin/python; }}
"""
    put(machine, "uv", fake)
    command = ["/bin/sh", str(checkout / "governance" / "local" / "bootstrap.sh"), "manage", "check"]
    environment = {"PATH": str(machine), "HOME": str(machine / "home")}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    python = machine / "python3.13"
    asked = (machine / "asked").read_text().splitlines()
    assert f"{python} never venv -q .venv" in asked
    assert f"{python} never pip sync -q --python .venv/bin/python --require-hashes requirements-local.txt" in asked
