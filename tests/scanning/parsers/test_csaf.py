import pytest

from governance.findings.report import Kind, ReportError, Status


def test_products_are_resolved_through_the_tree(read):
    report = read("csaf/vex.json")
    package, image, flat, *_ = report.statements
    assert (report.kind, report.issuer, report.entries) == (Kind.VEX, "Example Vendor", 6)
    assert package.component == "pkg:rpm/redhat/openssl-libs@3.0.7-27.el9?arch=x86_64&epoch=1"
    assert package.products[:3] == ("EL-9:openssl-libs", "EL-9", "cpe:/o:redhat:enterprise_linux:9")
    assert image.products[1].startswith("pkg:oci/api@sha256%3A")
    assert (image.component, flat.products) == ("", ("FLAT", "Flat Product 1.0"))


def test_flags_and_remarks_belong_to_their_products(read):
    package, image, flat, *_ = read("csaf/vex.json").statements
    assert (package.justification, image.justification) == ("component_not_present", "vulnerable_code_not_present")
    assert (package.detail, flat.detail, flat.status) == ("the code is not built", "update", Status.AFFECTED)


def test_a_ticket_number_is_no_alias(read):
    first, *_, last = read("csaf/vex.json").statements
    assert (first.vulnerability, first.aliases) == ("CVE-2099-0001", ("GHSA-aaaa-bbbb-cccc",))
    assert (last.vulnerability, last.products) == ("EX-2099-7", ("UNKNOWN-ID",))


def test_a_recommended_product_states_nothing(read):
    assert len(read("csaf/vex.json").statements) == 5


@pytest.mark.parametrize("version", ["1.2", "3.0", ""])
def test_other_versions_are_refused_in_words(read, sample, version):
    document = sample("csaf/vex.json")
    document["document"]["csaf_version"] = version
    with pytest.raises(ReportError, match="CSAF version"):
        read(document)


def test_a_draft_says_so(read, sample):
    document = sample("csaf/vex.json")
    document["document"]["tracking"]["status"] = "draft"
    assert read(document).notes == ("the document calls itself a draft",)
