import json

import pytest

from governance.findings.report import Outcome, ReportError, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document


def test_it_is_found_in_the_output_of_a_build_and_names_no_image(read):
    report = read("aqua_microscanner/build.txt")
    (scan,) = report.images
    assert (scan.image.config_digest, scan.image.repo_digests, scan.image.references) == ("", (), ())
    assert (scan.image.distro, scan.image.distro_version, scan.outcome) == ("alpine", "3.20.1", Outcome.ASSESSED)
    assert (report.scanner, report.entries, len(report.notes)) == ("aqua-microscanner", 1, 1)
    assert (scan.matches[0].severity, scan.matches[0].fixed_version) == (Severity.HIGH, "1.36.1-r1")
    assert (scan.inventory, len(scan.packages)) == (True, 2)


def test_alone_it_is_the_same(read):
    whole = read("aqua_microscanner/build.txt")
    result = {
        "scan_started": {"seconds": 1787218200},
        "os": "alpine",
        "version": "3.20.1",
        "resources": [{"resource": {"format": "apk", "name": "musl", "version": "1.2.5-r0"}, "scanned": True}],
    }
    report = read(result)
    assert (report.format, report.scanned_at) == (whole.format, whole.scanned_at)
    cut = json.dumps(result)[:-3].encode()
    with pytest.raises(ReportError):
        parse(open_document(b"Step 1\n" + cut))


def test_a_text_without_a_result_is_refused():
    with pytest.raises(ReportError, match="no result"):
        parse(open_document(b"Step 1\n"), "aqua-microscanner")
