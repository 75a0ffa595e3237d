#!/usr/bin/env python3
"""portwarden-gate: send a scan report to Portwarden, wait for the verdict on its image, fail the build if it says so.

One file for Python 3.9 or newer and nothing else; the server hands it out at `/programs/portwarden-gate`.

    portwarden-gate --report report.json --image registry.example/shop/api:1.4.2
    portwarden-gate --image registry.example/shop/api:1.4.2          # the verdict on what is known already

Exit status: 0 the image may go on, 1 it may not or no verdict was to be had, 2 the command line is wrong.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import os
import ssl
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any

VERSION = "1"
AGAIN = (429, 500, 502, 503, 504)
MARKS = {"fail": "FAIL", "warn": "WARN", "unknown": "????", "inform": "info", "pass": "pass"}
LEVELS = {"fail": "error", "warn": "warning", "unknown": "warning"}
MOST_READ = 16 * 2**20
REFUSALS = {
    401: "the token is not known: PORTWARDEN_TOKEN must hold one that `manage.py token create` printed",
    403: "the token may not do this: sending reports needs scope ingest, asking for a verdict ingest or read",
    404: "there is no Portwarden at this address, or an older one",
}


class NoVerdict(Exception):
    """Portwarden could not be asked, or did not answer in time: whether that stops the build is for the caller."""


class Refused(Exception):
    """Portwarden took what was sent for wrong; sending it again changes nothing."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other, so that the token never goes to another host."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow none."""


class Server:
    """Portwarden's API, asked until it answers or the time is over."""

    def __init__(self, url: str, token: str, seconds: float, authorities: str = "") -> None:
        self.url, self.token = url.rstrip("/"), token
        self.until = time.monotonic() + seconds
        secure = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authorities or None))
        self.opener = urllib.request.build_opener(NoRedirect(), secure)

    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    def ask(self, path: str, query: dict[str, str], body: bytes | None = None) -> tuple[int, dict[str, Any]]:
        """Status and document of the answer, asked again while the server is away or busy.

        Raises NoVerdict when the time is over, Refused for an answer that another try would not change.
        """
        pause, why = 1.0, "no answer"
        while True:
            try:
                return self._once(path, query, body)
            except urllib.error.HTTPError as error:
                status, said = error.code, error
                why, pause = self._busy(status, said, pause)
            except (OSError, HTTPException, ValueError) as error:
                why = f"{self.url} cannot be reached: {getattr(error, 'reason', error)}"
            if self.left() <= pause:
                raise NoVerdict(why)
            time.sleep(pause)
            pause = min(pause * 2, 30.0)

    def _once(self, path: str, query: dict[str, str], body: bytes | None) -> tuple[int, dict[str, Any]]:
        address = f"{self.url}{path}?{urllib.parse.urlencode({name: value for name, value in query.items() if value})}"
        headers = {"Authorization": f"Bearer {self.token}", "User-Agent": f"portwarden-gate/{VERSION}"}
        if body is not None:
            headers.update({"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"})
        request = urllib.request.Request(address, body, headers)  # noqa: S310 (http or https, see address_of)
        try:
            with self.opener.open(request, timeout=max(self.left(), 5.0)) as response:
                return response.status, document_of(response)
        except urllib.error.HTTPError as error:
            # A report that cannot be read is kept by the server and answered with its whole resource.
            if error.code == 422:
                return 422, document_of(error)
            raise

    def _busy(self, status: int, said: urllib.error.HTTPError, pause: float) -> tuple[str, float]:
        text = str(document_of(said).get("detail") or said.reason)
        if status in AGAIN:
            after = said.headers.get("Retry-After", "")
            return f"the server is busy ({status}: {text})", float(after) if after.isdecimal() else pause
        if 300 <= status < 400:
            raise Refused(f"{self.url} sends elsewhere: set PORTWARDEN_URL to {said.headers.get('Location', '')}")
        raise Refused(f"{REFUSALS[status]} ({text})" if status in REFUSALS else f"{status}: {text}")


def document_of(response: Any) -> dict[str, Any]:
    """The JSON object of an answer; empty where it is none (a proxy's page)."""
    try:
        document = json.loads(response.read(MOST_READ))
    except (ValueError, OSError, HTTPException):
        return {}
    return document if isinstance(document, dict) else {}


def verdict_on_report(server: Server, asked: argparse.Namespace, body: bytes) -> dict[str, Any]:
    """Send the report and wait until it is processed; the report resource with its verdict."""
    query = {"image": asked.image, "stage": asked.stage, "format": asked.format}
    packed = gzip.compress(body, 6)
    query["wait"] = f"{min(30.0, max(server.left() - 1, 0)):.0f}"
    status, answer = server.ask("/api/v1/reports/", query, packed)
    while status != 422 and answer.get("state") == "received":
        if server.left() <= 0:
            raise NoVerdict(f"report {answer.get('id')} is stored, but was not processed in time")
        time.sleep(min(1.0, max(server.left(), 0.1)))
        status, answer = server.ask(f"/api/v1/reports/{int(answer['id'])}/", {})
    if status == 422 or answer.get("state") == "quarantined":
        raise Refused(f"the report cannot be read: {answer.get('error') or answer.get('detail') or 'no reason given'}")
    if "state" not in answer:
        raise NoVerdict(f"{server.url} answered something else than Portwarden does")
    return answer


def verdict_on_image(server: Server, asked: argparse.Namespace) -> dict[str, Any]:
    """What is known of the image already comes to."""
    status, answer = server.ask("/api/v1/gate/", {"image": asked.image, "stage": asked.stage})
    if status == 422:
        raise Refused(str(answer.get("detail") or "422"))
    return answer


def reasons_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The reasons, each with outcome, policy, rule and text, the worst first."""
    said = answer["gate"] if isinstance(answer.get("gate"), dict) else answer
    found = [one if isinstance(one, dict) else {"text": str(one)} for one in said.get("reasons") or []]
    return [
        {
            "outcome": str(one.get("outcome") or answer.get("verdict") or "unknown"),
            "policy": clean(one.get("policy") or ""),
            "rule": clean(one.get("rule") or ""),
            "text": clean(one.get("text") or ""),
        }
        for one in found
    ]


def clean(text: object) -> str:
    """As a log may show it: reports are written by strangers, and terminals obey control characters."""
    return "".join(sign if sign.isprintable() else " " for sign in str(text))


def table(answer: dict[str, Any], asked: argparse.Namespace, url: str) -> str:
    """What people read in the log of the build."""
    verdict = str(answer.get("verdict") or "unknown")
    lines = [f"Portwarden: {MARKS.get(verdict, verdict)}  {name_of(answer, asked)} (stage {asked.stage})"]
    severities = answer.get("by_severity")
    if isinstance(severities, dict) and answer.get("kind") == "vulnerability":
        lines.append("findings:   " + ", ".join(f"{number} {clean(word)}" for word, number in severities.items()))
    for reason in reasons_of(answer):
        head = f"  {MARKS.get(reason['outcome'], '????')}  {reason['policy']} / {reason['rule']}".rstrip(" /")
        lines.append(head)
        lines.extend(textwrap.wrap(reason["text"], 100, initial_indent=" " * 8, subsequent_indent=" " * 8))
    if not reasons_of(answer) and verdict == "pass":
        lines.append("  every rule holds")
    lines.extend(f"  {url}/images/{image.get('id')}/" for image in answer.get("images") or [])
    return "\n".join(lines) + "\n"


def name_of(answer: dict[str, Any], asked: argparse.Namespace) -> str:
    """What the image is called: as asked for, else as the report says."""
    named = [str(image.get("reference") or image.get("config_digest")) for image in answer.get("images") or []]
    return clean(asked.image or ", ".join(named) or "image")


def sarif(answer: dict[str, Any], asked: argparse.Namespace) -> str:
    """The reasons in SARIF 2.1.0, one result each, for code scanning pages (section 3.27, result object)."""
    reasons = [one for one in reasons_of(answer) if one["outcome"] != "pass"]
    rules = sorted({f"{one['policy']}/{one['rule']}" for one in reasons})
    place = {"physicalLocation": {"artifactLocation": {"uri": asked.sarif_location}, "region": {"startLine": 1}}}
    results = [
        {
            "ruleId": f"{one['policy']}/{one['rule']}",
            "level": LEVELS.get(one["outcome"], "note"),
            "message": {"text": f"{name_of(answer, asked)}: {one['text']}"},
            "locations": [place],
        }
        for one in reasons
    ]
    driver = {"name": "Portwarden", "version": VERSION, "rules": [{"id": rule} for rule in rules]}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(document, indent=2) + "\n"


def junit(answer: dict[str, Any], asked: argparse.Namespace) -> str:
    """The reasons as JUnit XML, one test case each; the verdict is the first."""
    verdict = str(answer.get("verdict") or "unknown")
    cases = [case("verdict", verdict, f"the verdict is {verdict}")]
    cases += [case(f"{one['policy']}: {one['rule']}", one["outcome"], one["text"]) for one in reasons_of(answer)]
    failures, skipped = (sum(f"<{word} " in one for one in cases) for word in ("failure", "skipped"))
    name = quoted(f"portwarden {name_of(answer, asked)}")
    head = f'<testsuite name={name} tests="{len(cases)}" failures="{failures}" errors="0" skipped="{skipped}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>"]) + "\n"


def case(name: str, outcome: str, text: str) -> str:
    """One test case: a rule that fails is a failure, one of which nobody knows is skipped, a warning is printed."""
    inner = {
        "fail": f"<failure message={quoted(text)} />",
        "unknown": f"<skipped message={quoted(text)} />",
    }.get(outcome, f"<system-out>{html.escape(text)}</system-out>")
    return f'  <testcase classname="portwarden" name={quoted(name)}>{inner}</testcase>'


def quoted(text: str) -> str:
    """As the value of an XML attribute."""
    return f'"{html.escape(text)}"'


def address_of(text: str) -> str:
    """An http(s) address without credentials in it."""
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise argparse.ArgumentTypeError("an address like https://portwarden.example.com")
    return text


def arguments(words: list[str] | None) -> argparse.Namespace:
    """What was asked; the address and the token may come from the environment."""
    parser = argparse.ArgumentParser(prog="portwarden-gate", description="Ask Portwarden whether an image may go on.")
    say = parser.add_argument
    say("--report", metavar="FILE", help="a scan report as the scanner wrote it; - reads standard input")
    say("--image", metavar="REFERENCE", default="", help="the image; needed where no report names it")
    say("--stage", choices=["ci", "registry", "runtime"], default="ci", help="the place to judge for (default: ci)")
    say("--format", default="", help="the report's format, where it is not to be recognised by itself")
    say("--url", type=address_of, default=os.environ.get("PORTWARDEN_URL"), help="default: $PORTWARDEN_URL")
    say("--token-file", metavar="FILE", help="default: the token itself in $PORTWARDEN_TOKEN")
    say("--ca", metavar="FILE", default="", help="certificates of authorities to trust instead of the system's")
    say("--timeout", metavar="SECONDS", type=float, default=120.0, help="for everything together (default: 120)")
    say("--fail-on", choices=["fail", "warn", "never"], default="fail", help="the mildest verdict that stops the build")
    say(
        "--on-error",
        choices=["fail", "pass"],
        default="fail",
        help="what to do without a verdict: Portwarden away, too slow, or the image unknown (default: fail)",
    )
    say("--sarif", metavar="FILE", help="write the reasons as SARIF 2.1.0")
    say("--sarif-location", metavar="PATH", default="Dockerfile", help="the file they are shown at")
    say("--junit", metavar="FILE", help="write the reasons as JUnit XML")
    say("--json", metavar="FILE", help="write the server's answer")
    asked = parser.parse_args(words)
    if not asked.url:
        parser.error("where is Portwarden? Set PORTWARDEN_URL or give --url")
    if not asked.report and not asked.image:
        parser.error("give --report FILE, --image REFERENCE, or both")
    return asked


def token_of(asked: argparse.Namespace) -> str:
    """The token, from the file or the environment."""
    if asked.token_file:
        return Path(asked.token_file).read_text(encoding="ascii").strip()
    return os.environ.get("PORTWARDEN_TOKEN", "").strip()


def body_of(asked: argparse.Namespace) -> bytes:
    """The report's bytes."""
    if asked.report == "-":
        return sys.stdin.buffer.read()
    return Path(asked.report).read_bytes()


def write(answer: dict[str, Any], asked: argparse.Namespace) -> None:
    """The files that were asked for."""
    for path, text in (
        (asked.sarif, sarif),
        (asked.junit, junit),
        (asked.json, lambda answer, asked: json.dumps(answer, indent=2) + "\n"),
    ):
        if path:
            Path(path).write_text(text(answer, asked), encoding="utf-8")


def decide(verdict: str, asked: argparse.Namespace) -> int:
    """0 or 1."""
    if verdict == "unknown":
        return open_or_closed(asked, "nobody knows enough for a verdict")
    stops = {"fail": ("fail",), "warn": ("fail", "warn"), "never": ()}[asked.fail_on]
    return 1 if verdict in stops else 0


def open_or_closed(asked: argparse.Namespace, why: str) -> int:
    """Without a verdict: what the caller said, and say it."""
    passes = asked.on_error == "pass" or asked.fail_on == "never"
    sys.stderr.write(f"portwarden-gate: {clean(why)}; {'going on' if passes else 'stopping'} as told (--on-error)\n")
    return 0 if passes else 1


def main(words: list[str] | None = None) -> int:
    """Ask, print, write, decide."""
    asked = arguments(words)
    try:
        server = Server(asked.url, token_of(asked), asked.timeout, asked.ca)
        answer = verdict_on_report(server, asked, body_of(asked)) if asked.report else verdict_on_image(server, asked)
        sys.stdout.write(table(answer, asked, server.url))
        write(answer, asked)
    except NoVerdict as error:
        return open_or_closed(asked, str(error))
    except (Refused, OSError, UnicodeError) as error:
        # A wrong token or a broken report does not mend itself: it stops the build whatever was said of outages.
        sys.stderr.write(f"portwarden-gate: {clean(error)}\n")
        return 1
    return decide(str(answer.get("verdict") or "unknown"), asked)


if __name__ == "__main__":
    sys.exit(main())
