"""A scanner that does not know an image's system has not found it clean, whatever its way of saying so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.findings.models import Scan
from governance.images.models import Image
from tests.make import deliver

DATA = Path(__file__).parents[1] / "data"
NAME = "registry.example/odd/system:1"


def operator(sample: Any, family: str) -> Any:
    """Trivy Operator names the family beside an empty list."""
    nothing = {"os": {"family": family, "name": ""}, "vulnerabilities": []}
    found = sample["operatorObject"]
    return {**sample, "operatorObject": {**found, "report": {**found["report"], **nothing}}}


def sysdig(sample: Any) -> Any:
    """Sysdig lists no package of a system that it could not name."""
    result = sample["result"]
    return {**sample, "result": {**result, "packages": [], "metadata": {**result["metadata"], "baseOs": ""}}}


def description(sample: Any) -> Any:
    """Google's discovery says how the analysis ended."""
    sample["discovery_summary"]["discovery"][0]["discovery"]["analysisStatus"] = "FINISHED_UNSUPPORTED"
    return {**sample, "package_vulnerability_summary": {"vulnerabilities": {}}}


CASES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "trivy": (
        "trivy/clean.json",
        lambda sample: {**sample, "Results": None, "Metadata": {**sample["Metadata"], "OS": {"Family": "none"}}},
    ),
    "trivy-operator, no system": ("trivy_operator/webhook.json", lambda sample: operator(sample, "none")),
    "trivy-operator, no advisories": ("trivy_operator/webhook.json", lambda sample: operator(sample, "fedora")),
    "sysdig": ("sysdig/cli.json", sysdig),
    "neuvector": (
        "neuvector/report.json",
        lambda sample: {**sample, "report": {"base_os": "", "modules": [], "vulnerabilities": None}},
    ),
    "quay": ("quay/manifest.json", lambda sample: {"status": "unsupported", "data": None}),
    "aws-ecr": (
        "ecr/basic.json",
        lambda sample: {
            **sample,
            "imageScanStatus": {"status": "UNSUPPORTED_IMAGE", "description": ""},
            "imageScanFindings": {"findings": []},
        },
    ),
    "google-artifact-analysis": ("gcloud/describe.json", description),
    "jfrog-xray-scan": (
        "xray_scan/docker.json",
        lambda sample: [{**sample[0], "vulnerabilities": [], "status": "not supported"}],
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", CASES)
def test_an_unknown_system_is_told_apart_from_a_clean_image(case: str) -> None:
    name, change = CASES[case]
    delivery = deliver(change(json.loads((DATA / name).read_text())), image=NAME)
    assert delivery.state == "done", delivery.error
    assert set(Scan.objects.values_list("outcome", flat=True)) == {"unsupported"}
    assert set(Image.objects.present().values_list("state", flat=True)) == {"unsupported"}
