"""Every document Portwarden can read. A new format: one file here, one name in PARSERS."""

from __future__ import annotations

from typing import Protocol

from governance.findings.report import ScanReport, UnknownFormat
from scanning.parsers import (
    admission_event,
    anchore,
    anchore_policy,
    aqua,
    aqua_api,
    aqua_microscanner,
    attestation,
    azure_defender,
    clair,
    clair_event,
    clair_scanner,
    csaf,
    cyclonedx,
    cyclonedx_vex,
    deepfence,
    docker_bench,
    dockerhub_event,
    dockle,
    ecr,
    empty,
    gcloud,
    github_event,
    gitlab,
    grype,
    hadolint,
    harbor,
    harbor_event,
    inspector,
    klar,
    kube_bench,
    kube_hunter,
    kubescape,
    neuvector,
    neuvector_compliance,
    openreports,
    openvex,
    osv_scanner,
    quay,
    registry_event,
    sarif,
    security_hub,
    snyk,
    snyk_api,
    spdx,
    stackrox,
    stackrox_check,
    stackrox_event,
    syft,
    sysdig,
    sysdig_report,
    trivy,
    trivy_kubernetes,
    trivy_legacy,
    trivy_operator,
    trivy_operator_prometheus,
    twistlock,
    twistlock_api,
    twistlock_csv,
    twistlock_event,
    wiz,
    wizcli,
    xeol,
    xray,
    xray_scan,
    xray_summary,
    xray_unified,
)
from scanning.parsers.document import Document


class Parser(Protocol):
    """One format: a module with a name and two pure functions."""

    NAME: str

    def recognises(self, document: Document) -> bool:
        """Say whether the content is of this format; cheap, never raises."""
        ...

    def parse(self, document: Document) -> ScanReport:
        """Read it. Raises `ReportError` with a sentence for the sender where it cannot be read."""
        ...


# Asked in this order.
PARSERS: tuple[Parser, ...] = (
    trivy,
    trivy_kubernetes,
    trivy_legacy,
    trivy_operator,
    grype,
    anchore,
    anchore_policy,
    aqua,
    aqua_api,
    aqua_microscanner,
    twistlock,
    twistlock_api,
    twistlock_csv,
    twistlock_event,
    xeol,
    empty,
    cyclonedx_vex,
    cyclonedx,
    spdx,
    openvex,
    csaf,
    syft,
    harbor,
    clair_scanner,
    klar,
    clair,
    quay,
    gitlab,
    sarif,
    osv_scanner,
    snyk,
    snyk_api,
    sysdig,
    sysdig_report,
    wiz,
    wizcli,
    neuvector,
    stackrox,
    stackrox_check,
    deepfence,
    openreports,
    trivy_operator_prometheus,
    docker_bench,
    kube_bench,
    dockle,
    hadolint,
    kubescape,
    kube_hunter,
    neuvector_compliance,
    azure_defender,
    xray,
    xray_scan,
    xray_summary,
    xray_unified,
    attestation,
    harbor_event,
    registry_event,
    dockerhub_event,
    github_event,
    clair_event,
    stackrox_event,
    admission_event,
    inspector,
    ecr,
    security_hub,
    gcloud,
)


def parse(document: Document, name: str = "") -> ScanReport:
    """Read `document` with the parser called `name`, else with the first that recognises it."""
    for parser in PARSERS:
        if name == parser.NAME or (not name and parser.recognises(document)):
            return parser.parse(document)
    known = ", ".join(parser.NAME for parser in PARSERS)
    if name:
        raise UnknownFormat(f"format {name!r} is not one of {known}")
    raise UnknownFormat(f"{document.describe()}: not recognised as one of {known}")
