"""One image to which everything has happened: for tests of its page, its timeline, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils import timezone

from governance.accounts.models import Team
from governance.approvals.models import ApprovalStep, ApprovedBase, KeptCopy, RetentionItem, RetentionRun, Watch
from governance.approvals.watches import Looked, record
from governance.findings.models import Vulnerability
from governance.images.models import Event, Image, Manifest, Registry
from governance.policy.exemptions import Wanted, ask_exemption, decide, revoke
from governance.policy.gate import ask_gate
from governance.policy.models_exemption import Exemption
from governance.policy.work import ask, settle_verdicts
from governance.runtime.counts import recount
from governance.runtime.models import Running
from tests.governance.images.trees import layers_of, make_tree_image, settled
from tests.governance.policy.force import enforce
from tests.make import deliver, digest_of, make_report, make_running, make_token, make_vulnerability

BASE, NEWER = "registry.example/base/python:3.12", "registry.example/shop/api:1"
NAMES = ("CVE-2099-0001", "CVE-2099-0002")
LATER = "CVE-2099-0666"
KNOWN = "CVE-2099-0777"


def on(day: int, month: int = 9) -> datetime:
    """A day of that autumn."""
    return datetime(2026, month, day, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Life:
    """The image, its base, what took its tag, and the entry of the approved list that means the base."""

    image: Image
    base: Image
    newer: Image
    entry: ApprovedBase
    runs: Running


def report_of(names: tuple[str, ...], at: datetime, **fields: Any) -> dict[str, Any]:
    """Another scan of the image."""
    found = [make_vulnerability(name, Severity="CRITICAL" if name == LATER else "HIGH") for name in names]
    config = {"architecture": "amd64", "os": "linux", "created": "2026-08-02T09:00:00Z"}
    said: dict[str, Any] = {"DiffIDs": layers_of("python", "app"), "ImageConfig": config, **fields}
    return make_report(NEWER, digest_of("life"), found, at=at.strftime("%Y-%m-%dT%H:%M:%SZ"), **said)


def make_life(team: Team, platform: Team) -> Life:
    """From its build to its end, with a policy, an approved list, exemptions and workloads that run."""
    base = make_tree_image("base/python:3.12", layers_of("python"), NAMES[:1], platform)
    image = make_tree_image("shop/api:1", layers_of("python", "app"), (*NAMES, KNOWN), team, day=2, key="life")
    settled(base, image)
    for word, source, day in (("local", "trivy image ID", 3), ("manifest", "registry config", 4)):
        Manifest.objects.create(digest=digest_of(word), image=image, source=source, first_seen=on(day, 8))
    viewer = make_token(team=team)[0]
    # The registry's scanner, then CI's again: with one that is critical, then another time with the same.
    deliver(report_of((*NAMES, KNOWN), on(1)), viewer=viewer, stage="registry")
    deliver(report_of((*NAMES, KNOWN, LATER), on(9)), viewer=viewer, stage="registry")
    deliver(report_of((*NAMES, KNOWN, LATER), on(10)), viewer=viewer, stage="registry")
    Vulnerability.objects.filter(name=KNOWN).update(kev_added=date(2026, 9, 20))
    _listed(base, platform)
    entry = ApprovedBase.objects.get()
    _runs(image)
    enforce({"kind": "findings", "severity": "high"})
    ask([image.pk, base.pk])
    settle_verdicts()
    ask_gate(viewer, NEWER, "ci")
    ask_gate(viewer, NEWER, "runtime", "admission")
    _exempted(image)
    settle_verdicts()
    newer = make_tree_image("shop/api:1", layers_of("python", "newer"), NAMES[:1], team, day=28, key="newer")
    settled(base, image, newer)
    _ended(image)
    return Life(Image.objects.get(pk=image.pk), base, newer, entry, Running.objects.filter(image=image).latest("pk"))


def _listed(base: Image, owner: Team) -> None:
    """The base is approved, then vanishes upstream."""
    entry = ApprovedBase.objects.create(
        name="registry.example/base/python", pattern="3.1*", state="deprecated", owner=owner, why="old"
    )
    for before, to, day in (("in_review", "approved", 5), ("approved", "deprecated", 15)):
        step = ApprovalStep.objects.create(entry=entry, before=before, to=to, actor="user keeper", reason="so be it")
        ApprovalStep.objects.filter(pk=step.pk).update(at=on(day))
    watch = Watch.objects.create(name="registry.example/base/python", tag="3.12", is_approved=True, is_used=True)
    record(watch, Looked(digest=digest_of("upstream"), there=True), on(16))
    record(watch, Looked(digest=digest_of("moved"), there=True), on(17))
    record(watch, Looked(missing=True, why="the registry says it is not there"), on(18))
    for kind in ("vanished", "gone"):
        Event.objects.create(image=base, kind=kind, text="as a crawl found, too", at=on(18) - timedelta(hours=1))
    registry, _ = Registry.objects.get_or_create(host="own.example")
    KeptCopy.objects.create(name=watch.name, tag="3.12", digest=digest_of("copied"), registry=registry, state="kept")


def _runs(image: Image) -> None:
    """In two workloads of a cluster, of which one stopped."""
    first = make_running(image, "api", first_seen=on(6))
    make_running(image, "worker", agent=first.agent, first_seen=on(7), stopped_at=on(8))
    recount({image.pk})


def _exempted(image: Image) -> None:
    """Asked for, granted and expired; refused; revoked."""
    until = timezone.now().date() + timedelta(days=30)

    def asked(name: str, package: str = "") -> Exemption:
        return ask_exemption(
            None, Wanted(name, "repository", "behind the firewall", until, image.repository, package=package)
        )

    decide(None, asked(NAMES[0]), True)
    Exemption.objects.update(expires_on=timezone.now().date())
    decide(None, asked(NAMES[1]), False, "mend it")
    revoke(None, decide(None, asked(NAMES[1]), True), "mended")
    decide(None, asked(LATER), True)


def _ended(image: Image) -> None:
    """Its manifest is gone, a rule of retention took it away."""
    Event.objects.create(image=image, kind="gone", text="No longer in registry.example/shop/api", at=on(29))
    run = RetentionRun.objects.create(state="done", actor="admin")
    RetentionItem.objects.create(
        run=run, image=image, repository=image.repository, rule="old ones", state="deleted", at=on(30)
    )
