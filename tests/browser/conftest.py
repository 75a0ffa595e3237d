"""A headless Chromium and a fleet to look at; skipped by name where a part is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import resolve, reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from governance.accounts.models import Team, User
from governance.approvals.life import request_base
from governance.briefings.services import Wish, brief, subscribe_address
from governance.findings.models import Silence, Source
from governance.findings.report import Check, Result, Severity
from governance.findings.state import settle
from governance.images.claims import Claim, record_claims
from governance.images.models import BaseEdge, Image, OwnerRule
from governance.policy.exemptions import Wanted, ask_exemption
from governance.runtime.models import BenchmarkRun
from scanning.models import Delivery
from tests.browser.registries import registries
from tests.browser.upstream import upstream
from tests.make import (
    deliver,
    digest_of,
    make_bench_report,
    make_checks,
    make_report,
    make_run,
    make_running,
    make_token,
    make_user,
    make_vulnerability,
)
from tests.test_pages import ROWS, arguments

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# What is no page: for programs, or a file to keep.
NO_PAGES = {
    *("healthz", "readyz", "metrics", "program", "scanning:delivery_raw"),
    *("findings:vulnerability_export", "workloads:workload_export"),
}
PASSWORD = "correct horse battery"
HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1)" '
    'hx-on:load="alert(1)" \u202eevil\u0007'
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who looks at the standing fleet comes first of those that leave an empty database, after all others."""
    looks = [item for item in items if "standing" in getattr(item, "fixturenames", ())]
    rest = [item for item in items if "standing" not in getattr(item, "fixturenames", ())]
    place = next((number for number, item in enumerate(rest) if commits(item)), len(rest))
    items[:] = [*rest[:place], *looks, *rest[place:]]


def commits(item: pytest.Item) -> bool:
    """Whether the tables are emptied after it, with what migrations put into them."""
    mark = item.get_closest_marker("django_db")
    asked = {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(asked or (mark and mark.kwargs.get("transaction")))


@dataclass
class Visitor:
    """Somebody at a page, and everything the browser complained about."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def go(self, address: str) -> Page:
        """Open an address of this site."""
        self.page.goto(self.base + address)
        return self.page

    def sign_in(self, name: str = "ada", password: str = PASSWORD) -> None:
        """As the administrator, through the form."""
        self.page.context.clear_cookies()
        self.go("/login/")
        self.page.fill("#id_username", name)
        self.page.fill("#id_password", password)
        self.page.click("main button")
        self.page.wait_for_url(self.base + "/")

    def listen(self) -> None:
        """Collect errors, warnings (the content policy's are among them) and dialogs, which nothing here opens."""
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)


@contextmanager
def visiting(browser: Browser, base: str) -> Iterator[Any]:
    """visit(width, scheme) → a signed-in visitor of the site at `base`."""
    contexts: list[BrowserContext] = []

    def come(width: int = 1440, scheme: str = "light", javascript: bool = True) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        contexts.append(context)
        visitor = Visitor(context.new_page(), base)
        visitor.page.set_default_timeout(15_000)
        visitor.listen()
        visitor.sign_in()
        return visitor

    yield come
    for context in contexts:
        context.close()


@pytest.fixture
def visit(browser: Browser, live_server: Any) -> Iterator[Any]:
    """Of a site that is this test's alone, and may be changed."""
    with visiting(browser, live_server.url) as come:
        yield come


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """The same, but not emptied after every test."""
    started = LiveServer("127.0.0.1")
    yield started
    started.stop()


@pytest.fixture
def look(browser: Browser, server: LiveServer, standing: Fleet) -> Iterator[Any]:
    """Of the standing fleet, at which tests only look."""
    with visiting(browser, server.url) as come:
        yield come


@dataclass
class Fleet:
    """What there is to look at."""

    team: Team
    mate: User
    image: Image
    quarantined: Delivery
    done: Delivery
    run: BenchmarkRun
    base: Image
    source: Source
    request: int
    registries: list[str]
    upstream: list[str]
    digest: int

    @property
    def things(self) -> dict[str, list[object]]:
        """What stands for the words of the table of routes (`tests.test_pages.Row.named`); a new one is made there."""
        row = make_running(self.image, HOSTILE[:60], user=HOSTILE[:60], written=HOSTILE[:60])
        end = timezone.now().date() + timedelta(days=9)
        return {
            "image": [self.image.pk],
            "run": [self.run.pk],
            "vulnerability": ["CVE-2099-0666"],
            "workload": [row.workload_id],
            "exemption": [ask_exemption(None, Wanted("CVE-2099-0666", "image", HOSTILE, end, self.image)).pk],
        }

    @cached_property
    def every_address(self) -> list[str]:
        """Every page that the table of routes has, some of them in several states."""
        found = self.addresses
        seen = {resolve(urlsplit(address).path).view_name for address in found}
        things = self.things
        for name, rows in ROWS.items():
            if name in seen | NO_PAGES or name.startswith("api:"):
                continue
            for row in rows:
                if row.method == "get" and row.expected.get("admin") == 200:
                    if row.named not in things:
                        things[row.named] = arguments(row.named, self.team)
                    found.append(reverse(name, args=things[row.named]))
        return found

    @property
    def addresses(self) -> list[str]:
        """Pages in the states that differ."""
        image, base = f"/images/{self.image.pk}/", f"/images/{self.base.pk}/"
        return [
            *(image + tab for tab in ("lineage/", "rebuild/", "findings/?origin=inherited")),
            *(base + tab for tab in ("lineage/", "work/", "rebuild/")),
            *("/bases/", "/bases/?fresh=gone", "/bases/unknown/", "/bases/compare/"),
            f"/bases/compare/?a={self.base.pk}&b={self.image.pk}",
            *("/", "/images/", "/images/?severity=critical&sort=newest", "/images/?q=nothing-is-called-so"),
            *(image + tab for tab in ("", "packages/", "layers/", "scans/", "timeline/", "checks/")),
            *(image + "checks/?kind=secret", "/deliveries/formats/"),
            *("/vulnerabilities/", "/vulnerabilities/CVE-2099-0666/", "/vulnerabilities/CVE-2099-0001/"),
            *("/deliveries/", f"/deliveries/{self.quarantined.pk}/", f"/deliveries/{self.done.pk}/", "/tokens/"),
            *("/digests/", f"/digests/{self.digest}/", "/digests/readers/", "/digests/subscription/"),
            *(f"/digests/{self.digest}/mail/", "/teams/rules/", "/images/repositories/?owned=false"),
            *("/teams/", f"/teams/{self.team.pk}/", "/people/", f"/people/{self.mate.pk}/", "/account/"),
            f"/images/repositories/{self.image.repository_id}/",
            *("/sources/", f"/sources/{self.source.pk}/"),
            *self.registries,
            *self.upstream,
            *(
                "/approved/",
                "/approved/?state=banned",
                "/approved/requests/",
                "/approved/new/",
                f"/approved/{self.request}/",
            ),
            *("/policies/", "/policies/new_policy/", "/policies/gate_decisions/"),
            *("/posture/", "/posture/?q=nothing-is-called-so", "/posture/?history=true", f"/posture/{self.run.pk}/"),
            *(f"/posture/{self.run.pk}/?change=failing", f"/deliveries/{self.run.delivery}/"),
        ]


def administrator() -> User:
    """With a password."""
    user = User(username="ada", name="Ada", role=User.Role.ADMIN)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def ada(transactional_db: None) -> User:
    """The administrator."""
    return administrator()


@pytest.fixture
def fleet(ada: User) -> Fleet:
    """For tests that change it."""
    return make_fleet(ada)


@pytest.fixture(scope="module")
def standing(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Fleet]:
    """One for all tests of a module, at which they only look."""
    with django_db_blocker.unblock():
        found = make_fleet(administrator())
        assert found.every_address
        yield found
        connection.close()
        call_command("flush", interactive=False, verbosity=0)


def make_fleet(ada: User) -> Fleet:
    """Sixty images, one of them with hostile text in every field that a report fills."""
    team = Team.objects.create(name="shop")
    sender = make_token(team=team)[0]
    for number in range(60):
        severity = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")[number % 5]
        found = [make_vulnerability(f"CVE-2099-{n + 1:04}", Severity=severity) for n in range(number % 4)]
        name = f"registry.example/shop/service-{number}:1.{number}"
        deliver(make_report(name, config=digest_of(name), vulnerabilities=found), viewer=sender)
    deliver(make_report(name := "registry.example/shop/nameonly:1"), viewer=sender, image=name)
    deliver(make_report("registry.example/demo/app:1", config=digest_of("demo")), is_demo=True)
    layers = [digest_of("bottom"), digest_of("top")]
    entry = make_vulnerability(
        "CVE-2099-0666",
        HOSTILE,
        Title=HOSTILE,
        Description=HOSTILE,
        FixedVersion=HOSTILE,
        InstalledVersion=HOSTILE,
        PkgPath=HOSTILE,
        PrimaryURL="javascript:alert(1)",
        Layer={"DiffID": layers[1]},
    )
    report = make_report(
        "registry.example/shop/hostile:1", digest_of("hostile"), [entry, make_vulnerability()], DiffIDs=layers
    )
    secrets = [{"RuleID": HOSTILE, "Title": HOSTILE, "Severity": "CRITICAL"}, {"RuleID": "aws-key", "Severity": "LOW"}]
    report["Results"].append({"Target": HOSTILE, "Class": "secret", "Secrets": secrets})
    done = deliver(report, viewer=sender, stage="runtime")
    image = Image.objects.get(config_digest=digest_of("hostile"))
    mate = make_user("mate", team=team, name=HOSTILE)
    base = bases(image, team, layers[0])
    source = Source.objects.get(sender=f"token:{sender.pk}", stage="runtime")
    day = datetime(2026, 8, 21, tzinfo=UTC)
    Silence.objects.create(source=source, since=day, raised_at=day)
    Source.objects.filter(pk=source.pk).update(name=HOSTILE[:100], last_heard=day)
    asked = request_base(None, "registry.example/base/os", "*", team, HOSTILE, family=HOSTILE[:60], purpose=HOSTILE).pk
    sources = registries(team, image, HOSTILE)
    run = benchmarks(team, done.pk)
    return Fleet(
        *(team, mate, image, deliver(b'{"unknown": 1}'), done, run, base, source, asked, sources),
        *(upstream(team, HOSTILE), digest(ada, team)),
    )


def digest(ada: User, team: Team) -> int:
    """What the team's mailbox would have got, and a rule that gives nothing out."""
    OwnerRule.objects.create(kind="pattern", pattern="registry.example/nowhere/*", team=team)
    row = subscribe_address(ada, "shop@example.org", team, Wish())
    row.starts_at = datetime(2026, 1, 1, tzinfo=UTC)
    made = brief(row, timezone.now())
    assert made is not None
    return made.pk


def bases(image: Image, team: Team, layer: str) -> Image:
    """A base under the hostile image and six others, whose tag has moved on; and a lie about what it was built on."""
    for word, layers, day in (("os", [layer], 1), ("newer", [digest_of("newer")], 24)):
        found = [make_vulnerability(f"CVE-2099-{day + n:04}") for n in range(3)]
        at = f"2026-08-{day:02}T09:00:00Z"
        name = "registry.example/base/os:12"
        deliver(make_report(name, digest_of(word), [*found, make_vulnerability()], at=at, DiffIDs=layers))
    for number in range(6):
        name = f"registry.example/shop/child-{number % 3}:1.{number}"
        report = make_report(name, digest_of(f"child {number}"), DiffIDs=[layer, digest_of(f"child {number}")])
        deliver(report, viewer=make_token(team=team)[0])
    lie = Claim(BaseEdge.Rung.SIGNED, "registry.example/nobody/knows:1", source=HOSTILE)
    record_claims(image.pk, [lie], datetime(2026, 8, 20, tzinfo=UTC))
    for _ in range(2):
        settle(1_000)
    return Image.objects.get(config_digest=digest_of("os"))


def benchmarks(team: Team, delivery: int) -> BenchmarkRun:
    """A benchmark of which something fails, something is fixed and something is silent since the run before."""
    bad = [Check("policy", HOSTILE, Result(word), HOSTILE, Severity.HIGH, HOSTILE) for word in ("fail", "pass")]
    make_run(make_bench_report(*make_checks(a="fail", b="pass", c="warn"), bad[1], name=HOSTILE, title=HOSTILE), team)
    make_run(make_bench_report(*make_checks(a="fail"), name=""))
    report = make_bench_report(*make_checks(a="pass", b="fail", d="info"), bad[0], day=21, name=HOSTILE, title=HOSTILE)
    return make_run(report, team, delivery=delivery)
