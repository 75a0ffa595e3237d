from governance.findings.report import Kind, Outcome, Result

D2, D3 = (f"sha256:{digit * 64}" for digit in "23")


def test_an_end_of_life_is_a_check_and_no_vulnerability(read):
    report = read("xeol/image.json")
    (scan,) = report.images
    assert (report.kind, report.entries, scan.matches, scan.outcome) == (Kind.COMPLIANCE, 0, (), Outcome.UNASSESSED)
    assert [(check.kind, check.id, check.result) for check in scan.checks] == [
        ("end_of_life", "Perl 5.38", Result.WARN),
        ("end_of_life", "MongoDB Server 3.2", Result.FAIL),
        ("end_of_life", "Alpine Linux 3.14", Result.FAIL),
    ]
    assert scan.checks[0].target == "perl 5.38.2-r0 /lib/apk/db/installed"
    assert "2027-07-02" in scan.checks[0].title


def test_the_distributions_own_end_is_the_images(read, sample):
    report = sample("xeol/image.json")
    assert read(report).images[0].image.end_of_life is True
    report["matches"].pop()
    assert read(report).images[0].image.end_of_life is None


def test_what_ends_later_counts_as_over_where_no_day_is_given(read, sample):
    report = sample("xeol/image.json")
    report["descriptor"]["db"] = None
    assert read(report).images[0].checks[0].result == Result.FAIL


def test_it_knows_the_image_as_grype_does(read):
    image = read("xeol/image.json").images[0].image
    assert (image.references, image.config_digest) == (("registry.example.com/shop/api:1.4.2",), D3)
    assert (image.manifest_digest, image.repo_digests) == (D2, (f"registry.example.com/shop/api@{D2}",))
    assert (image.distro, image.distro_version) == ("alpine", "3.14.2")
