"""What a VEX statement's product and component mean: images, operating systems, packages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from governance.findings.report import PackageAt, Reach
from scanning.parsers.image_config import is_reference
from scanning.parsers.oci_purl import purl_digest, repository_of
from scanning.parsers.packages import OS_TYPES, Purl, identify, split_purl

IMAGE_TYPES = {"oci", "docker"}
# Products that are no package in an image: a source tree, software without a package manager.
NO_PACKAGES = {"github", "bitbucket", "gitlab", "generic", "swid", "huggingface"}
REFERENCE = re.compile(r"[\w.:/@-]{1,400}")
# `cpe:/o:redhat:enterprise_linux:9::baseos`, `cpe:2.3:o:debian:debian_linux:12:*...`: (vendor, product) by our names.
CPE = re.compile(r"cpe:(?:/|2\.3:)[ao]:(\w+):(\w+):([\w.]+)")
SYSTEMS = {
    ("redhat", "enterprise_linux"): "redhat",
    ("debian", "debian_linux"): "debian",
    ("canonical", "ubuntu_linux"): "ubuntu",
    ("alpinelinux", "alpine_linux"): "alpine",
    ("rocky", "rocky"): "rocky",
    ("almalinux", "almalinux"): "alma",
    ("oracle", "linux"): "oracle",
}


class Target:
    """The parts of a statement that can be looked up."""

    def __init__(self, products: Iterable[str], component: str, cpes: Iterable[str] = ()) -> None:
        named = list(products)
        purl = split_purl(component)
        if purl and purl.type in IMAGE_TYPES:
            named, component, purl = [component], "", None
        self.images = tuple(dict.fromkeys(filter(None, map(image_name, named))))
        self.platforms = tuple(dict.fromkeys(filter(None, map(platform, cpes))))
        self.package = package_at(purl)
        self.reach = self._reach(named, component)

    def _reach(self, products: list[str], component: str) -> Reach:
        if component and self.package is None:
            return Reach.NOWHERE
        if self.images:
            return Reach.IMAGE
        if component:
            return Reach.PLATFORM if self.platforms else Reach.NOWHERE if products else Reach.PACKAGE
        packages = [found for product in products if (found := package_at(split_purl(product)))]
        self.package = packages[0] if packages else None
        return Reach.PACKAGE if packages else Reach.NOWHERE

    @property
    def fields(self) -> dict[str, object]:
        """As the statement has them."""
        return {
            "reach": self.reach,
            "images": self.images,
            "platforms": self.platforms,
            "package": self.package,
        }


def image_name(text: str) -> str:
    """Return the digest or reference by which a product is an image; "" where it is none."""
    if purl := split_purl(text):
        if purl.type not in IMAGE_TYPES:
            return ""
        if digests := purl_digest(purl):
            return digests[0].rpartition("@")[2]
        tag = purl.qualifier("tag") or (purl.version if purl.type == "docker" else "")
        return f"{repository_of(purl)}:{tag}" if tag else repository_of(purl)
    is_other = text.startswith(("urn:", "cpe:", "pkg:")) or "://" in text
    return text if not is_other and REFERENCE.fullmatch(text) and is_reference(text) else ""


def platform(cpe: str) -> str:
    """Return the operating system that a CPE names, `redhat 9`; "" for anything else."""
    found = CPE.match(cpe)
    system = SYSTEMS.get((found[1], found[2])) if found else None
    return f"{system} {found[3]}" if system and found else ""


def package_at(purl: Purl | None) -> PackageAt | None:
    """Return the package that a purl names; None where it names none that lies in images."""
    if purl is None or purl.type in IMAGE_TYPES or purl.type in NO_PACKAGES:
        return None
    parts = (purl.name,) if purl.type in OS_TYPES else (purl.namespace, purl.name)
    one = identify("/".join(filter(None, parts)), purl.version, purl)
    return PackageAt(name=one.name, version=one.version, type=one.type, namespace=one.namespace)
