"""Odd but real, and broken, reports through the whole road: a figure or a reason, and every page still answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import User
from governance.findings.models import Finding, Vulnerability
from governance.images.models import Image
from scanning import ingest
from scanning.models import Delivery
from tests.make import deliver, make_report, make_vulnerability

pytestmark = pytest.mark.django_db


def bom(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    """A CycloneDX document of one image with one package."""
    return {
        "bomFormat": "CycloneDX",
        "metadata": {"component": {"type": "container", "name": "shop/api:1"}},
        "components": [{"type": "library", "bom-ref": "a", "name": "a", "version": "1", "purl": "pkg:npm/a@1"}],
        "vulnerabilities": [{"affects": [{"ref": "a"}]} | one for one in vulnerabilities],
    }


def pages(admin: User) -> None:
    """Read each page that names vulnerabilities."""
    client = Client()
    client.force_login(admin)
    images = Image.objects.values_list("pk", flat=True)
    addresses = [f"/images/{pk}/{part}" for pk in images for part in ("", "findings/")]
    for address in (*addresses, "/vulnerabilities/"):
        assert client.get(address).status_code == 200, address


def test_an_advisory_without_a_name_goes_by_its_first_alias_or_says_so(admin: User) -> None:
    deliver(bom({}, {"id": "\x00"}, {"id": " ", "references": [{"id": ""}, {"id": "\x00"}]}))
    assert set(Finding.objects.values_list("advisory__name", flat=True)) == {"(no identifier)"}
    deliver(bom({"references": [{"id": "CVE-2099-0001"}, {"id": "GHSA-0000-0000-0001"}]}))
    names = set(Vulnerability.objects.values_list("name", flat=True))
    assert names == {"(no identifier)", "CVE-2099-0001"}
    pages(admin)


TEXT = json.dumps(make_report(vulnerabilities=[make_vulnerability()]))
ODD = {
    "nothing": TEXT,
    "byte order mark": "\ufeff" + TEXT,
    "line ends": TEXT.replace(", ", ",\r\n"),
    "NUL in a name": TEXT.replace("openssl", r"open\u0000ssl"),
    "half a surrogate pair": TEXT.replace("openssl", r"open\ud800ssl"),
    "long texts": TEXT.replace("openssl", "x" * 100_000),
    "a key twice": TEXT.replace('{"VulnerabilityID"', '{"VulnerabilityID": "CVE-2099-0009", "VulnerabilityID"'),
    "numbers as texts": TEXT.replace('"SchemaVersion": 2', '"CreatedAt": "7", "SchemaVersion": 2'),
    "a number too large for a float": TEXT.replace('"Severity"', '"CVSS": {"nvd": {"V3Score": 1e400}}, "Severity"'),
    "not a number": TEXT.replace('"Severity"', '"CVSS": {"nvd": {"V3Score": NaN}}, "Severity"'),
    "a number as severity": TEXT.replace('"HIGH"', "7"),
    "garbage behind": TEXT + "x",
    "two documents": TEXT + TEXT,
    "cut off": TEXT[:-9],
    "too deep": "[" * 70 + TEXT + "]" * 70,
    "no vulnerabilities but a text": TEXT.replace('"Vulnerabilities": [', '"Vulnerabilities": "", "_": ['),
}
REFUSED = {
    "a number too large for a float",
    "not a number",
    "a number as severity",
    "garbage behind",
    "two documents",
    "cut off",
    "too deep",
    "no vulnerabilities but a text",
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_odd_is_read_or_put_aside_with_a_reason(what: str, machine: Any, admin: User) -> None:
    answer = machine.post("/api/v1/reports/", ODD[what].encode(), content_type="application/json")
    ingest.work_off()
    report = machine.get(answer["Location"]).json()
    row = Delivery.objects.get()
    assert row.attempts == 1
    if what in REFUSED:
        assert report["state"] == "quarantined"
        assert row.error_class in ("ReportError", "UnknownFormat")
        assert report["error"]
        assert not Image.objects.exists()
    else:
        assert (report["state"], report["entries"], report["findings"]) == ("processed", 1, 1)
        assert report["by_severity"]["high"] == 1
    pages(admin)


def test_utf_16_is_put_aside_with_what_to_do(machine: Any) -> None:
    answer = machine.post("/api/v1/reports/", TEXT.encode("utf-16"), content_type="application/json")
    ingest.work_off()
    assert "PowerShell" in machine.get(answer["Location"]).json()["error"]
