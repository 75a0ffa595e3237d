"""Other people's reports through the whole road: over HTTP and by the command, with the same figures."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from governance.images.models import Image
from scanning import ingest
from scanning.models import Delivery
from tests.scanning.parsers.test_corpus import DEVIATIONS

pytestmark = pytest.mark.django_db
CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FOLDERS = (
    *("trivy", "anchore_grype", "cyclonedx", "syft"),
    *("anchore_engine", "anchore_enterprise", "anchorectl_vulns", "anchorectl_policies", "xeol", "aqua", "twistlock"),
    *("harbor_vulnerability", "clair", "clair_klar", "clair_v4", "quay_security", "gitlab_container_scan"),
    *("sarif", "osv_scanner", "snyk", "snyk_issue_api", "sysdig_cli", "sysdig_reports", "wiz", "wizcli", "neuvector"),
    *("stackrox_scan", "stackrox_check", "deepfence", "trivy_operator_prometheus"),
    *("docker_bench", "kubebench", "dockle", "hadolint", "kubescape", "kubehunter", "neuvector_compliance"),
    *("azure_defender", "jfrog_xray", "jfrog_xray_api_summary_artifact", "jfrog_xray_on_demand_binary_scan"),
    *("spdx", "openvex", "csaf", "cyclonedx_vex", "attestation"),
    *("webhook_clair", "webhook_dockerhub", "webhook_github_packages", "webhook_harbor", "webhook_k8s_admission"),
    *("webhook_registry", "webhook_stackrox"),
    *("jfrog_xray_unified", "aws_inspector2", "awssecurityhub", "gcloud_artifact_scan"),
)
# The index does not tell statements apart by their status.
BY_STATUS = {"cyclonedx_vex/usecase-05-vex.json": "2"}

# The index counts each row of these, whatever its result.
EVERY_RESULT = {"dockle", "hadolint", "sarif", "wiz"}

# The index counts failed checks, secrets and licences here. They are checks, not vulnerability statements.
CHECKS_ONLY = {
    "trivy/golden-dockerfile-custom-policies.json",
    "trivy/golden-dockerfile.json",
    "trivy/issue_9170.json",
    "trivy/license_scheme.json",
}


def rows() -> list[Any]:
    if not CORPUS.exists():
        return [
            pytest.param(None, marks=pytest.mark.skip(reason="the corpus of real reports is not beside the checkout"))
        ]
    with (CORPUS / "index.csv").open() as file:
        # An empty body is refused at the door.
        found = [row for row in csv.DictReader(file) if row["tool"] in FOLDERS and row["bytes"] != "0"]
    return [pytest.param(row, id=f"{row['tool']}/{row['file']}") for row in found]


def by_command(path: Path) -> dict[str, Any]:
    out = StringIO()
    try:
        call_command("ingest", str(path), stdout=out)
    except SystemExit as stop:
        assert stop.code == 1  # noqa: PT017 (it may also end well)
    return json.loads(out.getvalue())


@pytest.mark.parametrize("row", rows())
def test_the_figures_are_those_of_the_index_by_http_and_by_command(row, machine) -> None:
    path = CORPUS / row["tool"] / row["file"]
    answer = machine.post("/api/v1/reports/", path.read_bytes(), content_type="application/json")
    ingest.work_off()
    over_http = machine.get(answer["Location"]).json()
    images = set(Image.objects.values_list("pk", flat=True))
    command = by_command(path)
    for name in ("state", "format", "entries", "findings", "by_severity", "checks", "packages", "kind", "images"):
        assert command[name] == over_http[name], name
    assert set(Image.objects.values_list("pk", flat=True)) == images
    if row["kind"] == "malformed":
        assert over_http["state"] == "quarantined"
        assert over_http["error"]
        assert not images
        return
    assert over_http["state"] == "processed", over_http["error"]
    if row["kind"] == "compliance" or f"{row['tool']}/{row['file']}" in CHECKS_ONLY:
        counted = ("pass", "fail", "warn", "info") if row["tool"] in EVERY_RESULT else ("fail", "warn")
        checks = sum(over_http["checks"][result] for result in counted)
        assert (over_http["entries"], checks) == (0, int(row["entries"]))
    else:
        name = f"{row['tool']}/{row['file']}"
        assert over_http["entries"] == int(row["entries"])
        if (name, "entries") not in DEVIATIONS:
            assert over_http["findings"] == int(BY_STATUS.get(name, row["expected_distinct"]))


def test_the_command_says_1_when_something_was_put_aside(tmp_path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    out = StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("ingest", str(bad), str(tmp_path / "missing.json"), stdout=out)
    assert stop.value.code == 1
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["state"] == "quarantined"
    assert "missing.json" in second["error"]
    assert Delivery.objects.count() == 1


def test_the_command_names_the_subject_of_a_benchmark(tmp_path) -> None:
    path = tmp_path / "report.json"
    path.write_text("null")
    ids = {json.loads(_said(path, *words))["id"] for words in ((), ("--subject", "web-1"), ("--subject", "web-2"))}
    assert list(Delivery.objects.order_by("pk").values_list("subject", flat=True)) == ["", "web-1", "web-2"]
    assert len(ids) == 3


def _said(path: Path, *words: str) -> str:
    out = StringIO()
    call_command("ingest", str(path), *words, stdout=out)
    return out.getvalue()
