"""Real reports of other people, beside the checkout, never in it; its README says what the figures mean."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from governance.findings.report import Outcome, ReportError, Result, Severity
from scanning.parsers import PARSERS, parse
from scanning.parsers.document import open_document

CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"

# Folders and files that no parser reads yet.
NOT_READ: set[str] = set()

# The index counts each row of these, whatever its result; of the other checks what failed or warned.
EVERY_RESULT = {"anchore_enterprise", "anchorectl_policies", "dockle", "hadolint", "sarif", "wiz"}

# What differs from the index, and why. Everything not named here agrees.
HAS_VULNERABILITIES = "the index calls every CycloneDX file an SBOM; with vulnerabilities it is a scan"
REBUILT = "manifestDigest is in no repoDigest: it may be rebuilt locally and exist in no registry"
ARCHIVE = "the index gives ArtifactName, which is the archive's path here; we take the image's name from Metadata"
SEVERAL_PACKAGES = "the index takes one package for each finding, we all that it names; the entries are as many"
UNTAGGED = "a subject's name has no tag: its digest stands behind it, so that it does not mean `latest`"
DESCRIBED = "what the document describes (image, directory, distribution) is no package in it"
ECR = "with the registry's host, which account and region tell: the repository alone would be one of Docker Hub"
DEVIATIONS: dict[tuple[str, str], str] = {
    ("anchorectl_policies/no_violation.json", "kind"): "`[]` does not say who wrote it, nor what was looked at",
    ("jfrog_xray_api_summary_artifact/many_vulns.json", "entries"): SEVERAL_PACKAGES,
    ("attestation/centos-7-cyclonedx.intoto.jsonl", "image"): UNTAGGED,
    ("attestation/centos-7-cyclonedx.intoto.jsonl", "components"): "the operating system is no package",
    ("attestation/cosign-custom-attestation.json", "image"): UNTAGGED,
    ("attestation/cosign-custom-attestation.json", "kind"): "a custom attestation is no SBOM: it states nothing",
    ("cyclonedx_vex/cyclonedx_vex_integrated.json", "components"): "a VEX only names them: they lie in no image",
    ("cyclonedx_vex/usecase-05-vex.json", "entries"): "two statements of different status, for two ranges of versions",
    ("spdx/go-hummingbird.spdx.json", "components"): DESCRIBED,
    ("spdx/golden-conda-spdx.json", "components"): DESCRIBED,
    ("spdx/golden-julia-spdx.json", "components"): f"{DESCRIBED}, nor is a lock file",
    ("spdx/harbor-sbom_test.json", "components"): DESCRIBED,
    ("spdx/sbom-tool-alpine-3.17-sbom.spdx.json", "components"): DESCRIBED,
    ("spdx/secobserve-multiple_observations.json", "components"): DESCRIBED,
    ("spdx/trivy-centos-7-spdx.json", "components"): DESCRIBED,
    ("spdx/trivy-centos-7-spdx.json", "image"): ARCHIVE,
    ("spdx/ubi8-micro.spdx.json", "components"): "source packages, repositories and the distribution are no packages",
    ("aws_inspector2/aws_inspector2_many_vul.json", "entries"): f"one is closed and set aside; {SEVERAL_PACKAGES}",
    ("aws_inspector2/aws_inspector2_many_vul.json", "image"): ECR,
    ("aws_inspector2/aws_inspector2_one_vul.json", "image"): ECR,
    ("awssecurityhub/inspector_ecr.json", "entries"): SEVERAL_PACKAGES,
    ("gcloud_artifact_scan/many_vulns.json", "image"): "its digest names it: a name without tag would mean `latest`",
    ("openreports/openreports_single_report.json", "entries"): "one of the three results is of a compliance check",
    ("gitlab_container_scan/golden-trivy-alpine-310.gitlab.json", "image"): "an archive's path is no image's name",
    ("gitlab_container_scan/issue6639_v15.json", "image"): "`Node.js` and a lock file are targets inside the one image",
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
    (
        "snyk/snykcontainer_issue_9270.json",
        "image",
    ): "it is one image: a path ends with the project's name",
    ("snyk_issue_api/snyk_sca_scan_api_many_vuln.json", "entries"): "three of the five were ignored by Snyk's users",
    ("sarif/golden-trivy-alpine-310.sarif", "image"): ARCHIVE,
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
        return list(csv.DictReader(lines))


ROWS = load()
BESIDE = pytest.mark.skipif(not ROWS, reason="the corpus is not beside this checkout")


def name_of(row):
    return f"{row['tool']}/{row['file']}"


READ = [row for row in ROWS if row["kind"] != "malformed" and not NOT_READ & {row["tool"], name_of(row)}]
# Of metrics the index counts series by their own names.
WITH_CHECKS = [row for row in READ if row["tool"].startswith("trivy") and row["tool"] != "trivy_operator_prometheus"]


def worst_first(report):
    found = Counter(match.severity for scan in report.images for match in scan.matches)
    unrated = found[Severity.NEGLIGIBLE] + found[Severity.UNKNOWN]
    return [found[Severity.CRITICAL], found[Severity.HIGH], found[Severity.MEDIUM], found[Severity.LOW], unrated]


def checks_of(report):
    """Every check, of images and of what is none."""
    return [check for holder in (*report.images, *report.benchmarks) for check in holder.checks]


def counted(row, report):
    """Count as the index does: (entries, distinct ones); None where it has no figure that could be compared."""
    if row["kind"] == "webhook":
        return report.entries, None
    if row["kind"] == "compliance" and report.kind == "compliance":
        # Checks are no vulnerability statements: they are counted apart, and the entries are none.
        wanted = set(Result) if row["tool"] in EVERY_RESULT else {Result.FAIL, Result.WARN}
        return sum(check.result in wanted for check in checks_of(report)) + report.entries, None
    if report.statements:
        triples = {(one.vulnerability, one.products, one.component, one.status) for one in report.statements}
        return report.entries, len(triples)
    matches = [match for scan in report.images for match in scan.matches]
    return report.entries, len({(match.advisory, match.package.name, match.package.version) for match in matches})


def differences(row, report):
    """Yield the names of the index's figures that we do not arrive at."""
    entries, distinct = counted(row, report)
    rated = row["critical"] and not report.statements and row["kind"] not in ("compliance", "webhook")
    if int(row["entries"] or 0) != entries or distinct not in (None, int(row["expected_distinct"] or 0)):
        yield "entries"
    elif rated and "kubernetes" not in report.format:  # merged by image there, so severities count once
        severities = [row[word] for word in ("critical", "high", "medium", "low", "negligible_or_unknown")]
        if list(map(int, severities)) != worst_first(report):
            yield "severities"
    if {"webhook": "event"}.get(row["kind"], row["kind"]) != report.kind:
        yield "kind"
    images = [scan.image for scan in report.images]
    if row["digest"] and not any(row["digest"] in f"{image.repo_digests}{image.manifest_digest}" for image in images):
        yield "digest"
    if several := re.fullmatch(r"\((\d+) images\)", row["image"]):
        if len(images) != int(several[1]):
            yield "image"
    elif row["image"] and not any(row["image"] in image.references for image in images):
        yield "image"
    if row["components"] and int(row["components"]) != sum(len(scan.packages) for scan in report.images):
        yield "components"


@BESIDE
def test_the_corpus_is_beside_this_checkout():
    names = {name_of(row) for row in ROWS}
    assert {name for name, _ in DEVIATIONS} <= names
    assert names | {row["tool"] for row in ROWS} >= NOT_READ


@pytest.mark.parametrize("row", READ, ids=name_of)
def test_it_arrives_at_the_figures_of_the_index(row):
    name, body = name_of(row), (CORPUS / row["tool"] / row["file"]).read_bytes()
    found = set(differences(row, parse(open_document(body))))
    if row["image"].endswith(".tar.gz") and row["tool"] == "trivy":
        found.discard("image")  # ARCHIVE: all of Trivy's own reference outputs
    assert found == {what for named, what in DEVIATIONS if named == name}


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "malformed"], ids=name_of)
def test_what_is_malformed_is_refused(row):
    body = (CORPUS / row["tool"] / row["file"]).read_bytes()
    if name_of(row) == "unrecognised/empty_dict.json":
        # The same two bytes as aqua/no_vuln.json, which is to be read: they yield nothing and prove nothing.
        report = parse(open_document(body))
        assert (report.format, report.images[0].outcome) == ("empty", Outcome.UNASSESSED)
        return
    with pytest.raises(ReportError):
        parse(open_document(body))


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_no_two_parsers_recognise_the_same_document(row):
    try:
        document = open_document((CORPUS / row["tool"] / row["file"]).read_bytes())
    except ReportError:
        return
    names = [parser.NAME for parser in PARSERS if parser.recognises(document)]
    assert len(names) < 2


@pytest.mark.parametrize("row", WITH_CHECKS, ids=name_of)
def test_checks_are_as_many_as_the_index_says(row):
    report = parse(open_document((CORPUS / row["tool"] / row["file"]).read_bytes()))
    failed = sum(check.result == Result.FAIL for scan in report.images for check in scan.checks)
    other = dict(pair.split("=") for pair in filter(None, row["other"].split(";")))
    assert failed == sum(int(other.get(kind, 0)) for kind in ("misconfig:fail", "secret", "license"))


@BESIDE
def test_an_image_that_was_not_looked_at_is_not_assessed():
    unproven = dict.fromkeys(("legacy_no_vuln.json", "license_scheme.json"), Outcome.UNASSESSED)
    unproven["golden-alpine-39-skip.json"] = Outcome.UNSUPPORTED
    for name, outcome in unproven.items():
        (scan,) = parse(open_document((CORPUS / "trivy" / name).read_bytes())).images
        assert scan.outcome == outcome, name
