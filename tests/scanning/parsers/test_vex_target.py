"""What a statement's product means is what it is applied to: better nowhere than too widely."""

import pytest

from governance.findings.report import PackageAt, Reach
from scanning.parsers.vex_target import Target

D2 = f"sha256:{'2' * 64}"
PURL = f"pkg:oci/api@sha256%3A{'2' * 64}?repository_url=registry.example%2Fshop%2Fapi&tag=1"
SSL = PackageAt(name="libssl3", version="3.0.15-1", type="deb", namespace="debian")


@pytest.mark.parametrize(
    ("products", "images"),
    [
        ([PURL], (D2,)),
        (["pkg:oci/api?repository_url=registry.example/shop/api&tag=1"], ("registry.example/shop/api:1",)),
        # Some write only where it lies.
        (["pkg:oci/api?repository_url=registry.example/shop"], ("registry.example/shop/api",)),
        (["pkg:docker/shop/api@1?repository_url=registry.example"], ("registry.example/shop/api:1",)),
        (["registry.example/shop/api:1", D2], ("registry.example/shop/api:1", D2)),
        (["Unknown Product", "https://vex.example/api", "urn:cdx:1/1", "cpe:/a:shop:api:1"], ()),
    ],
)
def test_images_are_named_by_digest_else_by_reference(products, images):
    assert Target(products, "").images == images
    assert Target(products, "").reach == (Reach.IMAGE if images else Reach.NOWHERE)


@pytest.mark.parametrize(
    ("products", "component", "cpes", "reach", "package"),
    [
        ([PURL], "pkg:deb/debian/libssl3@3.0.15-1?arch=amd64", [], Reach.IMAGE, SSL),
        ([], "pkg:deb/debian/libssl3@3.0.15-1", [], Reach.PACKAGE, SSL),
        (["pkg:deb/debian/libssl3@3.0.15-1"], "", [], Reach.PACKAGE, SSL),
        (["urn:x"], "pkg:deb/debian/libssl3@3.0.15-1", ["cpe:/o:debian:debian_linux:12"], Reach.PLATFORM, SSL),
        # What part of the image is meant is not known: it is not the whole.
        ([PURL], "openssl", [], Reach.NOWHERE, None),
        (["pkg:github/shop/api@1"], "pkg:deb/debian/libssl3@3.0.15-1", [], Reach.NOWHERE, SSL),
        (["pkg:github/shop/api@1"], "", [], Reach.NOWHERE, None),
    ],
)
def test_how_far_a_statement_reaches(products, component, cpes, reach, package):
    target = Target(products, component, cpes)
    assert (target.reach, target.package) == (reach, package)


def test_an_image_may_be_written_as_the_component():
    target = Target(["cpe:/a:redhat:openshift:4"], PURL)
    assert (target.reach, target.images, target.package) == (Reach.IMAGE, (D2,), None)


@pytest.mark.parametrize(
    ("cpe", "system"),
    [
        ("cpe:/o:redhat:enterprise_linux:9::baseos", "redhat 9"),
        ("cpe:2.3:o:canonical:ubuntu_linux:22.04:*:*:*:lts:*:*:*", "ubuntu 22.04"),
        ("cpe:/a:redhat:openshift:4.16::el9", ""),
        ("cpe:/o:redhat:enterprise_linux", ""),
    ],
)
def test_a_platform_is_an_operating_system_that_is_known(cpe, system):
    assert Target(["urn:x"], "pkg:rpm/redhat/openssl", [cpe]).platforms == ((system,) if system else ())
