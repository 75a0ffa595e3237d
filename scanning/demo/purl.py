"""Package URLs as Trivy and Syft write them."""

from __future__ import annotations

from urllib.parse import quote

from scanning.demo.images import Built, Shipped

# Alpine calls architectures as the kernel does.
ALPINE = {"amd64": "x86_64", "arm64": "aarch64"}


def purl_of(package: Shipped, image: Built) -> str:
    """`pkg:type/namespace/name@version?qualifiers`."""
    kind, name, version = package.source.kind, package.name, quote(package.version, safe=":+.-_~")
    if kind in ("deb", "apk") and image.distro:
        architecture = ALPINE.get(image.architecture, "") if kind == "apk" else image.architecture
        distro = f"{image.distro.family}-{image.distro.version}"
        return f"pkg:{kind}/{image.distro.family}/{name}@{version}?arch={architecture}&distro={distro}"
    if kind == "pypi":
        name = name.lower()
    return f"pkg:{kind}/{name.replace(':', '/')}@{version}"
