"""Several attestations of one image in one document: each scanner speaks for its own key."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from governance.findings.models import Scan
from governance.images.models import Image
from tests.make import deliver, digest_of, make_grype, make_report

pytestmark = pytest.mark.django_db
MANIFEST = digest_of("manifest")


def attested(result: dict[str, Any]) -> str:
    record = {"scanner": {"uri": "", "version": "", "db": {}, "result": result}, "metadata": {}}
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "registry.example/shop/api", "digest": {"sha256": MANIFEST.removeprefix("sha256:")}}],
        "predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1",
        "predicate": record,
    }
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps({"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": []})


def test_each_scan_is_its_own_scanners() -> None:
    lines = [attested(make_report(at="2026-08-20T09:30:00Z")), attested(make_grype("CVE-2099-0002", day=21))]
    delivery = deliver("\n".join(lines).encode())
    assert (delivery.state, delivery.format) == ("done", "attestation")
    assert "the attestation's signature was not verified" in delivery.result["reasons"]
    scans = Scan.objects.order_by("scanned_at").values_list("scanner", "is_current", "scanned_at__date__day")
    assert list(scans) == [("trivy", True, 20), ("grype", True, 21)]
    image = Image.objects.present().get()
    assert (image.high, image.manifests.get(kind="unknown").digest) == (2, MANIFEST)


def test_an_attested_document_that_names_nothing_known_changes_no_image() -> None:
    statement = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1"}
    delivery = deliver(statement)
    assert (delivery.state, delivery.kind, Image.objects.count()) == ("done", "event", 0)
