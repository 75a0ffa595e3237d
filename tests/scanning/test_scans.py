"""Scans that Portwarden asks for: in which order, within which budget, delivered once whatever is killed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from governance.accounts.models import AuditEntry, Membership, Team, User
from governance.findings.models import Scan
from governance.images.models import Image, Tag
from governance.web.addresses import Allowed
from scanning import crawl, scans
from scanning.connections import crawl_now, save_connection
from scanning.deliveries import claim as claim_delivery
from scanning.ingest import process
from scanning.models import Connection, Delivery
from scanning.models_scans import ScanJob
from scanning.scan_plan import plan
from scanning.scanners.command import found
from tests.make import make_image, make_user
from tests.registry import Shelf, make_built, make_layer, reply, shelved

pytestmark = pytest.mark.django_db

# A scanner that writes a report of what it was told to scan, as Trivy would.
SCANNER = """
import json, os, sys
name = sys.argv[-1]
config = json.load(open(os.environ["DOCKER_CONFIG"] + "/config.json"))
assert oct(os.stat(os.environ["DOCKER_CONFIG"] + "/config.json").st_mode)[-3:] == "600"
found = {"VulnerabilityID": "CVE-2099-0001", "PkgName": "openssl", "InstalledVersion": "1.0", "Severity": "HIGH"}
result = {"Target": name, "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [found]}
print(json.dumps({"SchemaVersion": 2, "CreatedAt": os.environ.get("TRIVY_AT", "2026-11-20T09:30:00Z"),
    "ArtifactName": name, "ArtifactType": "container_image", "Results": [result],
    "Metadata": {"OS": {"Family": "debian", "Name": "12"}, "RepoDigests": [name]}}))
"""


def program(text: str) -> list[str]:
    """A piece of Python as the scanner."""
    return [sys.executable, "-I", "-S", "-c", text, "{image}"]


class Place:
    """A registry double, connected."""

    def __init__(self, shelf: Shelf, port: int, kind: str) -> None:
        self.shelf, self.host = shelf, f"127.0.0.1:{port}"
        said = {"base_url": f"http://{self.host}", "is_insecure": True, "kind": kind, "username": "robot"}
        if kind == "quay":
            said["repositories"] = "shop/api"
        self.row = save_connection(None, None, said, "s3cret")

    def hold(self, *tags: str, name: str = "shop/api") -> list[Image]:
        """Images of these tags, found by a crawl."""
        built = [self.shelf.push(name, make_built(make_layer(a=tag)), tag) for tag in tags]
        crawl_now(None, self.row)
        while crawl.work(only=self.row.pk):
            pass
        return [Image.objects.get(config_digest=one.config) for one in built]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def place(shelf: Shelf, settings: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    settings.SCANNER, settings.SCANNER_SECONDS, settings.DATA_DIRECTORY = program(SCANNER), 20, tmp_path
    with shelved(shelf) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        names = getattr(request, "param", "standard")
        if names == "standard":
            yield Place(shelf, port, "standard")
        else:
            yield Place(shelf, port, names)


def work_off() -> None:
    while scans.work():
        pass
    while held := claim_delivery():
        process(held)


def due() -> None:
    """What is to be tried later is due now."""
    ScanJob.objects.update(next_attempt_at=timezone.now())


def test_what_was_never_scanned_is_scanned_where_it_lies(place: Place) -> None:
    (image,) = place.hold("1.0")
    assert plan() == 1
    work_off()
    job, scan = ScanJob.objects.get(), Scan.objects.get()
    assert (job.state, job.why, job.scanner) == ("done", "new", "command")
    assert (scan.image, scan.stage) == (image, "registry")
    image.refresh_from_db()
    assert (image.state, image.high) == ("vulnerable", 1)
    delivery = Delivery.objects.get()
    assert delivery.image == f"{place.host}/shop/api@{place.shelf.tags['shop/api']['1.0']}"
    assert (delivery.source, delivery.pk) == ("registry scan", job.delivery)
    # And is left in peace then.
    assert plan() == 0


def test_what_matters_most_comes_first(place: Place, settings: Any) -> None:
    base, never, scanned, dead, dead_too, running = place.hold("os", "never", "scanned", "dead", "deader", "running")
    Image.objects.filter(pk=base.pk).update(descendants=3)
    now = timezone.now()
    Image.objects.filter(pk=scanned.pk).update(registry_at=now - timedelta(days=30))
    # Its tag has moved on, and it was scanned once, and it still runs.
    Image.objects.filter(pk=running.pk).update(registry_at=now - timedelta(days=8), running=2, superseded=True)
    Image.objects.filter(pk__in=[dead.pk, dead_too.pk]).update(superseded=True)
    Tag.objects.filter(image__in=[dead, dead_too]).update(until=now)
    Image.objects.filter(pk=dead_too.pk).update(registry_at=now - timedelta(days=60))
    settings.SCANS_PER_HOUR = 5
    assert plan() == 5
    order = list(ScanJob.objects.order_by("priority", "requested_at", "pk").values_list("image", flat=True))
    assert order == [running.pk, base.pk, never.pk, scanned.pk, dead.pk]
    assert plan() == 0
    work_off()
    assert ScanJob.objects.filter(state="done").count() == 5
    # Five were begun within this hour.
    assert plan() == 0
    ScanJob.objects.update(started_at=now - timedelta(hours=2))
    assert plan() == 1
    settings.SCANS_PER_HOUR = 0
    ScanJob.objects.all().delete()
    assert plan() == 0


def test_what_was_scanned_lately_waits(place: Place) -> None:
    (image,) = place.hold("1.0")
    Image.objects.filter(pk=image.pk).update(registry_at=timezone.now() - timedelta(days=1))
    assert plan() == 0


def test_what_lies_nowhere_is_not_planned(place: Place) -> None:
    make_image()
    assert plan() == 0


def test_without_anything_to_scan_with_nothing_is_planned(place: Place, settings: Any) -> None:
    (image,) = place.hold("1.0")
    settings.SCANNER = "off"
    assert plan() == 0
    with pytest.raises(ValidationError, match="nothing to scan with"):
        scans.rescan(None, image)


@pytest.mark.parametrize("point", ["scan.after_run", "scan.before_commit", "scan.after_commit"])
def test_a_worker_that_dies_loses_and_doubles_nothing(place: Place, monkeypatch: Any, point: str) -> None:
    place.hold("1.0")
    plan()

    def die(where: str, about: str = "") -> None:
        if where == point:
            raise KeyboardInterrupt

    monkeypatch.setattr(scans, "reach", die)
    with pytest.raises(KeyboardInterrupt):
        scans.work()
    monkeypatch.setattr(scans, "reach", lambda *_: None)
    assert not scans.work()
    ScanJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    work_off()
    assert ScanJob.objects.get().state == "done"
    assert Delivery.objects.count() == Scan.objects.count() == 1


def test_who_lost_the_lease_writes_nothing(place: Place, monkeypatch: Any) -> None:
    place.hold("1.0")
    plan()
    first = scans.claim()
    assert first
    ScanJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    second = scans.claim()
    assert second
    with pytest.raises(scans.LostLease):
        scans.scan(first)
    scans.scan(second)
    assert Delivery.objects.count() == 1


def test_only_so_many_at_a_time(place: Place, settings: Any) -> None:
    place.hold("1", "2", "3")
    plan()
    settings.SCANS_AT_ONCE = 2
    assert [bool(scans.claim()) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; sys.stderr.write('boom'); sys.exit(2)", "boom"),
        ("import sys; sys.stderr.write(open(sys.argv[0] if 0 else 'config.json').read()); sys.exit(2)", "…"),
        ("import time; time.sleep(60)", "not done after 1 seconds"),
    ],
)
def test_a_scan_that_fails_is_tried_again_and_then_said(place: Place, settings: Any, text: str, said: str) -> None:
    (image,) = place.hold("1.0")
    settings.SCANNER, settings.SCANNER_SECONDS = program(text), 1
    plan()
    for _ in range(3):
        due()
        assert scans.work()
    job = ScanJob.objects.get()
    assert (job.state, job.attempts) == ("failed", 3)
    assert said in job.error
    assert "s3cret" not in job.error
    assert not Delivery.objects.exists()
    image.refresh_from_db()
    assert image.state == "unknown"
    # Not planned again before tomorrow.
    assert plan() == 0
    ScanJob.objects.update(finished_at=timezone.now() - timedelta(days=2))
    assert plan() == 1


def test_garbage_is_a_delivery_in_quarantine(place: Place, settings: Any) -> None:
    (image,) = place.hold("1.0")
    settings.SCANNER = program("print('<html>oops</html>')")
    plan()
    work_off()
    assert Delivery.objects.get().state == "quarantined"
    image.refresh_from_db()
    assert image.state == "unknown"


def test_the_password_is_in_no_argument(place: Place, settings: Any) -> None:
    place.hold("1.0")
    tell = (
        "import os, sys\nfor pid in (os.getpid(), os.getppid()):"
        " sys.stderr.write(open(f'/proc/{pid}/cmdline').read().replace('\\0', ' '))\nsys.exit(1)"
    )
    settings.SCANNER = program(tell)
    plan()
    scans.work()
    error = ScanJob.objects.get().error
    assert "shop/api@sha256" in error
    assert "…" not in error


# Asking for one


def test_editors_of_its_team_and_administrators_ask(place: Place, team: Team, client: Client, admin: User) -> None:
    (image,) = place.hold("1.0")
    image.repository.owner = team  # type: ignore[union-attr]
    image.repository.save()  # type: ignore[union-attr]
    Image.objects.filter(pk=image.pk).update(owners=[team.pk])
    page = f"/images/{image.pk}/"
    client.force_login(make_user(team=team))
    assert "Rescan" not in client.get(page).content.decode()
    assert client.post(f"/deliveries/rescan/{image.pk}/").status_code == 403
    editor = make_user(team=team, membership=Membership.Role.EDITOR)
    client.force_login(editor)
    assert "Rescan" in client.get(page).content.decode()
    assert client.post(f"/deliveries/rescan/{image.pk}/").status_code == 302
    job = ScanJob.objects.get()
    assert (job.why, job.asked_by, job.priority) == ("person", editor, 0)
    shown = client.get(page).content.decode()
    assert "scan waits" in shown
    assert ">Rescan<" not in shown
    assert AuditEntry.objects.filter(action="image.rescan", team=team).count() == 1
    assert "Somebody asked" in client.get("/deliveries/scans/").content.decode()
    work_off()
    client.force_login(admin)
    assert client.post(f"/deliveries/rescan/{image.pk}/").status_code == 302
    work_off()
    assert Scan.objects.filter(stage="registry").count() >= 1
    assert "Ended last" in client.get("/deliveries/scans/").content.decode()


def test_one_of_somebody_else_is_not_there(place: Place, stranger: User, client: Client) -> None:
    (image,) = place.hold("1.0")
    client.force_login(stranger)
    assert client.post(f"/deliveries/rescan/{image.pk}/").status_code == 404
    assert image.reference not in client.get("/deliveries/scans/").content.decode()
    with pytest.raises(PermissionDenied):
        scans.rescan(stranger, image)


def test_one_that_lies_nowhere_cannot_be_scanned(admin: User, client: Client) -> None:
    image = make_image()
    client.force_login(admin)
    answer = client.post(f"/deliveries/rescan/{image.pk}/", follow=True)
    assert "no registry that is connected" in answer.content.decode()


# Harbor and Quay


class Harbor:
    """Its API as far as scans go."""

    def __init__(self) -> None:
        self.scans, self.report, self.status, self.posted = 0, "", "", 0

    def __call__(self, request: BaseHTTPRequestHandler) -> bool:
        if not request.path.startswith("/api/v2.0/projects/shop/repositories/api/artifacts/sha256:"):
            return False
        assert request.headers["Authorization"].startswith("Basic ")
        digest = request.path.partition("artifacts/")[2].partition("/")[0].partition("?")[0]
        if request.path.endswith("/scan"):
            self.posted += 1
            reply(request, b"", status=202)
        elif request.path.endswith("/additions/vulnerabilities"):
            found = {
                "id": "CVE-2099-0001",
                "package": "openssl",
                "version": "1.0",
                "fix_version": "",
                "severity": "High",
            }
            report = {"generated_at": "2026-11-20T09:40:00Z", "artifact": {"repository": "shop/api", "digest": digest}}
            report |= {"scanner": {"name": "Trivy", "version": "1"}, "severity": "High", "vulnerabilities": [found]}
            reply(request, json.dumps({"application/vnd.security.vulnerability.report; version=1.1": report}).encode())
        else:
            overview = {"x": {"report_id": self.report, "scan_status": self.status}} if self.status else None
            reply(request, json.dumps({"digest": digest, "scan_overview": overview}).encode())
        return True


@pytest.mark.parametrize("place", ["harbor"], indirect=True)
def test_harbor_scans_and_gives_its_report(place: Place, settings: Any) -> None:
    settings.SCANNER = "off"
    harbor = Harbor()
    place.shelf.instead = harbor
    Connection.objects.update(repositories="shop/api")
    (image,) = place.hold("1.0")
    harbor.report, harbor.status = "r1", "Success"
    plan()
    scans.work()
    assert (ScanJob.objects.get().state, harbor.posted) == ("asked", 1)
    for status, report in (("Running", "r2"), ("Success", "r1")):
        harbor.status, harbor.report = status, report
        due()
        scans.work()
        assert ScanJob.objects.get().state == "asked"
    harbor.status, harbor.report = "Success", "r2"
    due()
    work_off()
    job = ScanJob.objects.get()
    assert (job.state, job.scanner, harbor.posted) == ("done", "harbor", 1)
    image.refresh_from_db()
    assert (image.state, image.high) == ("vulnerable", 1)


@pytest.mark.parametrize("place", ["harbor"], indirect=True)
def test_where_harbor_cannot_the_program_does(place: Place) -> None:
    def refuse(request: BaseHTTPRequestHandler) -> bool:
        if not request.path.startswith("/api/"):
            return False
        reply(request, b"{}", status=422 if request.command == "POST" else 200)
        return True

    place.shelf.instead = refuse
    Connection.objects.update(repositories="shop/api")
    place.hold("1.0")
    plan()
    work_off()
    assert (ScanJob.objects.get().state, ScanJob.objects.get().scanner) == ("done", "command")


@pytest.mark.parametrize("place", ["quay"], indirect=True)
def test_quay_gives_its_report_once_it_has_one(place: Place, settings: Any) -> None:
    settings.SCANNER, state = "off", ["queued"]

    def quay(request: BaseHTTPRequestHandler) -> bool:
        if not request.path.startswith("/api/v1/repository/shop/api/manifest/sha256:"):
            return False
        digest = request.path.partition("manifest/")[2].partition("/")[0]
        flaw = {"Name": "CVE-2099-0001", "Severity": "High", "FixedBy": "", "NamespaceName": "debian:12", "Link": ""}
        feature = {"Name": "openssl", "Version": "1.0", "VersionFormat": "", "Vulnerabilities": [flaw]}
        data = {"Layer": {"Name": digest, "Features": [feature]}} if state[0] == "scanned" else None
        reply(request, json.dumps({"status": state[0], "data": data}).encode())
        return True

    place.shelf.instead = quay
    (image,) = place.hold("1.0")
    plan()
    scans.work()
    assert ScanJob.objects.get().state == "asked"
    state[0] = "scanned"
    due()
    work_off()
    image.refresh_from_db()
    assert (ScanJob.objects.get().state, image.state, image.high) == ("done", "vulnerable", 1)


def test_programs_are_found_beside_our_python() -> None:
    assert found(Path(sys.executable).name, "/nowhere")
    assert not found("no-such-scanner", "/nowhere")
