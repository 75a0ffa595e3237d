"""One table of (image, policy, place, day) with the verdict that is right, asked of every door alike.

The world is a small fleet, made once; the clock is set to the row's day. Each row is asked of the HTTP gate, the
command line, the image's page, and of the verdict that the worker keeps.
"""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from governance.accounts.models import Team, User
from governance.approvals.models import ApprovedBase
from governance.findings.enrichment import Exploit, store_exploits
from governance.findings.life import store_lives
from governance.findings.state import settle
from governance.findings.weigh import settle_weights
from governance.images.models import Image
from governance.policy.document import STAGES
from governance.policy.verdicts import verdict_of
from governance.policy.work import settle_verdicts
from tests.conftest import Machine
from tests.governance.images.trees import layers_of
from tests.governance.policy.force import enforce
from tests.make import deliver, digest_of, make_report, make_token, make_vulnerability

pytestmark = pytest.mark.django_db
WORDS = {"p": "pass", "w": "warn", "f": "fail", "u": "unknown"}
LEVELS = {"ci": "fail", "registry": "warn", "runtime": "inform"}
BASE_FIX = make_vulnerability("CVE-2099-1001", "openssl", Severity="CRITICAL")
OWN_FIX = make_vulnerability("CVE-2099-1002", "zlib", Severity="HIGH")
EXPLOITED = make_vulnerability("CVE-2099-1003", "bash", Severity="MEDIUM", FixedVersion="", Status="affected")

# name: layers, findings, day of the scan (and of the build), user, release of Debian
FLEET: dict[str, tuple[list[str], list[dict[str, Any]], str, str, str]] = {
    "base/debian:12": (layers_of("a"), [BASE_FIX], "2026-08-01", "root", "12.11"),
    "shop/api:1": (layers_of("a", "b"), [BASE_FIX, OWN_FIX], "2026-08-05", "app", "12.11"),
    "shop/web:1": (layers_of("a", "c"), [BASE_FIX], "2026-08-05", "0", "12.11"),
    "pay/job:1": (layers_of("x"), [EXPLOITED], "2026-08-05", "", "12.11"),
    "pay/clean:1": (layers_of("y"), [], "2026-08-10", "app", "12.11"),
    "pay/old:1": (layers_of("z"), [], "2026-08-05", "app", "10.2"),
}
BASE, API, WEB, JOB, CLEAN, OLD = FLEET

# What the only policy in force asks for, and by day what it comes to at CI, registry and runtime (it fails in CI, warns
# in the registry, informs at run time): p(ass), w(arn), f(ail), u(nknown).
TABLE: list[tuple[dict[str, Any], dict[str, dict[str, str]]]] = [
    (
        {"kind": "findings", "severity": "critical", "fixable": True},
        {"2026-08-10": {BASE: "fwp", API: "fwp", WEB: "fwp", JOB: "ppp", CLEAN: "ppp", OLD: "ppp"}},
    ),
    (
        {"kind": "findings", "severity": "high", "grace": 30, "origin": "own"},
        {
            "2026-09-04": {BASE: "fwp", API: "ppp", WEB: "ppp", JOB: "ppp"},
            "2026-09-05": {BASE: "fwp", API: "fwp", WEB: "ppp", CLEAN: "ppp"},
        },
    ),
    (
        {"kind": "findings", "severity": "critical", "grace": 7, "origin": "inherited"},
        {
            "2026-08-08": {BASE: "ppp", API: "ppp", WEB: "ppp"},
            "2026-08-09": {BASE: "ppp", API: "fwp", WEB: "fwp"},
        },
    ),
    (
        {"kind": "base", "accept": "allow"},
        {
            "2026-09-30": {BASE: "ppp", API: "ppp", WEB: "ppp", JOB: "fwp", CLEAN: "fwp"},
            "2026-10-01": {BASE: "fwp", API: "fwp", WEB: "fwp", JOB: "fwp"},
        },
    ),
    (
        {"kind": "base", "accept": "any", "days": 60},
        {"2026-09-30": {API: "ppp", WEB: "ppp"}, "2026-10-01": {API: "fwp"}},
    ),
    ({"kind": "findings", "exploited": True}, {"2026-08-20": {JOB: "fwp", API: "ppp", CLEAN: "ppp"}}),
    ({"kind": "findings", "exploited": True, "at_most": "warn"}, {"2026-08-20": {JOB: "wwp", WEB: "ppp"}}),
    (
        {"kind": "end-of-life"},
        {"2026-08-20": {OLD: "fwp", API: "ppp"}, "2028-06-30": {API: "ppp"}, "2028-07-01": {API: "fwp"}},
    ),
    ({"kind": "not-root"}, {"2026-08-20": {BASE: "fwp", API: "ppp", WEB: "fwp", JOB: "fwp", CLEAN: "ppp"}}),
    ({"kind": "age", "days": 90}, {"2026-11-03": {API: "ppp", OLD: "ppp"}, "2026-11-04": {API: "fwp", CLEAN: "ppp"}}),
    (
        {"kind": "scanned", "stage": "ci", "days": 14},
        {"2026-08-19": {API: "ppp"}, "2026-08-20": {API: "fwp", CLEAN: "ppp"}},
    ),
    ({"kind": "scanned", "stage": "runtime", "days": 14}, {"2026-08-12": {API: "fwp", CLEAN: "fwp"}}),
    ({"kind": "deny-vulnerability", "names": ["CVE-2099-1003"]}, {"2026-08-20": {JOB: "fwp", API: "ppp"}}),
    ({"kind": "deny-package", "packages": ["deb/zlib@1.*"]}, {"2026-08-20": {API: "fwp", WEB: "uuu"}}),
    ({"kind": "condition", "expect": "own.total == 0"}, {"2026-08-20": {API: "fwp", WEB: "ppp", JOB: "uuu"}}),
]
CASES = sum(3 * len(row) for _, days in TABLE for row in days.values())


def world(team: Team) -> dict[str, int]:
    """The fleet, settled; ids by name."""
    for name, (layers, found, day, user, release) in FLEET.items():
        config = {"architecture": "amd64", "os": "linux", "created": f"{day}T08:00:00Z", "config": {"User": user}}
        reference = f"registry.example/{name}"
        report = make_report(
            *(reference, digest_of(name), found, f"{day}T09:00:00Z"),
            DiffIDs=layers,
            ImageConfig=config,
            OS={"Family": "debian", "Name": release},
        )
        deliver(report, viewer=make_token(team=team)[0])
    ApprovedBase.objects.create(
        name="registry.example/base/debian", pattern="12", state="approved", sunset_on=date(2026, 10, 1)
    )
    store_exploits([Exploit("CVE-2099-1003", date(2026, 8, 1), None, False)])
    store_lives([("debian", "10", date(2024, 6, 30), False), ("debian", "12", date(2028, 6, 30), False)])  # type: ignore[list-item]
    settle(1_000)
    settle_weights()
    return {name: Image.objects.get(config_digest=digest_of(name)).pk for name in FLEET}


def test_every_door_gives_the_verdict_of_the_table(
    team: Team, admin: User, machine: Machine, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert CASES >= 80
    images = world(team)
    for rule, days in TABLE:
        enforce(rule, enforce=LEVELS)
        for day, row in days.items():
            noon = datetime.fromisoformat(f"{day}T12:00:00+00:00").astimezone(UTC)
            monkeypatch.setattr(timezone, "now", lambda noon=noon: noon)
            settle_verdicts()
            client.force_login(admin)
            for name, letters in row.items():
                wanted = {stage: WORDS[letter] for stage, letter in zip(STAGES, letters, strict=True)}
                for door, said in doors(f"registry.example/{name}", images[name], client, machine, capsys).items():
                    assert said == wanted, (door, rule, day, name)


def doors(reference: str, image: int, client: Client, machine: Machine, capsys: Any) -> dict[str, dict[str, str]]:
    """What every door says of an image at the three places."""
    page = client.get(f"/images/{image}/").content.decode()
    shown = re.findall(r'class="state is-(\w+)"', page[page.index('id="verdict"') :].partition("</dd>")[0])
    found: dict[str, dict[str, str]] = {
        "page": dict(zip(STAGES, shown, strict=True)),
        "gate": {},
        "command": {},
        "kept": {},
    }
    for stage in STAGES:
        found["gate"][stage] = machine.get("/api/v1/gate/", {"image": reference, "stage": stage}).json()["verdict"]
        found["kept"][stage] = verdict_of(image, stage).verdict
        with contextlib.suppress(SystemExit):
            call_command("gate", reference, "--stage", stage)
        found["command"][stage] = json.loads(capsys.readouterr().out)["verdict"]
    return found
