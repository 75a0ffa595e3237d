import pytest

from scanning.parsers.xray_component import Cve, component_of, fixes_of, names_of, package_of, score


@pytest.mark.parametrize(
    ("identifier", "package", "distro"),
    [
        ("alpine://3.20:busybox:1.36.1-r29", ("busybox", "1.36.1-r29", "apk", "alpine"), ("alpine", "3.20")),
        ("deb://debian:bookworm:openssl:1:3.0.15", ("openssl", "1:3.0.15", "deb", "debian"), ("debian", "bookworm")),
        ("deb://debian:bookworm:openssl", ("openssl", "", "deb", "debian"), ("debian", "bookworm")),
        ("rpm://8:openssl:1:1.1.1k-9.el8", ("openssl", "1:1.1.1k-9.el8", "rpm", ""), ("", "8")),
        ("rpm://el9:bash:0:5.1.8-6.el9", ("bash", "5.1.8-6.el9", "rpm", ""), ("", "el9")),
        ("rpm://slf4j:0:1.7.25-4.el8", ("slf4j", "1.7.25-4.el8", "rpm", ""), ("", "")),
        ("rpm://amzn:2:bash:4.2.46", ("bash", "4.2.46", "rpm", "amazon"), ("amzn", "2")),
        ("gav://org.example:core:1.16", ("org.example:core", "1.16", "maven", ""), ("", "")),
        ("npm://@shop/left:2.29.3", ("@shop/left", "2.29.3", "npm", ""), ("", "")),
        ("go://github.com/shop/x:v1.2.3", ("github.com/shop/x", "v1.2.3", "golang", ""), ("", "")),
        ("pypi://Wheel", ("Wheel", "", "pypi", ""), ("", "")),
        ("generic://sha256:abc/app.tar", ("sha256", "abc/app.tar", "", ""), ("", "")),
        ("thing", ("thing", "", "", ""), ("", "")),
        ("alpine://", ("", "", "apk", "alpine"), ("alpine", "")),
        ("deb://", ("", "", "deb", ""), ("", "")),
        ("", ("", "", "", ""), ("", "")),
    ],
)
def test_components_are_taken_apart(identifier, package, distro):
    found = component_of(identifier)
    at = package_of(found)
    assert (at.name, at.version, at.type, at.namespace) == package
    assert (found.distro, found.release) == distro


def test_only_an_image_with_a_tag_is_a_reference():
    assert component_of("docker://shop/api:1").reference == "shop/api:1"
    assert component_of(f"docker://shop/api:sha256__{'2' * 64}").reference == f"shop/api@sha256:{'2' * 64}"
    assert component_of("docker://shop/api").reference == ""
    assert component_of("npm://api:1").reference == ""


def test_the_advisory_is_the_one_cve_or_who_covers_several():
    one, two = Cve("CVE-2099-0001"), Cve("CVE-2099-0002")
    assert names_of("XRAY-1", [one], "text") == ("CVE-2099-0001", ("XRAY-1",))
    assert names_of("XRAY-1", [one, one, None], "text") == ("CVE-2099-0001", ("XRAY-1",))
    assert names_of("XRAY-1", [one, two], "text") == ("XRAY-1", ("CVE-2099-0001", "CVE-2099-0002"))
    assert names_of("XRAY-1", [one, two], "RHSA-2099:0001: update")[0] == "RHSA-2099:0001"
    assert names_of("XRAY-1", [Cve()], "text") == ("XRAY-1", ())
    assert names_of(None, None, "text") == ("text", ())


def test_scores_are_read_as_number_and_as_text_with_the_vector():
    assert score([Cve(cvss_v2="9.9/CVSS:2.0/AV:N", cvss_v3="5.9/CVSS:3.1/AV:N"), Cve(cvss_v3_score="7.5")]) == 7.5
    assert score([Cve(cvss_v2_score=4.3), None]) == 4.3
    assert score([Cve(cvss_v3="CVSS:3.1/AV:N", cvss_v2="")]) == score(None) == 0


def test_signs_of_ranges_are_taken_off_fixed_versions():
    assert fixes_of(["≥ 1:3.0.16-1", "[2.0]", ">= 3", "[2.0]", None]) == "1:3.0.16-1, 2.0, 3"
    assert fixes_of(None) == ""
