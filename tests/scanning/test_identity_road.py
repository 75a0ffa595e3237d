"""Reports that know little of an image, through the whole road: what is recorded, and what pages and the API say."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import User
from governance.findings.observe import Look, Shown, record_look
from governance.findings.report import ImageFacts
from governance.images.models import Image, Manifest, Tag
from governance.images.reference import parse_reference
from scanning import ingest
from tests.conftest import Machine
from tests.make import deliver, digest_of, make_grype, make_report
from tests.state import from_nothing

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parents[1] / "data"
NAME = "registry.example/shop/api"
DIGEST = re.compile(rb"(?:sha256:)?[0-9a-f]{64}")
COUNTED = re.compile(r'<b class="num">(\d+)</b><span>images? known by name only')
# One image each, by digests of one kind or several.
NAMED_BY_DIGEST = (
    *("trivy/image.json", "grype/image.json", "anchore/engine.json", "aqua/image.json", "twistlock/scan.json"),
    *("clair/report.json", "quay/manifest.json", "harbor/artifact.json", "neuvector/report.json", "ecr/basic.json"),
    *("sysdig/cli.json", "syft/image.json", "wizcli/image.json", "trivy_operator/webhook.json"),
)
ECR, GAR = "111122223333.dkr.ecr.eu-west-1.amazonaws.com", "europe-west1-docker.pkg.dev/shop/images"
MASKS = ("", "sha256:" + "x" * 64, "sha256:redacted", "sha256:13d22ec6...", "***", "sha256:" + "0" * 64)


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask[:20] or "missing")
def test_a_masked_or_missing_digest_leaves_the_name(mask: str) -> None:
    for number, sample in enumerate(NAMED_BY_DIGEST):
        name = f"{NAME}:{number}"
        delivery = deliver(DIGEST.sub(mask.encode(), (DATA / sample).read_bytes()), image=name)
        assert delivery.state == "done", (sample, delivery.error)
        assert Image.objects.filter(placeholder=name).exists(), sample
    assert not Manifest.objects.exists()
    assert not Tag.objects.exists()
    assert not Image.objects.exclude(config_digest=None).exists()


def trivy(name: str) -> Any:
    return make_report(name, at="2026-08-20T09:00:00Z")


def grype(name: str) -> Any:
    report = make_grype("CVE-2099-0001")
    report["source"]["target"] = {"userInput": name}
    return report


def operator(server: str, repository: str) -> Any:
    report = json.loads((DATA / "trivy_operator/webhook.json").read_text())
    report["operatorObject"]["report"] |= {
        "registry": {"server": server},
        "artifact": {"repository": repository, "tag": "3.20"},
    }
    return report


def sarif(name: str) -> Any:
    rules = [{"id": "CVE-2099-0001"}]
    return {
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": {"name": "Trivy", "rules": rules}}, "results": [], "properties": {"imageName": name}}
        ],
    }


SPELLINGS = (
    trivy("alpine:3.20"),
    trivy("library/alpine:3.20"),
    grype("docker.io/alpine:3.20"),
    grype("docker.io/library/alpine:3.20"),
    operator("index.docker.io", "library/alpine"),
    operator("registry-1.docker.io", "library/alpine"),
    sarif("Docker.IO/library/alpine:3.20"),
)


def test_however_its_registry_is_spelt_it_is_one_image() -> None:
    for report in SPELLINGS:
        assert deliver(report).state == "done"
    for name in ("alpine:3.20", "docker.io/library/alpine:3.20"):
        assert deliver(b"null", image=name).state == "done"
    assert list(Image.objects.values_list("reference", "placeholder")) == [
        ("alpine:3.20", "docker.io/library/alpine:3.20")
    ]


def crawled(*architectures: str, day: int = 21, tag: str = "1.0") -> None:
    """What a registry shows of the tag: an index, its manifests and their configs."""
    shown = [
        Shown(
            ImageFacts(
                config_digest=digest_of(f"config {one}"),
                manifest_digest=digest_of(f"manifest {one}"),
                os="linux",
                architecture=one,
            )
        )
        for one in architectures
    ]
    at = datetime(2026, 8, day, tzinfo=UTC)
    record_look(Look(parse_reference(f"{NAME}:{tag}"), at, tuple(shown), index=digest_of("index")))


def test_index_manifest_and_image_id_meet_when_the_registry_shows_them() -> None:
    deliver(make_report(f"{NAME}:1.0", config=digest_of("config amd64"), at="2026-08-20T09:00:00Z"), stage="ci")
    deliver({"imageDigest": digest_of("manifest amd64"), "vulnerability_type": "all", "vulnerabilities": []})
    running = make_report(f"{NAME}@{digest_of('index')}", ImageConfig={"os": "linux", "architecture": "amd64"})
    deliver(running, stage="runtime")
    assert Image.objects.present().count() == 3
    crawled("amd64", "arm64")
    amd64 = Image.objects.present().get(architecture="amd64")
    assert amd64.scans.count() == 3
    kinds = dict(amd64.manifests.values_list("digest", "kind"))
    assert kinds == {digest_of("manifest amd64"): "manifest", digest_of("index"): "index"}
    assert Image.objects.present().get(architecture="arm64").scans.count() == 0


# Each image that a sample speaks of, and its findings: never its neighbour's.
SPLIT = {
    "trivy_kubernetes/cluster.json": {"redis:6": 2, "side:2": 1},
    "twistlock_csv/deployed.csv": {"web:2": 1, "registry.example.com/shop/api:1.4.2": 2},
    "twistlock_api/images.json": {"registry.example.com/shop/api:1.4.2": 1, "web:2": 0, "old:1": 0},
    "aqua/jobs.json": {"web:2": 0, "internal/api:1": 1},
    "aqua_api/page.json": {"internal/shop/api:1.4.2": 1, "registry.example.com/shop/web:2": 1},
    "sysdig_report/report.csv": {"registry.example.com/shop/api:1.4.2": 1, "registry.example.com/shop/web:2": 1},
    "sysdig_report/report_2025.csv": {"registry.example.com/shop/api:1.4.2": 1, "registry.example.com/shop/web:2": 1},
    "openreports/list.json": {"registry.example.com/shop/web:1": 1, "registry.example.com/shop/api:1": 1},
    "security_hub/findings.json": {f"{ECR}/shop/web": 0, f"{ECR}/shop/api:1.4.2": 2},
    "inspector/findings.json": {f"{ECR}/shop/web": 1, f"{ECR}/shop/api:1.4": 3},
    "gcloud/occurrences.json": {f"{GAR}/api": 3, f"{GAR}/web": 0},
    "xray_scan/docker.json": {"registry.example/shop/web:2": 0, "registry.example/shop/api:1.4.2": 3},
    "xray_summary/artifacts.json": {"shop/web:2": 0, "shop/api:1.4.2": 4},
    "xray_unified/report.json": {"shop/api:1.4.2": 1, "shop/web:2": 2},
    "trivy_operator_prometheus/answer.json": {
        "registry.example.com/shop/api:1.5.0": 1,
        "registry.example.com/shop/api:1.4.2": 2,
    },
    "harbor/index.json": {f"sha256:{'2' * 64}": 2, f"sha256:{'8' * 64}": 1},
}


def test_a_report_of_several_images_is_split(machine: Machine, reader: Machine, admin: User, client: Client) -> None:
    client.force_login(admin)
    for sample, expected in SPLIT.items():
        with from_nothing():
            answer = machine.post("/api/v1/reports/", (DATA / sample).read_bytes(), content_type="application/json")
            ingest.work_off()
            told = machine.get(answer["Location"]).json()["images"]
            found = {}
            for one in filter(lambda one: one["id"], told):
                row = reader.get(f"/api/v1/images/{one['id']}/").json()
                page = client.get(f"/images/{one['id']}/").content.decode()
                assert row["reference"] in page
                found[row["reference"]] = sum(row["by_severity"].values())
            assert found == expected, sample


@pytest.mark.parametrize("named_by", ["registry", "report", "other tag"])
def test_what_only_a_scanner_knows_is_called_by_name_alone_until_a_digest_is(
    named_by: str, reader: Machine, admin: User, client: Client
) -> None:
    client.force_login(admin)
    deliver(make_report(f"{NAME}:1.0", at="2026-08-21T09:00:00Z"))
    (image,) = Image.objects.all()

    def badges() -> tuple[bool, bool, bool, int]:
        """On its page, in the list of those, of its kind in the API, and how many the home page counts."""
        page = client.get(f"/images/{image.pk}/", follow=True).content.decode()
        listed = client.get("/images/?identified=false").content.decode()
        row = reader.get(f"/api/v1/images/{image.pk}/", follow=True).json()
        assert row["is_identified"] == (f"{NAME}:1.0" in client.get("/images/?identified=true").content.decode())
        count = re.search(
            r"<b class=\"num\">(\d+)</b><span>image[s]? known by name only", client.get("/").content.decode()
        )
        return ">name only<" in page, f"{NAME}:1.0" in listed, not row["is_identified"], int(count[1]) if count else 0

    assert badges() == (True, True, True, 1)
    if named_by == "registry":
        crawled("amd64")
    elif named_by == "report":
        deliver(make_report(f"{NAME}:1.0", config=digest_of("config"), at="2026-08-20T09:00:00Z"))
    else:
        crawled("amd64", tag="2.0")
        assert badges() == (True, True, True, 1)
        return
    assert badges() == (False, False, False, 0)
    assert Image.objects.present().count() == 1
