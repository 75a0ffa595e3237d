"""One name for each scanner, however its documents spell it."""

from __future__ import annotations

SCOUT = "docker-scout"

# What documents call a tool (lower case, hyphens for blanks), and its name here.
NAMES = {
    "anchore-container-vulnerability-report-(t0)": "grype",
    "anchore-grype": "grype",
    "anchore-grype-scan": "grype",
    "clair-v2": "clair",
    "clair-v4": "clair",
    "docker-scout-cli": SCOUT,
    "dockerscout": SCOUT,
    "osv-scalibr": "osv-scanner",
    "osvscanner": "osv-scanner",
    "scout": SCOUT,
    "scout-cli": SCOUT,
    "snyk-container": "snyk",
    "snyk-open-source": "snyk",
    "snykcode": "snyk-code",
    "snykiac": "snyk-iac",
    "sysdig-cli-scanner": "sysdig",
}


def scanner_of(name: str) -> str:
    """Return the scanner's name; of an unheard-of tool the same in lower case, with hyphens for blanks."""
    plain = "-".join(name.lower().replace("_", " ").split())
    return NAMES.get(plain, plain)
