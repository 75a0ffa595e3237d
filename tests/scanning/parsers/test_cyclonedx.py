import pytest

from governance.findings.report import Kind, Outcome, Severity

D1, D2, D3, D6, D7 = (f"sha256:{digit * 64}" for digit in "12367")
REPOSITORY = "registry.example.com/shop/api"


def test_it_reads_the_image_as_trivy_writes_it(read):
    image = read("cyclonedx/trivy.json").images[0].image
    assert image.references == (f"{REPOSITORY}:1.4.2",)
    assert (image.config_digest, image.diff_ids, image.size) == (D3, (D6, D7), 73400320)
    assert image.repo_digests == (f"{REPOSITORY}@{D1}", f"{REPOSITORY}@{D2}")
    assert (image.architecture, image.distro, image.distro_version) == ("amd64", "debian", "12.11")


def test_every_affected_component_is_an_entry(read):
    report = read("cyclonedx/trivy.json")
    assert (report.entries, report.kind, report.images[0].outcome) == (5, Kind.VULNERABILITY, Outcome.ASSESSED)
    names = [match.package.name for match in report.images[0].matches]
    assert names == ["libssl3", "org.example.log:log-core", "@babel/core", "libssl3", f"{REPOSITORY}:1.4.2"]


def test_the_highest_rating_counts(read):
    match = read("cyclonedx/trivy.json").images[0].matches[0]
    assert (match.severity, match.severity_word, match.cvss) == (Severity.HIGH, "high", 7.5)
    assert match.aliases == ("GHSA-0000-0000-0001",)


def test_the_recommendation_names_the_fix_of_each_package(read):
    matches = read("cyclonedx/trivy.json").images[0].matches
    assert [match.fixed_version for match in matches[:3]] == ["3.0.16-1", "2.15.0", ""]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("not_affected", "not_affected"),
        ("false_positive", "not_affected"),
        ("resolved", "resolved"),
        ("resolved_with_pedigree", "resolved"),
        ("in_triage", "under_investigation"),
        ("exploitable", "affected"),
        ("unheard_of", ""),
    ],
)
def test_the_analysis_is_the_status(read, sample, state, status):
    bom = sample("cyclonedx/trivy.json")
    bom["vulnerabilities"][1]["analysis"]["state"] = state
    assert read(bom).images[0].matches[3].status == status


def test_versions_that_are_all_unaffected_are_not_affected(read, sample):
    bom = sample("cyclonedx/trivy.json")
    bom["vulnerabilities"][0]["affects"][0]["versions"][0]["status"] = "unaffected"
    assert read(bom).images[0].matches[0].status == "not_affected"


def test_nested_components_are_packages_and_what_holds_them_is_not(read):
    scan = read("cyclonedx/trivy.json").images[0]
    assert [package.name for package in scan.packages] == [
        "libssl3",
        "@babel/core",
        "org.example.log:log-core",
        "zlib1g",
    ]
    assert scan.inventory
    assert (scan.packages[0].layer, scan.packages[0].source_name, scan.packages[0].licenses) == (
        D6,
        "openssl",
        ("Apache-2.0",),
    )


def test_packages_are_the_same_as_in_a_trivy_report(read):
    def identities(packages):
        return {(package.type, package.namespace, package.name, package.version) for package in packages}

    own = {match.package for match in read("trivy/image.json").images[0].matches}
    assert identities(own) <= identities(read("cyclonedx/trivy.json").images[0].packages)


def test_a_plain_sbom_proves_no_scan(read):
    report = read("cyclonedx/sbom.json")
    scan = report.images[0]
    assert (report.kind, scan.outcome, scan.inventory, report.entries) == (Kind.SBOM, Outcome.UNASSESSED, True, 0)
    assert (report.scanner, report.scanner_version) == ("syft", "0.80.0")
    assert scan.image.references == (f"{REPOSITORY}:1.4.2",)
    assert (scan.packages[0].version, scan.packages[0].path, scan.packages[0].layer) == ("2", "/app/lib", D7)


def test_syfts_own_manifest_digest_identifies_nothing(read, sample):
    bom = sample("cyclonedx/sbom.json")
    bom["metadata"]["component"] |= {"name": "shop/api:1", "version": D2}
    image = read(bom).images[0].image
    assert (image.references, image.repo_digests, image.manifest_digest) == (("shop/api:1",), (), "")


def test_of_components_with_one_name_the_first_is_meant(read, sample):
    bom = sample("cyclonedx/sbom.json") | {"vulnerabilities": [{"id": "CVE-2099-0001", "affects": [{"ref": "same"}]}]}
    assert read(bom).images[0].matches[0].package.name == "examplelib"


def test_a_list_of_only_affected_packages_is_no_inventory(read, sample):
    bom = sample("cyclonedx/sbom.json") | {"vulnerabilities": [{"id": "CVE-2099-0001", "affects": [{"ref": "same"}]}]}
    bom["components"].pop()
    assert not read(bom).images[0].inventory


def test_without_components_no_scan_is_proven(read, sample):
    bom = sample("cyclonedx/trivy.json") | {"components": None}
    report = read(bom)
    assert (report.images[0].outcome, report.entries) == (Outcome.UNASSESSED, 5)
    babel = report.images[0].matches[2].package
    assert (babel.type, babel.name, babel.version) == ("npm", "@babel/core", "7.1.0")


def test_a_component_that_holds_itself_many_levels_deep_is_read(read, sample):
    bom = sample("cyclonedx/sbom.json")
    innermost = bom["components"]
    for _ in range(28):
        innermost[0]["components"] = [dict(innermost[0])]
        innermost = innermost[0]["components"]
    assert len(read(bom).images[0].packages) == 30


@pytest.mark.parametrize("tools", [None, [], {}, {"components": None}, {"services": []}])
def test_the_tool_may_be_missing(read, sample, tools):
    bom = sample("cyclonedx/sbom.json")
    bom["metadata"]["tools"] = tools
    assert read(bom).scanner == "cyclonedx"


@pytest.mark.parametrize(
    "ref",
    [
        "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:deb/debian/libssl3@3.0.15-1",
        "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Adeb%2Fdebian%2Flibssl3%403.0.15-1",
    ],
)
def test_the_package_of_a_distribution_is_the_same_where_only_a_reference_names_it(read, ref):
    bom = {"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "CVE-2099-0001", "affects": [{"ref": ref}]}]}
    package = read(bom).images[0].matches[0].package
    assert (package.type, package.namespace, package.name, package.version) == ("deb", "debian", "libssl3", "3.0.15-1")


def test_the_fragment_of_a_link_may_be_percent_encoded(read):
    bom = {
        "bomFormat": "CycloneDX",
        "components": [{"type": "library", "bom-ref": "a/b#c", "name": "abc", "version": "1"}],
        "vulnerabilities": [{"id": "CVE-2099-0001", "affects": [{"ref": "urn:cdx:0/1#a%2Fb%23c"}]}],
    }
    assert read(bom).images[0].matches[0].package.name == "abc"


def test_the_versions_a_statement_is_about_are_not_what_is_installed(read):
    listed = [[{"version": "2.4", "status": "affected"}, {"range": "vers:semver/<2"}], [{"version": "5.1"}]]
    affects = [{"ref": "urn:cdx:0/1#product", "versions": versions} for versions in listed]
    report = read({"bomFormat": "CycloneDX", "vulnerabilities": [{"id": "CVE-2099-0001", "affects": affects}]})
    assert {match.package.version for match in report.images[0].matches} == {""}
    assert report.entries == 2


def test_docker_scout_goes_by_one_name_wherever_it_stands_among_the_tools(read, sample):
    bom = sample("cyclonedx/trivy.json")
    for tools in (
        [{"vendor": "Docker", "name": "Docker Scout", "version": "1.23.0"}],
        {"components": [{"name": "syft", "version": "1"}, {"name": "docker-scout", "version": "1.23.0"}]},
    ):
        bom["metadata"]["tools"] = tools
        assert (read(bom).scanner, read(bom).scanner_version) == ("docker-scout", "1.23.0")
