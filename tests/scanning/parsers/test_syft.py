import pytest

from governance.findings.report import Kind, Outcome, UnknownFormat

D6 = f"sha256:{'6' * 64}"


def test_a_package_list_is_an_inventory_and_no_scan(read):
    report = read("syft/image.json")
    scan = report.images[0]
    assert (report.kind, report.entries) == (Kind.SBOM, 0)
    assert (scan.outcome, scan.inventory, len(scan.packages)) == (Outcome.UNASSESSED, True, 4)


def test_the_image_is_proven_by_its_config(read):
    image = read("syft/image.json").images[0].image
    assert (image.config_proven, image.manifest_digest, len(image.diff_ids)) == (True, "", 2)
    assert (image.distro, image.distro_version) == ("debian", "12")


def test_packages_are_the_same_as_in_a_trivy_report(read):
    def identities(packages):
        return {(package.type, package.namespace, package.name, package.version) for package in packages}

    own = {match.package for match in read("trivy/image.json").images[0].matches}
    assert identities(own) <= identities(read("syft/image.json").images[0].packages)


def test_the_source_package_comes_from_the_purl(read):
    deb, _, _, rpm = read("syft/image.json").images[0].packages
    assert (deb.source_name, deb.source_version) == ("openssl", "3.0.15-2")
    assert (rpm.source_name, rpm.source_version) == ("bash", "4.4.20-4.el8")


def test_it_reads_old_schemas(read):
    scan = read("syft/old.json").images[0]
    assert (scan.image.references, scan.image.config_proven) == (("shop/api:1",), False)
    assert (scan.packages[0].licenses, scan.packages[0].layer) == (("GPL-2",), D6)


def test_a_directory_has_no_image(read, sample):
    report = sample("syft/image.json")
    report["source"] = {"type": "directory", "metadata": {"path": "/src"}}
    assert read(report).images[0].image.references == ()


def test_the_first_releases_are_told_by_their_source(read, sample):
    old = sample("syft/old.json")
    first = {"artifacts": old["artifacts"], "source": {"type": "image", "target": {"tags": ["shop/api:1"]}}}
    assert read(first).images[0].image.references == ("shop/api:1",)
    with pytest.raises(UnknownFormat):
        read({"artifacts": [], "source": {"type": "image"}})
    with pytest.raises(UnknownFormat):
        read({"artifacts": [], "source": "image"})


def test_a_licence_may_be_a_text(read, sample):
    report = sample("syft/old.json")
    report["artifacts"][0]["licenses"] = "GPL-2.0-only"
    assert read(report).images[0].packages[0].licenses == ("GPL-2.0-only",)


def test_the_expression_goes_before_the_text(read, sample):
    report = sample("syft/image.json")
    said = [{"value": "GPL v2", "spdxExpression": "GPL-2.0-only"}, {"value": "sha256:0a", "spdxExpression": ""}, {}]
    report["artifacts"][0]["licenses"] = said
    assert read(report).images[0].packages[0].licenses == ("GPL-2.0-only", "sha256:0a")
