import pytest

from scanning.parsers.packages import identify, split_purl, upstream_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkg:npm/%40babel/core@7.1.0", ("npm", "@babel", "core", "7.1.0", "")),
        ("pkg:npm/@babel/core", ("npm", "@babel", "core", "", "")),
        ("pkg:deb/debian/a@1%3A2?arch=x#sub/path", ("deb", "debian", "a", "1:2", "arch=x")),
        ("pkg:golang/github.com/a/b/v2@v2.0.0", ("golang", "github.com/a/b", "v2", "v2.0.0", "")),
        ("pkg:oci/api@sha256:22?tag=1", ("oci", "", "api", "sha256:22", "tag=1")),
        ("pkg:PyPI/Django@3.2.9", ("pypi", "", "Django", "3.2.9", "")),
    ],
)
def test_a_purl_is_split(text, expected):
    assert split_purl(text) == expected


@pytest.mark.parametrize("text", ["", "npm/a@1", "pkg:", "pkg:npm", "pkg:npm/", "pkg:/@", "a-purl-1"])
def test_what_is_no_purl_is_none(text):
    assert split_purl(text) is None


@pytest.mark.parametrize(
    ("written", "kept"), [("rhel", "redhat"), ("amzn", "amazon"), ("ol", "oracle"), ("almalinux", "alma")]
)
def test_a_distribution_has_one_name(written, kept):
    assert identify("bash", "1", split_purl(f"pkg:rpm/{written}/bash@1")).namespace == kept
    assert identify("bash", "1", None, "rpm", written).namespace == kept


def test_qualifiers_are_decoded():
    purl = split_purl("pkg:oci/api@sha256%3A22?repository_url=a%2Fb&arch=arm64&arch=amd64")
    assert (purl.qualifier("repository_url"), purl.qualifier("arch"), purl.qualifier("tag")) == ("a/b", "arm64", "")


@pytest.mark.parametrize(
    ("upstream", "expected"), [("bash-1.src.rpm", ("", "")), ("x.src.rpm", ("", "")), ("gcc", ("gcc", ""))]
)
def test_a_source_package_may_be_said_in_part(upstream, expected):
    assert upstream_of(split_purl(f"pkg:rpm/a/b@1?upstream={upstream}")) == expected
