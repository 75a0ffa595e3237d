import json
import time

import pytest

from governance.findings.report import ReportError, UnknownFormat
from scanning.parsers import parse
from scanning.parsers.document import Shape, open_document


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (b'\xef\xbb\xbf {"a": 1}', Shape.OBJECT),
        (b"[1]", Shape.LIST),
        (b"null", Shape.NULL),
        (b"7", Shape.SCALAR),
        (b"name,severity\nx,high\n", Shape.TEXT),
        (b"not json", Shape.TEXT),
    ],
)
def test_it_sees_the_shape(body, shape):
    assert open_document(body).shape == shape


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"  ", "empty"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\xf0\x9f"}', "not UTF-8"),
        (b'{"a": [1', "cut off"),
        (b'{"a": 1} x', "not valid JSON"),
        (b'{"a": 01}', "not valid JSON"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b"[" + b"1," * 5_000_001 + b"1]", "more than 5,000,000 JSON tokens"),
        (json.dumps(dict.fromkeys(map(str, range(10_001)))).encode(), "more than 10,000 top-level members"),
    ],
)
def test_it_says_why_it_refuses(body, reason):
    with pytest.raises(ReportError, match=reason):
        open_document(body)


def test_brackets_inside_strings_are_no_nesting():
    assert open_document(json.dumps({"a": "[" * 100 + '"\\'}).encode()).shape == Shape.OBJECT


def test_a_string_that_never_ends_is_refused_at_once():
    start = time.process_time()
    with pytest.raises(ReportError):
        open_document(b'{"a": "' + b'\\"' * 300_000)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"x\ud800", "x�"),
        (rb"\udc00y", "�y"),
        (rb"\ud83d\ude00", "😀"),
        (rb"\ud83d\ude00\ud83d", "😀�"),
        (rb"\\\ud800\ud800", "\\��"),
        (rb"\ud800\\ud800", "�\\ud800"),
    ],
)
def test_half_a_surrogate_pair_is_replaced(written, read):
    assert open_document(b'{"a": "' + written + b'"}').text("a") == read


def test_an_unknown_document_is_described():
    with pytest.raises(UnknownFormat, match="a JSON object with the members a: not recognised as one of trivy"):
        parse(open_document(b'{"a": 1}'))


def test_an_unknown_format_name_is_refused():
    with pytest.raises(UnknownFormat, match="'qualys' is not one of trivy"):
        parse(open_document(b"null"), "qualys")


def test_a_format_may_be_named():
    assert parse(open_document(b"null"), "trivy-legacy").format == "trivy-legacy"


def test_what_powershell_writes_is_named():
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(ReportError, match="PowerShell"):
            open_document(("\ufeff" + "{}").encode(encoding))


def test_xml_is_named():
    with pytest.raises(UnknownFormat, match=r"^XML, not JSON: not recognised"):
        parse(open_document(b'<?xml version="1.0"?><bom/>'))
