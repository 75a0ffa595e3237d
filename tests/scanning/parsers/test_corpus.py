"""Real reports of other people, beside the checkout, never in it; its README says what the figures mean."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from governance.findings.report import Outcome, ReportError, Result, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"
FOLDERS = ("trivy", "anchore_grype", "cyclonedx", "syft", "trivy_operator")

# Kinds of document that no parser reads yet.
NOT_READ = {
    "trivy_operator/clustercompliancereport.json": "ClusterComplianceReport: a benchmark of the cluster",
}

# What differs from the index, and why. Everything not named here agrees.
CHECKS = "the index counts failed checks here; we count vulnerabilities, and the checks apart from them"
HAS_VULNERABILITIES = "the index calls every CycloneDX file an SBOM; with vulnerabilities it is a scan"
REBUILT = "manifestDigest is in no repoDigest: it may be rebuilt locally and exist in no registry"
ARCHIVE = "the index gives ArtifactName, which is the archive's path here; we take the image's name from Metadata"
DEVIATIONS: dict[tuple[str, str], str] = {
    ("trivy/golden-dockerfile-custom-policies.json", "entries"): CHECKS,
    ("trivy/golden-dockerfile.json", "entries"): CHECKS,
    ("trivy/issue_9170.json", "entries"): CHECKS,
    ("trivy/license_scheme.json", "entries"): CHECKS,
    ("trivy_operator/configauditreport_many.json", "entries"): CHECKS,
    ("trivy_operator/configauditreport_single_vuln.json", "entries"): CHECKS,
    ("trivy_operator/exposedsecretreport_many.json", "entries"): CHECKS,
    ("cyclonedx/golden-fluentd-multiple-lockfiles-short.cdx.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/golden-npm-cyclonedx.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/issue_8022.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/jake2.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/log4j.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/python-3.13.0-vulnerabilities.cdx.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/secobserve-grype.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/secobserve-grype_2.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/secobserve-trivy.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/trivy-alpine-3.17-sbom.json", "kind"): HAS_VULNERABILITIES,
    ("cyclonedx/valid-vulnerability-1.4.json", "kind"): HAS_VULNERABILITIES,
    ("trivy_operator/clustersbomreport.json", "digest"): "the digest is the image ID here",
    ("anchore_grype/check_all_fields.json", "digest"): REBUILT,
    ("anchore_grype/check_all_fields_with_ids_fabricated.json", "digest"): REBUILT,
    ("anchore_grype/grype-TestJsonImgsPresenter.json", "digest"): REBUILT,
    ("anchore_grype/many_vulns2.json", "digest"): REBUILT,
    ("anchore_grype/many_vulns3.json", "digest"): REBUILT,
    ("anchore_grype/no_vuln.json", "digest"): REBUILT,
    ("anchore_grype/same_cve_different_paths.json", "digest"): REBUILT,
    ("cyclonedx/secobserve-grype.json", "digest"): REBUILT,
    ("cyclonedx/syft-TestCycloneDxImageEncoder.json", "digest"): REBUILT,
    ("syft/TestImageEncoder.json", "digest"): REBUILT,
    ("cyclonedx/golden-fluentd-multiple-lockfiles-short.cdx.json", "image"): ARCHIVE,
    ("cyclonedx/golden-fluentd-multiple-lockfiles-short.cdx.json", "components"): "the operating system is no package",
    ("cyclonedx/golden-npm-cyclonedx.json", "components"): "a lock file is no package",
    ("cyclonedx/secobserve-trivy.json", "components"): "the operating system is no package",
    ("cyclonedx/syft-TestCycloneDxImageEncoder.json", "components"): "the operating system is no package",
    ("cyclonedx/trivy-alpine-3.17-sbom.json", "components"): "the operating system is no package",
    ("cyclonedx/trivy-alpine_sbom.json", "components"): "the operating system is no package",
    ("trivy_operator/clustersbomreport.json", "components"): "the operating system is no package",
    ("cyclonedx/cdxgen-alpine-3.17-sbom.json", "components"): "all are files, without versions",
}


def load():
    if not CORPUS.is_dir():
        return []
    with (CORPUS / "index.csv").open(newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["tool"] in FOLDERS]


ROWS = load()
BESIDE = pytest.mark.skipif(not ROWS, reason="the corpus is not beside this checkout")


def name_of(row):
    return f"{row['tool']}/{row['file']}"


WITH_CHECKS = [row for row in ROWS if row["tool"].startswith("trivy") and name_of(row) not in NOT_READ]


def worst_first(report):
    found = Counter(match.severity for scan in report.images for match in scan.matches)
    unrated = found[Severity.NEGLIGIBLE] + found[Severity.UNKNOWN]
    return [found[Severity.CRITICAL], found[Severity.HIGH], found[Severity.MEDIUM], found[Severity.LOW], unrated]


def differences(row, report):
    """Yield the names of the index's figures that we do not arrive at."""
    matches = [match for scan in report.images for match in scan.matches]
    distinct = {(match.advisory, match.package.name, match.package.version) for match in matches}
    if (int(row["entries"]), int(row["expected_distinct"])) != (report.entries, len(distinct)):
        yield "entries"
    elif "kubernetes" not in report.format:  # merged by image there, so severities count once
        severities = [row[word] for word in ("critical", "high", "medium", "low", "negligible_or_unknown")]
        if list(map(int, severities)) != worst_first(report):
            yield "severities"
    if row["kind"] != report.kind:
        yield "kind"
    images = [scan.image for scan in report.images]
    if row["digest"] and not any(row["digest"] in f"{image.repo_digests}{image.manifest_digest}" for image in images):
        yield "digest"
    if row["image"] and not any(row["image"] in image.references for image in images):
        yield "image"
    if row["components"] and int(row["components"]) != sum(len(scan.packages) for scan in report.images):
        yield "components"


@BESIDE
def test_the_corpus_is_beside_this_checkout():
    assert {row["tool"] for row in ROWS} == set(FOLDERS)
    assert {name for name, _ in DEVIATIONS} | set(NOT_READ) <= {name_of(row) for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_it_arrives_at_the_figures_of_the_index(row):
    name, body = name_of(row), (CORPUS / row["tool"] / row["file"]).read_bytes()
    if row["kind"] == "malformed" or name in NOT_READ:
        with pytest.raises(ReportError):
            parse(open_document(body))
        return
    found = set(differences(row, parse(open_document(body))))
    if row["image"].endswith(".tar.gz") and row["tool"] == "trivy":
        found.discard("image")  # ARCHIVE: all of Trivy's own reference outputs
    assert found == {what for named, what in DEVIATIONS if named == name}


@pytest.mark.parametrize("row", WITH_CHECKS, ids=name_of)
def test_checks_are_as_many_as_the_index_says(row):
    report = parse(open_document((CORPUS / row["tool"] / row["file"]).read_bytes()))
    failed = sum(check.result == Result.FAIL for scan in report.images for check in scan.checks)
    other = dict(pair.split("=") for pair in filter(None, row["other"].split(";")))
    assert failed == sum(int(other.get(kind, 0)) for kind in ("misconfig:fail", "secret", "license"))


@BESIDE
def test_an_image_that_was_not_looked_at_is_not_assessed():
    unproven = ("trivy/golden-alpine-39-skip.json", "trivy/legacy_no_vuln.json", "trivy/license_scheme.json")
    for name in unproven:
        (scan,) = parse(open_document((CORPUS / name).read_bytes())).images
        assert scan.outcome == Outcome.UNASSESSED, name
