"""Formats of scanners of one vendor each (see formats.py)."""

from __future__ import annotations

from scanning.format import Format

VENDORS: tuple[Format, ...] = (
    Format(
        "osv-scanner",
        "OSV-Scanner JSON: images, projects, SBOMs",
        "`osv-scanner scan image --format json --all-packages IMAGE > report.json`; send it with ?image=",
        "findings, packages with their layers, the image's layers and system; forbidden licences as checks",
    ),
    Format(
        "snyk",
        "Snyk CLI's JSON: an image with its applications, a project, or a list of them",
        "`snyk container test IMAGE --json-file-output=report.json`",
        "findings of the image and the applications in it, what the policy ignores as set aside, licence"
        " issues as checks, a failed test as such",
    ),
    Format(
        "snyk-api",
        "Snyk's Issues API, a page of issues",
        '`curl -H "Authorization: token TOKEN"'
        ' "https://api.snyk.io/rest/orgs/ORG/issues?version=2024-10-15&scan_item.type=project&scan_item.id=PROJECT&limit=100"`;'
        " send it with ?image=",
        "findings by project, those ignored as set aside; licence and code issues as checks",
    ),
    Format(
        "sysdig",
        "Sysdig's scan of one image: its scanner's JSON, old and new, and the API's result",
        "`sysdig-cli-scanner --apiurl https://SYSDIG --output=json-file=report.json IMAGE`, `curl -H"
        ' "Authorization: Bearer TOKEN" https://SYSDIG/secure/vulnerability/v1/results/ID > report.json`',
        "findings, accepted risks as set aside, all packages with their layers, the image's digests,"
        " layers and system; rules of policies as checks",
    ),
    Format(
        "sysdig-report",
        "Sysdig's vulnerability reports: CSV, old and of 2025, and JSON",
        "in Sysdig's console: Vulnerabilities, Reporting, a schedule's result",
        "findings by image, those whose risk was accepted as set aside, the image's name, ID and system",
    ),
    Format(
        "wiz",
        "Wiz's exports (CSV): issues, vulnerability findings",
        "in Wiz's console: Issues or Vulnerability Findings, Export to CSV",
        "issues as checks of the subscription, whatever their status; findings by asset, an asset is an"
        " image where the table says so",
    ),
    Format(
        "wizcli",
        "Wiz CLI's scan of an image, a directory or infrastructure as code",
        "`wizcli docker scan --image IMAGE --format json > report.json`",
        "findings with their layers, secrets (where they lie), the image's name and digests; rules of"
        " infrastructure as code as checks of the project",
    ),
    Format(
        "neuvector",
        "NeuVector's scan report of an image: of a registry, a workload, or the stand-alone scanner",
        '`curl -H "X-Auth-Token: TOKEN" https://NEUVECTOR:10443/v1/scan/registry/REGISTRY/image/ID > report.json`',
        "findings, all packages, the image's digests and system; CIS checks, secrets (where they lie)"
        " and files with raised rights as checks",
    ),
)
