import pytest

from governance.findings.report import Outcome


@pytest.mark.parametrize("body", [b"[]\n", b" {} "])
def test_nothing_is_no_result_and_says_what_to_do(read, body):
    report = read(body)
    (scan,) = report.images
    assert (report.format, report.entries, scan.outcome) == ("empty", 0, Outcome.UNASSESSED)
    assert "?format=" in report.notes[0]
