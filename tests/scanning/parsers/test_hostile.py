"""Whatever is sent, a parser answers with a report or a `ReportError`."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.findings.report import ReportError, ScanReport
from scanning.parsers import PARSERS, parse
from scanning.parsers.document import open_document

OURS = sorted(path for path in (Path(__file__).parents[2] / "data").glob("*/*") if path.is_file())
JSON = [path for path in OURS if path.suffix in (".json", ".sarif")]
LAX = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)

# Values as text: Python's own encoder would not write some of them.
ODD = [
    *("null", "true", "[]", "{}", "[[]]", "[null]", "[{}]", '{"a":1}', '""', '"x"', "9" * 5000),
    *("0", "-1", "1.5", "1e999", "-1e999", "12345678901234567890123", "1e-999"),
    *(r'"\ud800"', r'"\u0000"', r'"\udfff\ud800"', '"sha256:"', '"AAAA"', '"e30="', '"pkg:"', '"pkg:deb/%ff%00@%"'),
    *('"0001-01-01T00:00:00+23:00"', '"9999-12-31T23:59:59-23:00"', '"2026-02-30T00:00:00Z"'),
]
MARK = "@@odd@@"


def members(value):
    """List every place in a JSON value as (container, key)."""
    places, waiting = [], [value]
    while waiting:
        container = waiting.pop()
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        for key, child in pairs:
            places.append((container, key))
            if isinstance(child, dict | list):
                waiting.append(child)
    return places


def survives(body):
    try:
        report = parse(open_document(body))
    except ReportError:
        return
    assert isinstance(report, ScanReport)


@LAX
@given(st.data())
def test_changed_values_are_read_or_refused(data):
    value = json.loads(data.draw(st.sampled_from(JSON)).read_bytes())
    odd = []
    for _ in range(data.draw(st.integers(1, 3))):
        places = members(value)
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        if data.draw(st.booleans()):
            del container[key]
        else:
            container[key] = MARK
            odd.append(data.draw(st.sampled_from(ODD)))
        if not value:
            break
    body = json.dumps(value)
    for text in odd:
        body = body.replace(f'"{MARK}"', text, 1)
    survives(body.encode())


@LAX
@given(st.data())
def test_cut_and_scrambled_bytes_are_read_or_refused(data):
    body = bytearray(data.draw(st.sampled_from(OURS)).read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(body[: data.draw(st.integers(0, len(body)))]))


@LAX
@given(st.binary(max_size=64) | st.sampled_from([text.encode() for text in ODD]))
def test_anything_at_all_is_read_or_refused(body):
    survives(body)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.NAME)
def test_every_format_survives_being_named_for_any_document(parser):
    for body in (b"null", b"7", b"[]", b"[1]", b"{}", b"text", b'{"a": 1}', *(path.read_bytes() for path in OURS)):
        try:
            report = parse(open_document(body), parser.NAME)
        except ReportError:
            continue
        assert report.format == parser.NAME


def test_cyclic_and_duplicate_references_end():
    component = {"bom-ref": "a", "type": "library", "name": "a", "components": [{"bom-ref": "a", "name": "a"}]}
    bom = {
        "bomFormat": "CycloneDX",
        "components": [component],
        "dependencies": [{"ref": "a", "dependsOn": ["a"]}],
        "vulnerabilities": [{"id": "CVE-2099-0001", "affects": [{"ref": "a"}, {"ref": "a"}]}],
    }
    assert parse(open_document(json.dumps(bom).encode())).entries == 2


def test_a_cyclonedx_document_is_read_in_linear_time():
    affects = [{"ref": f"pkg:npm/p{number}@1"} for number in range(20_000)]
    advice = "; ".join(f"Upgrade p{number} to version 2" for number in range(20_000))
    ratings = [{"score": 5.0, "severity": "low"}] * 20_000
    vulnerability = {"id": "CVE-2099-0001", "affects": affects, "recommendation": advice, "ratings": ratings}
    body = json.dumps({"bomFormat": "CycloneDX", "vulnerabilities": [vulnerability]}).encode()
    assert parse(open_document(body)).images[0].matches[-1].fixed_version == "2"
