"""The gate program, run as a build runs it: its own process, its exit status, its files."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.governance.web.test_outbound import says, serving

PROGRAM = Path(__file__).parents[3] / "scanning" / "programs" / "portwarden_gate.py"
IMAGE = "registry.example/shop/api:1"
GRACE = {
    "policy": "baseline",
    "rule": "no critical",
    "outcome": "fail",
    "text": "2 critical vulnerabilities have had a fix for 9 days. Update openssl to 3.0.15.",
}


def report(verdict: str = "pass", state: str = "processed", **more: Any) -> bytes:
    image = {"id": 7, "reference": IMAGE, "config_digest": None, "manifest_digest": None}
    return json.dumps({"id": 3, "state": state, "verdict": verdict, "images": [image], **more}).encode()


@contextmanager
def portwarden(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[Any]]]:
    """A server that gives these answers one after another, and the last from then on."""
    left = list(answers)

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.body = request.rfile.read(int(request.headers.get("Content-Length") or 0))  # type: ignore[attr-defined]
        (left.pop(0) if len(left) > 1 else left[0])(request)

    with serving(answer) as (port, seen):
        yield f"http://127.0.0.1:{port}", seen


def gate(url: str, *words: str, token: str = "pw_secret") -> subprocess.CompletedProcess[str]:  # noqa: S107
    environment = {"PATH": os.environ["PATH"], "PORTWARDEN_URL": url, "PORTWARDEN_TOKEN": token}
    command = [sys.executable, "-I", str(PROGRAM), "--timeout", "5", *words]
    return subprocess.run(command, env=environment, input="{}", capture_output=True, text=True, timeout=30, check=False)


def parsed(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()  # noqa: S314 (written by the program itself)


def test_it_sends_the_report_as_it_is_and_says_what_came_of_it() -> None:
    with portwarden(says(report())) as (url, seen):
        done = gate(url, "--report", "-", "--image", IMAGE)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"pass  {IMAGE}" in done.stdout
    assert f"{url}/images/7/" in done.stdout
    assert gzip.decompress(seen[0].body) == b"{}"
    assert seen[0].headers["Authorization"] == "Bearer pw_secret"
    assert seen[0].path.startswith("/api/v1/reports/?image=registry.example%2Fshop%2Fapi%3A1&stage=ci&wait=")


@pytest.mark.parametrize(
    ("verdict", "words", "status"),
    [
        ("pass", (), 0),
        ("warn", (), 0),
        ("warn", ("--fail-on", "warn"), 1),
        ("fail", (), 1),
        ("fail", ("--fail-on", "never"), 0),
        ("unknown", (), 1),
        ("unknown", ("--on-error", "pass"), 0),
        (None, (), 1),
    ],
)
def test_the_exit_status_follows_the_verdict(verdict: str, words: tuple[str, ...], status: int) -> None:
    with portwarden(says(report(verdict))) as (url, _):
        assert gate(url, "--report", "-", *words).returncode == status


def test_reasons_are_shown_and_written_in_the_forms_that_builds_read(tmp_path: Path) -> None:
    unsure = {**GRACE, "rule": "known base", "outcome": "unknown", "text": "Nobody knows its base: state it."}
    files = [f"--{name}={tmp_path / name}" for name in ("sarif", "junit", "json")]
    with portwarden(says(report("fail", reasons=["text"], gate={"reasons": [GRACE, unsure]}))) as (url, _):
        done = gate(url, "--report", "-", *files)
    assert done.returncode == 1
    assert "FAIL  baseline / no critical" in done.stdout
    assert "Update openssl" in done.stdout
    run = json.loads(tmp_path.joinpath("sarif").read_text())["runs"][0]
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("baseline/no critical", "error"),
        ("baseline/known base", "warning"),
    ]
    suite = parsed(tmp_path / "junit")
    assert dict(suite.attrib) | {"name": ""} == {
        "name": "",
        "tests": "3",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
    }
    assert json.loads(tmp_path.joinpath("json").read_text())["verdict"] == "fail"


def test_what_strangers_wrote_moves_no_cursor_and_breaks_no_file(tmp_path: Path) -> None:
    evil = {**GRACE, "text": '\x1b[2J\r::set-output name=x::y <&"\x00'}
    with portwarden(says(report("fail", reasons=[evil]))) as (url, _):
        done = gate(url, "--report", "-", f"--junit={tmp_path / 'junit'}")
    assert "\x1b" not in done.stdout
    assert not any(line.startswith("::") for line in done.stdout.splitlines())
    assert parsed(tmp_path / "junit").find(".//failure") is not None


def test_it_asks_again_while_the_server_is_busy_and_follows_a_report_that_waits() -> None:
    busy = says(b"{}", 503, Retry_After="0")
    with portwarden(busy, says(report(state="received"), 202), says(report("warn"))) as (url, seen):
        done = gate(url, "--report", "-")
    assert done.returncode == 0
    assert "WARN" in done.stdout
    assert [one.path.split("?")[0] for one in seen] == ["/api/v1/reports/"] * 2 + ["/api/v1/reports/3/"]


def test_it_fails_open_or_closed_as_told_when_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        closed = gate(url, "--report", "-", "--timeout", "1")
        opened = gate(url, "--report", "-", "--timeout", "1", "--on-error", "pass")
    assert (closed.returncode, opened.returncode) == (1, 0)
    assert "cannot be reached" in closed.stderr
    assert "going on as told" in opened.stderr


def test_a_report_that_is_never_processed_is_no_verdict() -> None:
    with portwarden(says(report(state="received"), 202)) as (url, _):
        done = gate(url, "--report", "-", "--timeout", "1.5")
    assert done.returncode == 1
    assert "report 3 is stored, but was not processed in time" in done.stderr


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (says(b'{"detail": "no"}', 401), "PORTWARDEN_TOKEN must hold one"),
        (says(b'{"detail": "no"}', 403), "needs scope ingest"),
        (says(b"<html>", 404), "no Portwarden at this address"),
        (says(b'{"detail": "too big"}', 413), "413: too big"),
        (says(report(state="quarantined", error="line 1: no JSON"), 422), "cannot be read: line 1: no JSON"),
        (says(b"", 302, Location="https://elsewhere.example/"), "set PORTWARDEN_URL to https://elsewhere.example/"),
    ],
)
def test_what_another_try_would_not_change_stops_the_build_whatever_was_said(answer: Any, text: str) -> None:
    with portwarden(answer) as (url, seen):
        done = gate(url, "--report", "-", "--on-error", "pass")
    assert (done.returncode, len(seen)) == (1, 1)
    assert text in done.stderr


def test_without_a_report_it_asks_about_the_image() -> None:
    answer = {"verdict": "warn", "reasons": [GRACE | {"outcome": "warn"}], "policy": "baseline", "evaluated_at": ""}
    with portwarden(says(json.dumps(answer).encode())) as (url, seen):
        done = gate(url, "--image", IMAGE, "--stage", "runtime")
    assert done.returncode == 0
    assert "WARN" in done.stdout
    assert "stage runtime" in done.stdout
    assert seen[0].path == "/api/v1/gate/?image=registry.example%2Fshop%2Fapi%3A1&stage=runtime"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", ("--image", IMAGE)),
        ("http://x.example", ()),
        ("ftp://x.example", ("--image", IMAGE)),
        ("http://user:password@x.example", ("--image", IMAGE)),
    ],
)
def test_a_wrong_command_line_is_explained(url: str, words: tuple[str, ...]) -> None:
    done = gate(url, *words)
    assert done.returncode == 2
    assert "usage: portwarden-gate" in done.stderr


def test_a_file_that_is_not_there_is_named() -> None:
    done = gate("http://127.0.0.1:1", "--report", "no-such-report.json")
    assert done.returncode == 1
    assert "no-such-report.json" in done.stderr
