import pytest

from governance.findings.report import Kind, Status


def test_a_bom_link_names_another_documents_component(read):
    report = read("cyclonedx_vex/link.json")
    first = report.statements[0]
    assert (report.format, report.kind, report.issuer, report.scanner) == (
        "cyclonedx-vex",
        Kind.VEX,
        "Example Security",
        "vexer",
    )
    assert first.products == ("urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1",)
    assert first.component == "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64"
    assert (first.justification, first.detail) == (
        "vulnerable_code_not_in_execute_path",
        "(code_not_reachable) TLS ends at the proxy",
    )
    assert (first.stated_at, first.aliases) == ("2026-08-21T12:00:00Z", ("GHSA-aaaa-bbbb-cccc",))


def test_a_statement_is_limited_to_the_versions_it_lists(read):
    _, exact, ranged = read("cyclonedx_vex/link.json").statements
    assert (exact.products, exact.component) == (("pkg:npm/left-pad@1.3.0",), "")
    # A range is no installed version: it is shown, and applies to nothing.
    assert ranged.products == ("pkg:npm/left-pad@vers:npm/<1.3.0",)


def test_the_image_is_the_product_and_the_package_its_component(read):
    package, image, whole = read("cyclonedx_vex/image.json").statements
    assert package.products[1:] == (f"registry.example/shop/api@sha256:{'2' * 64}", "registry.example/shop/api:1.4.2")
    assert (package.component, package.status) == ("pkg:deb/debian/libssl3@3.0.15-1", Status.FIXED)
    assert (image.component, image.status, whole.component) == ("", Status.AFFECTED, "")
    assert image.products == whole.products == package.products


def test_an_applications_name_is_no_images(read, sample):
    document = sample("cyclonedx_vex/image.json")
    document["metadata"]["component"] = {"bom-ref": "image", "type": "application", "name": "nginx", "version": "1"}
    assert read(document).statements[1].products == ("application nginx 1",)


def test_a_state_unheard_of_is_said_and_not_kept(read, sample):
    document = sample("cyclonedx_vex/image.json")
    document["vulnerabilities"][1]["analysis"]["state"] = "odd"
    report = read(document)
    assert (report.entries, len(report.statements)) == (3, 2)
    assert report.notes == ("analyses of unknown state were not kept: CVE-2099-0003",)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (
            {
                "vulnerabilities": [
                    {"id": "CVE-2099-0001", "ratings": [{"severity": "low"}], "analysis": {"state": "in_triage"}}
                ]
            },
            "cyclonedx",
        ),
        ({"vulnerabilities": [{"id": "CVE-2099-0001"}]}, "cyclonedx"),
        (
            {
                "components": [],
                "vulnerabilities": [{"id": "CVE-2099-0001", "ratings": [{}], "analysis": {"state": "in_triage"}}],
            },
            "cyclonedx-vex",
        ),
    ],
)
def test_components_with_rated_vulnerabilities_are_a_scan(read, sample, change, name):
    assert read(sample("cyclonedx_vex/image.json") | change).format == name
