"""Scanners that know one image by different names, through the whole road: one record, whatever comes first."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from governance.findings.models import CheckResult, Scan
from governance.images.models import Image
from tests.make import deliver

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parents[1] / "data"
CONFIG, MANIFEST = (f"sha256:{digit * 64}" for digit in "32")
# By the platform's manifest, by image ID and a registry's digest, by both, by the image ID and a name.
SAMPLES = ("anchore/engine.json", "twistlock/scan.json", "aqua/image.json", "anchore_policy/check.json")


def send(name: str) -> None:
    delivery = deliver((DATA / name).read_bytes())
    assert delivery.state == delivery.State.DONE, delivery.error


@pytest.mark.parametrize("order", list(itertools.permutations(SAMPLES)), ids="|".join)
def test_four_scanners_speak_of_one_image(order) -> None:
    for name in order:
        send(name)
    image = Image.objects.get(merged_into=None)
    assert (image.config_digest, image.reference) == (CONFIG, "registry.example.com/shop/api:1.4.2")
    assert set(image.manifests.values_list("digest", flat=True)) == {MANIFEST}
    current = Scan.objects.filter(image=image, is_current=True)
    assert set(current.values_list("scanner", flat=True)) == {"anchore", "twistlock", "aqua", "anchore-policy"}
    assert (image.distro, image.distro_version.partition(".")[0]) == ("debian", "12")


def test_a_policys_verdict_stands_beside_the_findings_and_never_in_their_place() -> None:
    send("anchore/engine.json")
    before = Image.objects.values("critical", "high", "unknown", "state").get()
    send("anchore_policy/check.json")
    assert Image.objects.values("critical", "high", "unknown", "state").get() == before
    checks = CheckResult.objects.filter(scan__is_current=True)
    assert set(checks.values_list("check_id", flat=True)) == {"dockerfile:effective_user"}


def test_policy_checks_stay_when_the_same_product_scans_for_vulnerabilities() -> None:
    for name in ("stackrox_check/image.json", "stackrox/scan.json"):
        delivery = deliver((DATA / name).read_bytes(), image="registry.example/shop/api:1")
        assert delivery.state == delivery.State.DONE, delivery.error
    checks = CheckResult.objects.filter(scan__is_current=True)
    assert set(checks.values_list("check_id", flat=True)) == {"Policy 1", "Policy 2"}


def test_a_masked_digest_names_no_image() -> None:
    masked = "sha256:" + "x" * 64
    delivery = deliver({"imageDigest": masked, "vulnerability_type": "all", "vulnerabilities": []})
    result = {"id": masked, "distro": "Debian GNU/Linux 12", "vulnerabilityDistribution": {"total": 0}}
    other = deliver({"results": [result]})
    assert not Image.objects.exists()
    for one in (delivery, other):
        assert "names no image" in one.result["reasons"][-1]


def test_a_table_of_many_images_is_a_record_each() -> None:
    send("twistlock_csv/deployed.csv")
    names = Image.objects.values_list("reference", flat=True)
    assert set(names) == {"registry.example.com/shop/api:1.4.2", "web:2"}
    send("twistlock/scan.json")
    assert Image.objects.count() == 2


def test_a_failed_scan_closes_nothing() -> None:
    image = json.loads((DATA / "twistlock_api/images.json").read_text())[0]
    earlier, now = (timezone.now() - timedelta(hours=hours) for hours in (1, 0))
    deliver(image | {"scanTime": earlier.isoformat()})
    before = Image.objects.values("high", "finding_set").get()
    deliver(image | {"scanTime": now.isoformat(), "err": "cannot pull", "vulnerabilities": None})
    assert Image.objects.values("high", "finding_set").get() == before
    assert (before["high"], Image.objects.get().failed_stages) == (1, ["ci"])


@pytest.mark.parametrize("order", list(itertools.permutations(("xeol/image.json", "twistlock/scan.json"))))
def test_an_end_of_life_that_another_scanner_tells_reaches_the_image(order) -> None:
    for name in order:
        send(name)
    image = Image.objects.get(merged_into=None)
    assert (image.end_of_life, image.end_of_life_said) == (True, True)
