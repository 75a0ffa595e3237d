"""What Snyk's identifiers and package managers say of a package: its kind and its distribution."""

from __future__ import annotations

import re

SYSTEMS = re.compile(
    r"SNYK-(ALPINE|DEBIAN|UBUNTU|CENTOS|RHEL|AMZN|ORACLE|ROCKY|SLES|WOLFI|CHAINGUARD|MINARIMOS)[\d.]*[A-Z]*-"
)
LANGUAGES = re.compile(r"SNYK-([A-Z]+)-")
KINDS = {
    "dotnet": "nuget",
    "golang": "golang",
    "java": "maven",
    "js": "npm",
    "php": "composer",
    "python": "pypi",
    "ruby": "gem",
    "rust": "cargo",
}
# Package managers as the CLI calls them, where ours are other words.
MANAGERS = {
    "golangdep": "golang",
    "gomodules": "golang",
    "govendor": "golang",
    "rubygems": "gem",
    "yarn-workspace": "npm",
}
OS_MANAGERS = {"deb", "apk", "rpm", "linux"}


def system_of(advisory: str) -> str:
    """Return the distribution that an identifier names, "" for an advisory on a language's package."""
    found = SYSTEMS.match(advisory)
    return found[1].lower() if found else ""


def family_of(advisory: str, manager: str = "") -> str:
    """Return the kind of package: a distribution, else what the package manager or the identifier says."""
    if advisory.startswith("npm:"):
        return "npm"
    language = LANGUAGES.match(advisory)
    named = KINDS.get(language[1].lower(), "") if language else ""
    return system_of(advisory) or MANAGERS.get(manager, manager) or named


def is_licence(advisory: str) -> bool:
    """Say whether an issue is about a licence."""
    return advisory.startswith("snyk:lic:")
