"""Formats of scanners that belong to registries and clouds (see formats.py)."""

from __future__ import annotations

from scanning.format import Format

CLOUD: tuple[Format, ...] = (
    Format(
        "jfrog-xray",
        "JFrog Xray's export of an artifact's components",
        "in JFrog's console: Xray, Scans List, the image, Actions, Export Scan Data, Vulnerabilities as JSON;"
        " send it with ?image=",
        "findings with the fixed versions",
    ),
    Format(
        "jfrog-xray-scan",
        "JFrog CLI's scan on demand: Xray's answers",
        "`jf docker scan IMAGE --format=json > scan.json`",
        "findings of each artifact with the package's place, the image's name; a scan that failed as such",
    ),
    Format(
        "jfrog-xray-summary",
        "JFrog Xray's artifact summary",
        '`curl -u USER:TOKEN https://JFROG/xray/api/v1/summary/artifact -H "Content-Type: application/json" '
        '-d \'{"paths": ["default/REPOSITORY/IMAGE/TAG"]}\'`',
        "findings of each image at every package that an issue names, the image's manifest digest; licence "
        "issues as checks",
    ),
    Format(
        "jfrog-xray-unified",
        "JFrog Xray's vulnerabilities report",
        "`curl -X POST -u USER:TOKEN "
        '"https://JFROG/xray/api/v1/reports/vulnerabilities/REPORT'
        '?direction=asc&page_num=1&num_of_rows=10000&order_by=severity"`',
        "findings by image",
    ),
    Format(
        "aws-inspector",
        "Amazon Inspector 2's findings",
        "`aws inspector2 list-findings --filter-criteria "
        '\'{"ecrImageRepositoryName":[{"comparison":"EQUALS","value":"REPOSITORY"}]}\' > findings.json`',
        "findings by image at every package that each names, the image's digest, tags and system; closed and "
        "suppressed ones as set aside; open networks and code as checks of the account",
    ),
    Format(
        "aws-ecr",
        "Amazon ECR's scan of an image, basic or enhanced",
        "`aws ecr describe-image-scan-findings --repository-name REPOSITORY --image-id imageTag=TAG > scan.json`",
        "findings, the image's digest, of an enhanced scan also its repository and system; a scan that failed as such",
    ),
    Format(
        "aws-security-hub",
        "AWS Security Hub's findings",
        "`aws securityhub get-findings > findings.json`",
        "vulnerabilities by image, archived and suppressed ones as set aside; controls and other products' "
        "findings as checks of the account",
    ),
    Format(
        "google-artifact-analysis",
        "Google Artifact Analysis: gcloud's description of an image, lists of occurrences",
        "`gcloud artifacts docker images describe IMAGE --show-package-vulnerability --format=json > "
        "scan.json`, `gcloud artifacts docker images list-vulnerabilities SCAN --format=json`",
        "findings by image, its digest and system; those that a VEX document takes back as set aside; a scan "
        "that failed as such",
    ),
)
