"""What a package is called: package URLs (purl-spec), and one identity whichever scanner wrote it.

The rule: `name` is the full name people know (`@babel/core`, `github.com/gin-gonic/gin`, `group:artifact` for Maven);
`namespace` is the distribution for operating-system packages and empty otherwise; `version` is as installed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

OS_TYPES = frozenset({"deb", "rpm", "apk", "alpm"})
# Nothing longer is kept in memory from one report to the next.
LONG = 300

# Names of one distribution: Syft writes the ID of os-release, Trivy its own. Trivy's is kept.
DISTROS = {
    "almalinux": "alma",
    "amzn": "amazon",
    "mariner": "cbl-mariner",
    "ol": "oracle",
    "opensuse-leap": "opensuse",
    "opensuse.leap": "opensuse",
    "opensuse-tumbleweed": "opensuse",
    "opensuse.tumbleweed": "opensuse",
    "rhel": "redhat",
    "sles": "suse",
    "suse linux enterprise server": "suse",
}

# The purl type for the words of Trivy (`Type`: a distribution or a package manager) and of Syft and Grype (`type`).
TYPES = (
    dict.fromkeys(("debian", "ubuntu", "deb"), "deb")
    | dict.fromkeys(("alpine", "wolfi", "chainguard", "apk"), "apk")
    | dict.fromkeys(("redhat", "centos", "fedora", "rocky", "alma", "amazon", "oracle", "photon", "rpm"), "rpm")
    | dict.fromkeys(("cbl-mariner", "azurelinux", "opensuse", "opensuse-leap", "suse", "sles"), "rpm")
    | dict.fromkeys(("npm", "yarn", "pnpm", "bun", "node-pkg"), "npm")
    | dict.fromkeys(("pip", "pipenv", "poetry", "uv", "python-pkg", "python", "pypi"), "pypi")
    | dict.fromkeys(("bundler", "gemspec", "gem"), "gem")
    | dict.fromkeys(("gomod", "gobinary", "go-module", "golang"), "golang")
    | dict.fromkeys(("jar", "pom", "gradle", "sbt", "java-archive", "maven"), "maven")
    | dict.fromkeys(("composer", "composer-vendor", "php-composer"), "composer")
    | dict.fromkeys(("cargo", "rustbinary", "rust-binary", "rust-crate"), "cargo")
    | dict.fromkeys(("nuget", "dotnet-core", "packages-props", "dotnet"), "nuget")
)


class Purl(NamedTuple):
    """A package URL, percent-decoded but for the qualifiers."""

    type: str
    namespace: str
    name: str
    version: str
    qualifiers: str

    def qualifier(self, name: str) -> str:
        """Return the first qualifier of that name, decoded, or ""."""
        for pair in self.qualifiers.split("&"):
            key, _, value = pair.partition("=")
            if key == name:
                return unquote(value)
        return ""


class Identity(NamedTuple):
    """What makes two packages the same."""

    type: str
    namespace: str
    name: str
    version: str


def split_purl(text: str) -> Purl | None:
    """Split `pkg:type/namespace/name@version?qualifiers#subpath` (purl-spec, "How to parse"); None if it is none."""
    if not text.startswith("pkg:"):
        return None
    rest, _, qualifiers = text[4:].partition("#")[0].partition("?")
    kind, _, path = rest.lstrip("/").partition("/")
    at = path.rfind("@")
    # The @ of an unencoded npm scope opens a segment; a version never does.
    if at > 0 and path[at - 1] != "/":
        path, version = path[:at], path[at + 1 :]
    else:
        version = ""
    namespace, _, name = path.strip("/").rpartition("/")
    if not kind or not name:
        return None
    if "%" in rest:
        namespace, name, version = unquote(namespace), unquote(name), unquote(version)
    return Purl(kind.lower(), namespace, name, version, qualifiers)


@lru_cache(maxsize=64)
def distribution(name: str) -> str:
    """Return the one name of a distribution."""
    lowered = name.lower()
    return DISTROS.get(lowered, lowered)


def identify(name: str, version: str, purl: Purl | None, family: str = "", distro: str = "") -> Identity:
    """Say what the package is, from its purl, else from the scanner's word for its kind and distribution."""
    kind = purl.type if purl else TYPES.get(family.lower(), "")
    if kind in OS_TYPES:
        # An rpm without epoch has epoch 0; Grype writes it, Trivy does not.
        version = version.removeprefix("0:") if kind == "rpm" else version
        return Identity(kind, distribution((purl and purl.namespace) or distro), name, version)
    if purl and kind == "maven" and purl.namespace:
        name = f"{purl.namespace}:{purl.name}"
    return Identity(kind, "", name, version)


@lru_cache(maxsize=4096)
def _identify_by_purl(name: str, version: str, purl: str, family: str) -> Identity:
    return identify(name, version, split_purl(purl), family, family)


def identify_by_purl(name: str, version: str, purl: str, family: str) -> Identity:
    """`identify` with a package URL as written; images of a fleet share most packages, so the last few are kept."""
    if len(name) + len(version) + len(purl) > LONG:
        return _identify_by_purl.__wrapped__(name, version, purl, family)
    return _identify_by_purl(name, version, purl, family)


def upstream_of(purl: Purl | None) -> tuple[str, str]:
    """Return the source package that Syft writes as a qualifier: `name`, `name@version` or a source rpm's file name."""
    text = purl.qualifier("upstream") if purl and "upstream=" in purl.qualifiers else ""
    if text.endswith(".src.rpm"):
        name, _, version = text.removesuffix(".src.rpm").rpartition("-")
        name, _, release = name.rpartition("-")
        return (name, f"{release}-{version}") if name else ("", "")
    name, _, version = text.partition("@")
    return name, version
