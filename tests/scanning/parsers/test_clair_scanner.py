from governance.findings.report import Outcome, Severity


def test_it_reads_the_image_and_its_findings(read):
    report = read("clair_scanner/image.json")
    (scan,) = report.images
    assert (report.format, report.scanner, report.entries) == ("clair-scanner", "clair", 3)
    assert (scan.image.references, scan.image.distro) == (("registry.example.com/shop/api:1.4.2",), "debian")
    match = scan.matches[0]
    assert (match.advisory, match.fixed_version, match.severity) == ("CVE-2099-0001", "3.0.16-1", Severity.HIGH)
    assert (match.package.type, match.package.namespace, match.package.name) == ("deb", "debian", "openssl")
    assert [match.severity for match in scan.matches[1:]] == [Severity.NEGLIGIBLE, Severity.CRITICAL]


def test_what_it_let_pass_is_counted_all_the_same(read):
    assert "allow list: 2" in read("clair_scanner/image.json").notes[0]
    assert read({"image": "a:1", "unapproved": None, "vulnerabilities": []}).notes == ()


def test_an_empty_list_is_clean_and_a_missing_one_is_no_result(read):
    clean = {"image": "a:1", "unapproved": [], "vulnerabilities": None}
    assert read(clean).images[0].outcome == Outcome.ASSESSED
    del clean["vulnerabilities"]
    assert read(clean).images[0].outcome == Outcome.UNASSESSED
