"""What Sysdig calls kinds of packages and systems, in its scanner's JSON and in its reports."""

from __future__ import annotations

from governance.findings.report import PackageAt
from scanning.parsers.packages import identify

KINDS = {
    "c#": "nuget",
    ".net": "nuget",
    "dotnet": "nuget",
    "go": "golang",
    "golang": "golang",
    "java": "maven",
    "javascript": "npm",
    "node": "npm",
    "php": "composer",
    "python": "pypi",
    "ruby": "gem",
    "rust": "cargo",
}


def system_of(text: str) -> tuple[str, str]:
    """Split a system, `debian 12.9`; ("", "") where it is none."""
    name, _, version = text.strip().partition(" ")
    return (name.lower(), version.strip()) if name and name.lower() != "unknown" else ("", "")


def package_of(name: str, version: str, kind: str, distro: str, path: str = "", layer: str = "") -> PackageAt:
    """Return a package; of the type `os` it is one of the distribution's."""
    is_system = kind.lower() == "os"
    family = distro if is_system else KINDS.get(kind.lower(), kind)
    found = identify(name, version, None, family, distro if is_system else "")
    return PackageAt(found.name, found.version, found.type, found.namespace, path=path, layer=layer)
