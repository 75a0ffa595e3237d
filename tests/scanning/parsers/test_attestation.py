import base64
import json

import pytest

from governance.findings.report import Kind, Outcome, ReportError, UnknownFormat
from scanning.parsers.attestation import UNSIGNED, UNVERIFIED

D2, D9 = f"sha256:{'2' * 64}", f"sha256:{'9' * 64}"
IMAGE = "registry.example/shop/api"


def statement(predicate, kind="https://spdx.dev/Document", digest="2" * 64):
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": IMAGE, "digest": {"sha256": digest}}],
        "predicateType": kind,
        "predicate": predicate,
    }


def envelope(value):
    text = value if isinstance(value, str) else base64.b64encode(json.dumps(value).encode()).decode()
    return {"payloadType": "application/vnd.in-toto+json", "payload": text, "signatures": []}


def test_the_predicate_is_read_by_its_own_parser(read):
    report = read("attestation/spdx.json")
    (scan,) = report.images
    assert (report.format, report.kind, report.scanner) == ("attestation", Kind.SBOM, "trivy")
    assert [package.name for package in scan.packages] == ["libssl3"]
    assert report.notes == (UNVERIFIED,)


def test_a_scan_record_holds_the_scanners_own_report(read):
    report = read("attestation/vuln.json")
    assert (report.kind, report.scanner, report.entries) == (Kind.VULNERABILITY, "trivy", 1)
    assert report.scanned_at.isoformat() == "2026-08-20T09:01:00+00:00"


def test_a_bundle_with_neutral_records_is_read(read):
    report = read("attestation/bundle.json")
    first, second = report.images[0].matches
    assert (report.scanner, report.scanner_version, report.database_version) == ("looker", "2.1", "7")
    assert (first.advisory, first.cvss, first.severity.name, second.advisory) == (
        "CVE-2099-0001",
        7.5,
        "HIGH",
        "CVE-2099-0002",
    )


def test_a_record_without_a_result_looked_at_nothing(read):
    report = read("attestation/record.json")
    assert (report.images[0].outcome, report.notes) == (Outcome.UNASSESSED, ("the scan record holds no result",))


def test_other_predicates_name_images_and_state_nothing(read):
    report = read("attestation/provenance.json")
    assert (report.kind, report.images[0].image.repo_digests) == (Kind.EVENT, (f"{IMAGE}@{D2}",))
    assert report.notes == ("a predicate of type https://slsa.dev/provenance/v1 is not read", UNSIGNED)


def test_several_attestations_stand_one_a_line(read):
    report = read("attestation/all.jsonl")
    sbom, scan = report.images
    assert (report.kind, report.entries, report.issuer) == (Kind.VULNERABILITY, 1 + 1, "security@vex.example")
    assert (sbom.scanner, sbom.outcome, scan.scanner, len(scan.matches)) == ("trivy", Outcome.UNASSESSED, "trivy", 1)
    assert report.statements[0].products == (f"{IMAGE}@{D2}",)


def test_the_subjects_digest_is_the_images_identity(read, sample):
    copied = read(envelope(statement(sample("spdx/trivy.json"), digest="9" * 64)))
    image = copied.images[0].image
    assert (image.repo_digests, image.config_digest, image.references) == ((f"{IMAGE}@{D9}",), "", (f"{IMAGE}@{D9}",))
    assert "another image than the attestation's subject" in copied.notes[1]
    # A name without a tag does not mean `latest`.
    assert IMAGE not in read("attestation/spdx.json").images[0].image.references


def test_cosign_may_put_the_document_into_data(read, sample):
    document = sample("spdx/trivy.json")
    for data in (document, json.dumps(document)):
        assert read(envelope(statement({"Data": data}))).images[0].packages


def test_custom_words_are_no_document(read):
    report = read(envelope(statement({"Data": "words\n"}, "cosign.sigstore.dev/attestation/v1")))
    assert (report.kind, report.images[0].outcome) == (Kind.EVENT, Outcome.UNASSESSED)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (envelope("%%%"), "no in-toto statement|not base64|empty"),
        (envelope("é"), "not base64"),
        (envelope({"_type": "https://other.example/"}), "no in-toto statement"),
        (envelope(statement(envelope(statement({})))), "inside an attestation"),
        (envelope(statement({"Data": json.dumps(envelope(statement({})))})), "inside an attestation"),
        ({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "messageSignature": {}}, "no attestation"),
        (envelope(statement({"bomFormat": "CycloneDX", "components": 7})), "expected type"),
    ],
)
def test_what_cannot_be_unwrapped_is_refused_in_words(read, document, message):
    with pytest.raises(ReportError, match=message):
        read(document)


def test_too_many_subjects_are_refused(read):
    many = statement({"Data": "x"}) | {"subject": [{"digest": {"sha256": f"{number:064x}"}} for number in range(101)]}
    with pytest.raises(ReportError, match="100 subjects"):
        read(many)


def test_statements_of_two_issuers_are_not_mixed(read, sample):
    vex = sample("openvex/image.json")
    lines = [envelope(statement(vex | {"author": name}, "https://openvex.dev/ns")) for name in ("one", "two")]
    with pytest.raises(ReportError, match="several issuers"):
        read("\n".join(map(json.dumps, lines)).encode())


def test_lines_of_something_else_are_unknown(read):
    with pytest.raises(UnknownFormat, match="2 JSON values, one a line"):
        read(b'{"a": 1}\n{"b": 2}\n')
