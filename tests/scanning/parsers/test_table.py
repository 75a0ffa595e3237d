"""Tables of text: what is read, what is refused."""

import pytest

from governance.findings.report import ReportError
from scanning.parsers.document import Shape, open_document
from scanning.parsers.table import MAX_ROWS, read_rows


def test_a_table_is_known_by_its_header():
    document = open_document(b'\xef\xbb\xbf"Registry", CVE ID,Severity\r\n"a,b",CVE-2099-0001,high\r\n')
    assert document.shape == Shape.TEXT
    assert document.header == ("Registry", "CVE ID", "Severity")
    assert document.has_columns("CVE ID", "Severity")
    assert not document.has_columns("CVE ID", "Package")
    assert list(read_rows(document.body)) == [{"Registry": "a,b", "CVE ID": "CVE-2099-0001", "Severity": "high"}]


def test_a_cell_may_hold_lines_and_short_rows_are_filled():
    assert list(read_rows(b'a,b,c\n"one\ntwo",2\n\n')) == [{"a": "one\ntwo", "b": "2", "c": ""}]


@pytest.mark.parametrize("body", [b"one column\nonly\n", b"", b"\n\n", b'"a,b'])
def test_what_is_no_table_has_no_header(body):
    try:
        assert open_document(body).header == ()
    except ReportError:
        assert not body.strip()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a,b\n1,2,3\n", "line 2 of the table has more cells"),
        (b'a,b\n1,"2\n', "cannot be read at line 2"),
        (b"a,b\n" + b"1,2\n" * (MAX_ROWS + 1), "more than 100,000 rows"),
        (b'a,b\n1,"' + b"x" * (1 << 21) + b'"\n', "cannot be read"),
    ],
)
def test_a_broken_table_says_where(body, reason):
    with pytest.raises(ReportError, match=reason):
        list(read_rows(body))
