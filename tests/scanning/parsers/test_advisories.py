import pytest

from scanning.parsers.advisories import named

LINK = "https://example.com/security/cve/CVE-2099-0009"


@pytest.mark.parametrize(
    ("name", "links", "expected"),
    [
        ("CVE-2099-0001", LINK, ("CVE-2099-0001", (), "")),
        ("GHSA-0000-0000-0001", LINK, ("GHSA-0000-0000-0001", ("CVE-2099-0009",), "")),
        ("pyup.io-1 (CVE-2099-0001)", "", ("pyup.io-1", ("CVE-2099-0001",), "")),
        ("RHSA-2099:0001: a fix (Low)", LINK, ("RHSA-2099:0001", ("CVE-2099-0009",), "a fix (Low)")),
        ("CVE-2099-0001 lib: a flaw", LINK, ("CVE-2099-0001", (), "lib: a flaw")),
        ("lib: a flaw (low)", LINK, ("CVE-2099-0009", (), "lib: a flaw (low)")),
        ("lib: a flaw", f"{LINK} CVE-2099-0010", ("lib: a flaw", (), "lib: a flaw")),
        ("lib: a flaw", "", ("lib: a flaw", (), "lib: a flaw")),
        ("", "", ("", (), "")),
    ],
)
def test_it_finds_the_identifier_in_a_name(name, links, expected):
    assert named(name, links) == expected
