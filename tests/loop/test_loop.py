"""The whole loop with real parts alone, and one page that shows it all.

Portwarden as `make up` runs it, two registries, images that buildah makes and Trivy scans, the gate and the agent that
Portwarden hands out, podman, a mail server, Chromium; and a clock that days pass by, so that what is due comes by
itself. Nothing is written to the database but by Portwarden.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as hour_of_day
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visitor
from tests.inbox import Inbox, mail_server
from tests.loop.agent import agent
from tests.loop.ci import CRITICAL, Workshop
from tests.loop.clock import Clock
from tests.loop.instance import Portwarden
from tests.parts import free_port, need, short_directory
from tests.scanning.real_registry import PASSWORD, USER, RealRegistry, running

pytestmark = [
    *(pytest.mark.browser, pytest.mark.services),
    pytest.mark.skipif(sys.platform != "linux", reason="its clock is a library that Linux loads first"),
]
# Where the screenshots are kept for people to look at.
SHOTS = Path(os.environ.get("LOOP_SCREENSHOTS") or Path(__file__).parents[2] / ".screenshots" / "loop")
MAILBOX = "shop@example.org"
# What is done every minute, and what is done every five, is done after so long; and so long Celery's beat may sleep.
MINUTES, PAUSE = timedelta(minutes=6), 6.0
POLICY = {
    "name": "shop",
    "description": "What the shop ships.",
    "active": True,
    "enforce": {"ci": "fail", "registry": "warn", "runtime": "warn"},
    "rules": [
        {"kind": "findings", "name": "critical with a fix", "severity": "critical", "fixable": True},
        {"kind": "findings", "name": "high", "severity": "high", "at_most": "warn"},
    ],
}
# What must stand on its timeline: the kind of entry, and a part of what it says.
LIFE = (
    ("Built", "linux/amd64"),
    ("Base approved", "which it is built on"),
    ("Scanned", "CI trivy: 2 findings, 1 critical and 1 high"),
    ("Gate", "CI fail by policy shop, token 1 first CI token asked"),
    ("Exemption granted", f"{CRITICAL} in every package exempted until"),
    ("Gate", "CI warn by policy shop, token 1 first CI token asked through a report that waited: 1 high or worse"),
    ("Pushed", "Registry"),
    ("Tagged", "shop/api:1.0 names it"),
    ("Scanned", "Registry trivy: 2 findings"),
    ("Owner changed", "from nobody to shop by rule"),
    ("Deployed", "Container api in shop-host (production) runs it"),
    ("Scanned", "Runtime trivy: 2 findings"),
    ("Base vanished", "has vanished: the registry lists no such tag any more"),
    ("Exemption expired", "counts again: its exemption ended"),
    ("Verdict changed", "warn → fail"),
    ("Rescanned", "Registry trivy: 2 findings, 1 critical and 1 high, the same as before"),
)


@dataclass
class World:
    """All parts, running."""

    clock: Clock
    portwarden: Portwarden
    upstream: RealRegistry
    own: RealRegistry
    workshop: Workshop
    inbox: Inbox
    visitor: Visitor

    @property
    def base(self) -> str:
        """The repository of what the shop builds on."""
        return f"{self.upstream.host}/base/os"

    @property
    def api(self) -> str:
        """The image that all is about."""
        return f"{self.own.host}/shop/api:1.0"

    @property
    def tool(self) -> str:
        """Another one, in which there is nothing to find."""
        return f"{self.own.host}/shop/tool:1.0"

    def image(self) -> dict[str, Any]:
        """As the API tells of it."""
        found = [one for one in self.portwarden.rows("images/?q=shop/api") if one["reference"] == self.api]
        assert len(found) == 1, found
        return found[0]

    def timeline(self) -> list[tuple[str, str, str]]:
        """(kind, place, what it says) of the image, the newest first."""
        rows = self.portwarden.rows(f"images/{self.image()['id']}/timeline/?size=100")
        return [(one["kind"], one["place"], one["text"]) for one in rows]

    def told(self, kind: str, words: str = "", place: str = "") -> bool:
        """Its timeline has such an entry."""
        return any(one[0] == kind and words in one[2] and place in one[1] for one in self.timeline())

    def verdict(self, stage: str) -> str:
        """What the gate says now."""
        return str(self.portwarden.ask(f"gate/?image={self.api}&stage={stage}")["verdict"])

    def gate(self, reference: str, report: Path, stage: str = "ci") -> tuple[int, str]:
        """(exit code, the verdict in the first line that it printed)."""
        code, said = self.workshop.gate(self.portwarden, reference, report, stage)
        assert said.startswith("Portwarden: "), said
        return code, said.split()[1]

    def wait(self, ready: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
        """For what comes by itself; minutes that nothing else happens in are passed over."""
        until = time.monotonic() + seconds
        passed = time.monotonic() + 1
        while not ready():
            assert time.monotonic() < until, f"still not: {what}\n{mails(self, '')}\n{self.portwarden.log('worker')}"
            time.sleep(0.2)
            if time.monotonic() > passed:
                passed = time.monotonic() + PAUSE
                self.clock.forward(MINUTES)


@contextmanager
def step(name: str) -> Iterator[None]:
    """One part of the story; what fails says in which."""
    began = time.monotonic()
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the step: {name}")
        raise
    print(f"{time.monotonic() - began:6.1f} s  {name}")


@pytest.fixture
def world(browser: Browser, tmp_path: Path) -> Iterator[World]:
    need("buildah", "podman", "skopeo", "runc", "docker-registry", "htpasswd", "gcc")
    ports = {"upstream": free_port(), "own": free_port()}
    with ExitStack() as stack:
        clock, workshop = parts(stack, tmp_path)
        server = stack.enter_context(mail_server())
        settings = {
            **dict.fromkeys(("EPSS_FEED", "KEV_FEED", "ENDOFLIFE_FEED"), "off"),
            "OUTBOUND_ALLOWED_HOSTS": ",".join(f"127.0.0.1:{port}" for port in ports.values()),
            "SCANNER": json.dumps([*workshop.scanner(), "{image}"]),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(server.port),
            "SMTP_TLS": "off",
            "MAIL_FROM": "Portwarden <portwarden@example.org>",
        }
        with step("make up"):
            portwarden = stack.enter_context(Portwarden(tmp_path / "data", clock, settings))
        upstream = stack.enter_context(running(directory(tmp_path, "upstream"), ports["upstream"]))
        own = stack.enter_context(registry_that_tells(portwarden, workshop, directory(tmp_path, "own"), ports["own"]))
        visitor = stack.enter_context(visiting(browser, portwarden.url))
        inbox = server.handler
        assert isinstance(inbox, Inbox)
        yield World(clock, portwarden, upstream, own, workshop, inbox, visitor)


def parts(stack: ExitStack, root: Path) -> tuple[Clock, Workshop]:
    """The clock and the workshop, with its engine served on a socket."""
    run = stack.enter_context(short_directory())
    clock = Clock(directory(run, "clock"))
    workshop = Workshop(directory(root, "workshop"), directory(run, "engine"))
    stack.callback(workshop.podman.stop)
    workshop.podman.serve()
    return clock, workshop


def directory(root: Path, name: str) -> Path:
    (root / name).mkdir()
    return root / name


@contextmanager
def registry_that_tells(portwarden: Portwarden, workshop: Workshop, root: Path, port: int) -> Iterator[RealRegistry]:
    """What was pushed before Portwarden was told of anything is there already."""
    with running(root, port) as registry:
        tool = f"{registry.host}/shop/tool:1.0"
        workshop.tools.build(tool, 'FROM scratch\nADD mended.tar /\nCMD ["/bin/true"]\n')
    said = {"kind": "registry", "name": "own", "registry": registry.host}
    source = portwarden.ask("webhooks/", said)
    with running(root, port, notify=(source["address"], source["secret"])) as registry:
        yield registry


@contextmanager
def visiting(browser: Browser, url: str) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    visitor = Visitor(context.new_page(), url)
    visitor.page.set_default_timeout(30_000)
    visitor.listen()
    yield visitor
    context.close()


def test_the_whole_loop_is_seen_on_one_page(world: World) -> None:
    clock, portwarden, workshop = world.clock, world.portwarden, world.workshop
    with step("a team, what it owns, and its mailbox, by the pages"):
        slot = set_up_the_team(world)
    with step("the base is built upstream; both registries are connected and crawled"):
        workshop.tools.build(f"{world.base}:12", "FROM scratch\nADD os.tar /\nADD sleep.tar /\n")
        for registry in (world.upstream, world.own):
            said = {"base_url": registry.base, "is_insecure": True, "username": USER, "password": PASSWORD}
            portwarden.ask("registries/", said)
        world.wait(lambda: len(portwarden.rows("images/")) == 2, "the crawl found the base and the tool")
    with step("the base is approved, and looked at upstream"):
        entry = portwarden.ask("approved/", {"base": f"{world.base}:12", "reason": "what the shop builds on"})["id"]
        portwarden.ask(f"approved/{entry}/step/", {"to": "in_review"})
        portwarden.ask(f"approved/{entry}/step/", {"to": "approved", "reason": "looked at"})
        world.wait(lambda: "fine" in states(world), "the base was looked at upstream")
    with step("CI builds, scans and asks: it fails, and with an exemption it warns"):
        expires_on = refuse_and_exempt(world)
    with step("the registry tells of the push, and what it holds is scanned there"):
        workshop.tools.push(world.api)
        world.wait(lambda: world.told("tagged"), "the tag is known by the webhook")
        world.wait(lambda: world.told("scanned", place="registry"), "it was scanned in the registry")
    with step("CI asks for another image: it passes"):
        assert world.gate(world.tool, workshop.scan(world.tool)) == (0, "pass")
    workshop.podman.run("pull", "--quiet", "--tls-verify=false", "--creds", f"{USER}:{PASSWORD}", world.api)
    workshop.podman.start("api", world.api)
    with agent(portwarden, workshop.podman.socket, workshop.root):
        with step("podman runs it, and the agent tells"):
            world.wait(lambda: world.image()["running"] == 1, "it is known where it runs")
        with step("it is scanned where it runs"):
            assert world.gate(world.api, workshop.scan(world.api), "runtime") == (0, "WARN")
        with step("the reader's hour comes: the first digest says what there is"):
            clock.forward_to(slot)
            world.wait(lambda: bool(mails(world, "what there is")), "the first digest arrived")
        with step("the base vanishes upstream, and the exemption's day comes"):
            digest, _ = world.upstream.manifest("base/os", "12")
            world.upstream.delete("base/os", digest)
            clock.forward_to(datetime.combine(expires_on, hour_of_day(), UTC))
            world.wait(lambda: "vanished" in states(world), "it is known that the base vanished")
            world.wait(lambda: world.told("exemption_expired"), "the exemption ended")
            world.wait(lambda: world.told("judged", "fail"), "the verdict followed")
            world.wait(lambda: bool(mails(world, "vanished upstream")), "the alert arrived")
            assert world.verdict("ci") == "fail"
        with step("a week later the digest tells what changed"):
            clock.forward_to(slot + timedelta(days=7))
            world.wait(lambda: bool(mails(world, " changes, ")), "the second digest arrived")
            world.wait(lambda: world.image()["running"] == 1, "the agent is heard")
            read_the_digests(world)
        with step("one page shows it all"):
            look_at_the_page(world)


def set_up_the_team(world: World) -> datetime:
    """Returns the hour that the mailbox gets its digest at."""
    world.visitor.sign_in("admin", world.portwarden.password)
    page, url = world.visitor.page, world.portwarden.url
    page.goto(f"{url}/teams/")
    page.fill("#new [name=name]", "shop")
    page.click("#new button")
    expect(page.locator("h1")).to_have_text("shop")
    page.goto(f"{url}/teams/rules/")
    page.fill("#new [name=pattern]", f"{world.own.host}/shop/*")
    page.select_option("#new [name=team]", label="shop")
    page.get_by_role("button", name="Add rule").click()
    expect(page.locator("#rules table")).to_contain_text("shop/*")
    # Later than all that is passed over until then, however slow this machine is.
    slot = world.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=6)
    page.goto(f"{url}/digests/readers/")
    page.fill("#new [name=address]", MAILBOX)
    page.select_option("#new [name=team]", label="shop")
    page.select_option("#new [name=weekday]", str(slot.weekday()))
    page.select_option("#new [name=hour]", str(slot.hour))
    page.fill("#new [name=timezone]", "UTC")
    page.click("#new button")
    expect(page.locator("#table")).to_contain_text(MAILBOX)
    return slot


def refuse_and_exempt(world: World) -> Any:
    """Returns the day on which the exemption ends."""
    portwarden, tools = world.portwarden, world.workshop.tools
    portwarden.ask("policies/", POLICY)
    dockerfile = f'FROM {world.base}:12\nADD app.tar /\nUSER 1000\nCMD ["/bin/sleep", "100000"]\n'
    tools.build(world.api, dockerfile, push=False)
    report = world.workshop.scan(world.api)
    assert world.gate(world.api, report) == (1, "FAIL")
    ends = (world.clock.now() + timedelta(days=2)).date()
    asked = {"vulnerability": CRITICAL, "scope": "base", "repository": world.base, "expires_on": str(ends)}
    row = portwarden.ask("exemptions/", {**asked, "reason": "nothing listens", "owner": "shop"})
    portwarden.ask(f"exemptions/{row['id']}/decide/", {"grant": True, "answer": "for two days"})
    assert world.gate(world.api, report) == (0, "WARN")
    return ends


def states(world: World) -> list[str]:
    """How the base's tag was found upstream last."""
    return [
        one["state"] for one in world.portwarden.rows("approved/watches/") if one["reference"] == f"{world.base}:12"
    ]


def mails(world: World, words: str) -> list[str]:
    """Subject and plain text of those that came for the team and say so."""
    found = []
    for mail in world.inbox.mails:
        plain = mail.get_body(("plain",))
        assert plain
        found += [f"{mail['Subject']}\n{plain.get_content()}"] if mail["To"] == MAILBOX else []
    return [text for text in found if words in text]


def read_the_digests(world: World) -> None:
    """What they say, and that a line leads to what it is about."""
    (first,), (second,) = mails(world, "what there is, "), mails(world, " changes, ")
    for words in (CRITICAL, f"Gates turned away {world.api}", "ends soon"):
        assert words in first
    for words in (f"{world.base}:12 vanished upstream", f"Gates turned away {world.api}"):
        assert words in second
    line = f"{world.base}:12 is no longer in its registry: 1 image stands on it"
    world.visitor.sign_in("admin", world.portwarden.password)
    world.visitor.page.goto(second.partition(line)[2].split()[0])
    expect(world.visitor.page.locator("#table tbody tr")).to_have_count(1)
    expect(world.visitor.page.locator("#table tbody")).to_contain_text(world.api)


def look_at_the_page(world: World) -> None:
    """Everything above the fold, and the life of the image below."""
    page, image = world.visitor.page, world.image()
    world.visitor.go(f"/images/{image['id']}/timeline/")
    expect(page.locator("h1")).to_have_text(world.api)
    for row, words in (
        (
            "Verdict",
            ["CI fail", "Registry warn", "Runtime warn", f"1 critical fixable finding (0 allowed): {CRITICAL}"],
        ),
        ("Findings", ["1 its own", "2 with a known fix"]),
        ("Built on", [f"{world.base}:12", "oci annotation, sure", "outdated", "vanished upstream"]),
        ("Risk", ["of 100", "severity", "fix known", "running", "own layers"]),
        ("Runs", ["in 1 workload", "shop-host", "production, told by podman"]),
        ("Places", ["CI fresh", "Registry fresh", "Runtime fresh", "trivy"]),
        ("Owner", ["shop"]),
    ):
        shown = page.locator(f".facts dt:text-is('{row}') + dd")
        for word in words:
            expect(shown).to_contain_text(word)
    entries = page.locator(".timeline li")
    for kind, words in LIFE:
        expect(entries.filter(has=page.locator("b", has_text=kind)).filter(has_text=words)).not_to_have_count(0)
    photograph(world, f"/images/{image['id']}/", ("", "timeline/"))
    assert world.visitor.complaints == []


def photograph(world: World, address: str, tabs: tuple[str, ...]) -> None:
    """For people: in both themes, wide and narrow."""
    page = world.visitor.page
    SHOTS.mkdir(parents=True, exist_ok=True)
    for tab in tabs:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for width in (1440, 390):
                page.set_viewport_size({"width": width, "height": 900})
                world.visitor.go(address + tab)
                page.screenshot(path=SHOTS / f"{tab.strip('/') or 'image'}-{scheme}-{width}.png", full_page=True)
