"""make_*(): rows and reports for tests, as small as they can be."""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from governance.accounts.models import Membership, Team, Token, User
from governance.accounts.services import create_token
from governance.findings.record import Arrival
from governance.findings.report import Benchmark, Check, Kind, Result, ScanReport, Severity
from governance.images.models import Image
from governance.runtime.benchmarks import record_benchmarks
from governance.runtime.models import Agent, BenchmarkRun, Cluster, Running, Workload
from scanning.body import Body, receive
from scanning.deliveries import Envelope, accept, claim
from scanning.ingest import process
from scanning.models import Delivery

NUMBERS = itertools.count(1)
RUNS_SINCE = datetime(2026, 11, 20, 12, tzinfo=UTC)


def digest_of(word: str) -> str:
    """A digest that is always the same for a word."""
    return f"sha256:{hashlib.sha256(word.encode()).hexdigest()}"


def make_user(username: str = "", role: str = User.Role.MEMBER, team: Team | None = None, **fields: Any) -> User:
    """A person, in a team if given (as `membership`, default viewer)."""
    membership = fields.pop("membership", Membership.Role.VIEWER)
    user = User.objects.create(username=username or f"person{next(NUMBERS)}", role=role, **fields)
    user.set_unusable_password()
    user.save()
    if team:
        Membership.objects.create(user=user, team=team, role=membership)
    return user


def make_token(scope: str = Token.Scope.INGEST, team: Team | None = None) -> tuple[Token, str]:
    """A token and its secret."""
    return create_token(None, f"token{next(NUMBERS)}", scope, team)


def make_vulnerability(name: str = "CVE-2099-0001", package: str = "openssl", **fields: Any) -> dict[str, Any]:
    """One entry of a Trivy report."""
    return {
        "VulnerabilityID": name,
        "PkgName": package,
        "InstalledVersion": "1.0",
        "FixedVersion": "1.1",
        "Status": "fixed",
        "Severity": "HIGH",
        "Title": f"{package}: invented",
        "PkgIdentifier": {"PURL": f"pkg:deb/debian/{package}@1.0"},
        **fields,
    }


def make_report(
    name: str = "registry.example/shop/api:1.0",
    config: str | None = None,
    vulnerabilities: list[dict[str, Any]] | None = None,
    at: str = "2026-08-20T09:30:00Z",
    **metadata: Any,
) -> dict[str, Any]:
    """A Trivy report of an image (schema 2)."""
    found = [make_vulnerability()] if vulnerabilities is None else vulnerabilities
    identity = {"ImageID": config} if config else {}
    result = {"Target": f"{name} (debian 12.11)", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": found}
    return {
        "SchemaVersion": 2,
        "CreatedAt": at,
        "ArtifactName": name,
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.11"}, **identity, **metadata},
        "Results": [result],
    }


class Bytes:
    """Bytes to read from."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int, /) -> bytes:
        """The next ones."""
        chunk, self.data = self.data[:size], self.data[size:]
        return chunk


def make_body(document: Any) -> Body:
    """A body as it would have come."""
    return receive(Bytes(document if isinstance(document, bytes) else json.dumps(document).encode()))


def make_grype(name: str, package: str = "openssl", day: int = 21, **given: Any) -> dict[str, Any]:
    """A Grype report of one match on the image whose ID is `digest_of("config")`."""
    fix = {"state": "fixed", "versions": [given["fix"]]} if given.get("fix") else {"state": "not-fixed"}
    vulnerability = {"id": name, "severity": given.get("severity", "High"), "fix": fix}
    artifact = {"name": package, "version": "1.0", "type": "deb", "purl": f"pkg:deb/debian/{package}@1.0"}
    if source := given.get("source"):
        artifact["upstreams"] = [{"name": source, "version": "1.0"}]
    match = {"vulnerability": vulnerability, "artifact": artifact}
    match["relatedVulnerabilities"] = [{"id": alias} for alias in given.get("aliases", [])]
    return {
        "matches": [match],
        "source": {
            "type": "image",
            "target": {"userInput": "registry.example/shop/api:1.0", "imageID": digest_of("config")},
        },
        "descriptor": {"name": "grype", "version": "0.116.0", "timestamp": f"2026-11-{day}T09:00:00Z"},
    }


def deliver(document: Any, **envelope: Any) -> Delivery:
    """Accept and process a document in this process, as a worker would."""
    pk, _ = accept(make_body(document), Envelope(**envelope), ring=False)
    while (held := claim(pk)) is not None:
        process(held)
    return Delivery.objects.get(pk=pk)


def make_image(name: str = "registry.example/shop/api:1.0", team: Team | None = None, **report: Any) -> Image:
    """An image that a report of one finding has brought, owned by `team`."""
    viewer = make_token(team=team)[0] if team else None
    deliver(make_report(name, config=report.pop("config", digest_of(name)), **report), viewer=viewer)
    return Image.objects.present().latest("pk")


def make_checks(**results: str) -> tuple[Check, ...]:
    """Checks by identifier and result: `c1="fail"` is the check "c1"."""
    severities = {"fail": Severity.HIGH, "warn": Severity.MEDIUM}
    return tuple(
        Check("benchmark", name, Result(word), f"Ensure {name}", severities.get(word, Severity.UNKNOWN))
        for name, word in results.items()
    )


def make_bench_report(*checks: Check, day: int = 20, name: str = "web-1", **fields: str) -> ScanReport:
    """What a parser makes of one benchmark of a host."""
    said = {"subject": "host", "title": "CIS Docker Benchmark 1.6.0", **fields}
    benchmark = Benchmark(name=name, checks=checks, **said)
    at = datetime(2026, 8, day, 9, tzinfo=UTC)
    return ScanReport("docker-bench", "docker-bench", (), Kind.COMPLIANCE, (benchmark,), scanned_at=at)


def make_run(report: ScanReport | None = None, team: Team | None = None, **arrival: Any) -> BenchmarkRun:
    """A benchmark recorded as if it had come in a delivery of its own."""
    report = report or make_bench_report(*make_checks(c1="fail", c2="warn", c3="pass", c4="info"))
    received = max(report.scanned_at or datetime.min.replace(tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC))
    said = {"delivery": next(NUMBERS), "received_at": received + timedelta(hours=1), "stage": "runtime", **arrival}
    return BenchmarkRun.objects.get(pk=record_benchmarks(report, Arrival(team=team and team.pk, **said))[0])


def make_vex(
    *statements: dict[str, Any], author: str = "Shop Security", at: str = "2026-11-20T12:00:00Z"
) -> dict[str, Any]:
    """An OpenVEX document."""
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": author,
        "timestamp": at,
        "statements": list(statements),
    }


def make_statement(
    status: str = "not_affected",
    product: str = "registry.example/shop/api",
    component: str = "pkg:deb/debian/openssl@1.0",
    name: str = "CVE-2099-0001",
    **more: Any,
) -> dict[str, Any]:
    """One statement on one product, and a component of it if given."""
    parts = {"subcomponents": [{"@id": component}]} if component else {}
    products = [{"@id": product, **parts}] if product else []
    said = {"justification": "component_not_present"} if status == "not_affected" else {}
    return {"vulnerability": {"name": name}, "products": products, "status": status, **said, **more}


def make_running(image: Image | None, name: str = "api", agent: Agent | None = None, **fields: Any) -> Running:
    """A workload of a Deployment that runs the image."""
    if agent is None:
        cluster = Cluster.objects.create(uid=f"uid-{name}", kind="cluster", name="prod-eu", first_seen=RUNS_SINCE)
        times = {"taken_at": RUNS_SINCE, "first_heard": RUNS_SINCE, "last_heard": RUNS_SINCE}
        agent = Agent.objects.create(cluster=cluster, name="kubernetes", instance="one", **times)
    workload = Workload.objects.create(
        agent=agent, cluster=agent.cluster, namespace="shop", kind="Deployment", name=name, first_seen=RUNS_SINCE
    )
    said = {"key": name.encode(), "first_seen": RUNS_SINCE, **fields}
    return Running.objects.create(workload=workload, agent=agent, image=image, **said)
