"""The house's own rules: arrows point down, parsers are pure, files stay readable."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["web", "accounts", "images", "findings", "runtime", "approvals", "policy", "briefings", "overview"]

# Every package, and what it may import of ours besides itself.
ARROWS = {
    f"governance.{name}": [f"governance.{below}" for below in LAYERS[:height]] for height, name in enumerate(LAYERS)
} | {
    "governance.local": [],
    "scanning.parsers": ["governance.findings.report"],
    "scanning": ["governance"],
}
CODE = sorted([*ROOT.joinpath("governance").rglob("*.py"), *ROOT.joinpath("scanning").rglob("*.py")])
OURS = [path for path in CODE if "migrations" not in path.parts]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, packages: list[str]) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("package", ARROWS)
def test_arrows_point_down(package: str) -> None:
    for path in ROOT.joinpath(*package.split(".")).rglob("*.py"):
        ours = [name for name in imports(path) if within(name, ["governance", "scanning"])]
        wrong = [name for name in ours if not within(name, [package, *ARROWS[package]])]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_every_package_has_its_arrows() -> None:
    found = {f"governance.{path.parent.name}" for path in ROOT.glob("governance/*/__init__.py")}
    assert found <= set(ARROWS)


def test_governance_does_not_know_scanning() -> None:
    knows = {path.name for path in OURS if any(within(name, ["scanning"]) for name in imports(path))}
    inside = {path for path in OURS if path.is_relative_to(ROOT / "governance")}
    wrong = [path for path in inside if any(within(name, ["scanning"]) for name in imports(path))]
    assert {path.relative_to(ROOT).as_posix() for path in wrong} <= {"governance/urls.py", "governance/api.py"}, knows


def test_parsers_are_pure() -> None:
    for path in ROOT.joinpath("scanning", "parsers").rglob("*.py"):
        impure = [name for name in imports(path) if within(name, ["django", "requests", "socket", "urllib.request"])]
        assert not impure, f"{path.name} imports {impure}"


def test_what_is_imported_is_installed_with_the_product() -> None:
    """Not only beside the tests: `requirements.txt` is all that the container image has."""
    lines = ROOT.joinpath("requirements.txt").read_text().splitlines()
    installed = {line.partition("==")[0].partition("[")[0].lower() for line in lines if "==" in line}
    makers = packages_distributions()
    ours = {"governance", "scanning"} | sys.stdlib_module_names
    for path in OURS:
        name = path.relative_to(ROOT).as_posix()
        tops = {found.partition(".")[0] for found in imports(path)} - ours
        missing = [one for one in tops if not installed & {maker.lower().replace("_", "-") for maker in makers[one]}]
        assert not missing, f"{name} imports {missing}"


def test_there_is_one_way_out() -> None:
    network = [
        "requests",
        "apprise",
        "httpx",
        "httpcore",
        "aiohttp",
        "urllib3",
        "urllib.request",
        "http.client",
        "smtplib",
        "socket",
    ]
    doors = {"governance/web/outbound.py", "governance/web/connections.py", "governance/web/addresses.py"}
    # The mail server is the administrator's own choice, as the database is.
    doors |= {"governance/briefings/channels/mail.py"}
    # They lead what a library asks through `requests` to the one way out.
    doors |= {"governance/accounts/oidc.py", "governance/web/guarded.py"}
    doors |= {"governance/briefings/channels/chat_child.py"}
    for path in OURS:
        name = path.relative_to(ROOT).as_posix()
        # Programs run on other machines, where there is nothing of ours but them.
        if name not in doors and not name.startswith(("governance/local/", "scanning/programs/", "scanning/agent/")):
            assert not [found for found in imports(path) if within(found, network)], name


def test_nothing_that_stays_running_loads_what_speaks_to_chats() -> None:
    heavy = "governance.briefings.channels.chat_child"
    assert not [path for path in OURS if any(within(found, [heavy]) for found in imports(path))]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_stay_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_nothing_is_unpickled_or_evaluated() -> None:
    banned = ["pickle", "marshal", "shelve", "yaml", "xml", "lxml"]
    # Reads policies with a loader of its own that knows neither tags nor aliases.
    readers = {ROOT / "governance" / "policy" / "written.py": {"yaml"}}
    for path in OURS:
        assert {name for name in imports(path) if within(name, banned)} <= readers.get(path, set()), path


def test_the_top_level_is_fixed() -> None:
    allowed = {"governance", "scanning", "templates", "static", "tests", "docs"}
    ignored = {"node_modules", "staticfiles", "__pycache__"}
    found = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert found - ignored <= allowed
