import pytest

from governance.findings.report import Kind, Outcome, ReportError

D2, D3, D6, D7 = (f"sha256:{digit * 64}" for digit in "2367")


def test_syft_names_the_image_by_its_tag_and_digest(read):
    report = read("spdx/syft.json")
    (scan,) = report.images
    assert (report.format, report.scanner, report.scanner_version, report.kind) == ("spdx", "syft", "1.51.0", Kind.SBOM)
    assert scan.image.references == ("registry.example/shop/api:1.4.2",)
    assert scan.image.repo_digests == (f"api@{D2}",)
    assert [package.name for package in scan.packages] == ["libssl3", "left-pad"]


def test_without_a_purl_the_checksum_is_the_manifests(read, sample):
    document = sample("spdx/syft.json")
    document["packages"][0]["externalRefs"] = []
    assert read(document).images[0].image.repo_digests == (f"registry.example/shop/api@{D2}",)


def test_security_references_that_name_a_vulnerability_are_findings(read):
    report = read("spdx/syft.json")
    scan = report.images[0]
    assert [match.advisory for match in scan.matches] == ["CVE-2099-0001", "CVE-2099-0001", "GHSA-aaaa-bbbb-cccc"]
    assert (report.entries, scan.outcome) == (3, Outcome.ASSESSED)
    assert scan.matches[0].package.source_name == "openssl"


def test_a_plain_package_list_is_no_scan(read):
    assert read("spdx/trivy.json").images[0].outcome == Outcome.UNASSESSED


def test_trivy_says_the_identity_in_annotations_which_are_sorted(read):
    image = read("spdx/trivy.json").images[0].image
    assert (image.config_digest, image.diff_ids, image.distro, image.distro_version) == (D3, (), "debian", "12.11")
    (package,) = read("spdx/trivy.json").images[0].packages
    assert (package.version, package.source_name, package.layer) == ("3.0.15-1", "openssl", D6)


def test_old_trivy_says_it_in_order_and_left_out_the_release(read):
    scan = read("spdx/old.json").images[0]
    assert (scan.image.config_digest, scan.image.diff_ids) == (D3, (D7, D6))
    assert scan.image.references == ("registry.example/shop/api:1.4.2",)
    assert scan.packages[0].version == "4.2.46-31.el7"


def test_clair_names_the_manifest_and_what_packages_were_built_from(read):
    scan = read("spdx/clair.json").images[0]
    assert (scan.image.manifest_digest, scan.image.distro, scan.image.distro_version) == (D2, "redhat", "9")
    (package,) = scan.packages
    assert (package.type, package.namespace, package.source_name) == ("rpm", "redhat", "openssl")


def test_a_bare_name_is_no_image_where_the_purl_knows_its_repository(read, sample):
    document = sample("spdx/trivy.json")
    document["packages"][0] |= {"name": "api", "annotations": []}
    image = read(document).images[0].image
    assert (image.references, image.repo_digests) == ((), (f"registry.example/shop/api@{D2}",))


@pytest.mark.parametrize(
    "document", [{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}, {"spdxVersion": "SPDX-1.2"}]
)
def test_other_versions_are_refused_in_words(read, document):
    with pytest.raises(ReportError, match="only SPDX 2"):
        read(document)


@pytest.mark.parametrize(
    ("concluded", "declared", "licences"),
    [
        ("MIT", "ISC", ("MIT",)),
        ("NOASSERTION", "GPL-2.0-only", ("GPL-2.0-only",)),
        (None, "GPL-2.0-only", ("GPL-2.0-only",)),
        ("NONE", "NOASSERTION", ()),
        ("", None, ()),
    ],
)
def test_what_is_declared_counts_where_nothing_was_concluded(read, sample, concluded, declared, licences):
    document = sample("spdx/clair.json")
    for package in document["packages"]:
        package |= {"licenseConcluded": concluded, "licenseDeclared": declared}
    (package,) = read(document).images[0].packages
    assert package.licenses == licences
