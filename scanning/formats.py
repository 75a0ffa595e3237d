"""Every format that is read, in words: what the document is, which command makes it, what is kept of it.

The page of formats shows it. The first three columns are the rows of the table in docs/scanners.md (a test holds them
together); the container that serves the page has no docs.
"""

from __future__ import annotations

from scanning.format import Format
from scanning.formats_cloud import CLOUD
from scanning.formats_posture import POSTURE
from scanning.formats_vendors import VENDORS

FORMATS: tuple[Format, ...] = (
    Format(
        "trivy",
        "Trivy JSON, schema 2: images, archives, file systems, repositories, SBOMs",
        "`trivy image --format json --list-all-pkgs -o report.json IMAGE`",
        "findings, packages with their layers, failed misconfigurations, secrets (where they lie, never the secret"
        " itself), licences, the image's digests, layers and system",
    ),
    Format(
        "trivy-kubernetes",
        "Trivy's cluster report, one entry per image",
        "`trivy k8s --format json -o report.json --report all cluster`",
        "findings, packages and checks of each image; the workloads themselves are not kept",
    ),
    Format(
        "trivy-legacy",
        "Trivy before 0.20: a bare list, or `null`",
        "`trivy -f json -o report.json IMAGE`",
        "findings and checks; it names no digest, so send it with ?image=",
    ),
    Format(
        "trivy-operator",
        "the operator's reports with findings, checks or an SBOM: bare, listed by kubectl, or from its webhook",
        "`kubectl get vulnerabilityreports -A -o json`, `kubectl get clustercompliancereports -o json`",
        "findings, failed checks, secrets (where they lie) and components of each image; benchmarks of the cluster",
    ),
    Format(
        "grype",
        "Grype JSON, old and new",
        "`grype IMAGE -o json > report.json`",
        "findings, those that Grype itself set aside, vulnerable packages with their layers, the image's digests",
    ),
    Format(
        "anchore",
        "Anchore's vulnerabilities: Engine's and Enterprise's API, anchorectl, the console's export",
        "`curl -u USER https://ANCHORE/v2/images/DIGEST/vuln/all > report.json`, `anchorectl image vulnerabilities "
        "IMAGE -o json > report.json`, `anchore-cli --json image vuln IMAGE all`",
        "findings with their vendor's refusal to fix, the image's manifest digest and system; anchorectl's list names"
        " no image, so send it with ?image=",
    ),
    Format(
        "anchore-policy",
        "Anchore's policy evaluations: Enterprise's and Engine's API, anchorectl, the Jenkins plug-in's gates",
        "`anchorectl image check --detail IMAGE -o json > policy.json`, `anchore-cli --json evaluate check IMAGE "
        "--detail`",
        "rows as checks of the image, allow-listed ones marked, never as vulnerabilities; the image's digests",
    ),
    Format(
        "aqua",
        "Aqua's scan result: of its scanner and CI plug-ins, of the image-scan webhook, of the task of Azure DevOps",
        "`docker run --rm -v /var/run/docker.sock:/var/run/docker.sock AQUA_SCANNER scan --local --jsonfile report.json"
        " IMAGE`",
        "findings, acknowledged ones set aside, all packages where all are listed, policies as checks, secrets and"
        " malware (where they lie), the image's digests and system",
    ),
    Format(
        "aqua-api",
        "answers of Aqua's API: findings of many images (version 2), the result of one (version 1)",
        '`curl -H "Authorization: Bearer TOKEN" "https://AQUA/api/v2/risks/vulnerabilities?pagesize=1000&'
        'image_name=IMAGE" > report.json`',
        "findings by image, acknowledged ones set aside, the image's name, digest and system",
    ),
    Format(
        "aqua-microscanner",
        "Aqua MicroScanner's result (not maintained), alone or in the output of the build",
        "`docker build . > report.txt` with MicroScanner as a step",
        "findings and packages of the image that the sender names: ?image=",
    ),
    Format(
        "twistlock",
        "Twistlock (Prisma Cloud Compute): twistcli's file",
        "`twistcli images scan --address https://CONSOLE --details --output-file report.json IMAGE`",
        "findings with the vendor's state, all packages, compliance issues as checks, the image's ID, the digest that"
        " its registry knows, its system",
    ),
    Format(
        "twistlock-api",
        "Twistlock's console: images of its API (deployed, of registries, scanned in CI)",
        '`curl -H "Authorization: Bearer TOKEN" "https://CONSOLE/api/v34.04/images?limit=50" > images.json`, `curl -H '
        '"Authorization: Bearer TOKEN" "https://CONSOLE/api/v34.04/registry?limit=50" > images.json`',
        "findings and packages by image, compliance issues as checks, secrets (where they lie), names, digests and"
        " layers; hosts and functions are left out",
    ),
    Format(
        "twistlock-csv",
        "Twistlock's console: its tables of images",
        "in the console: Monitor, Vulnerabilities, Images (Deployed, Registries or CI), CSV",
        "findings by image, compliance issues as checks, the image's name, ID and system; an image without findings is"
        " not in the table",
    ),
    Format(
        "twistlock-event",
        "Prisma Cloud Compute's alert in Portwarden's template",
        "in the console: Manage, Alerts, a profile of the kind Webhook with the template of docs/scanners.md",
        "the image's name: an event is no scan",
    ),
    Format(
        "xeol",
        "Xeol's ends of life",
        "`xeol IMAGE -o json > report.json`",
        "each package past or near its end of life as a check, the distribution's own end, the image's digests; no"
        " vulnerabilities",
    ),
    Format(
        "empty",
        "an empty list or object, as several scanners write where they found nothing",
        "whichever scanner it was: send it with its format's name",
        "nothing: it names no scanner and proves no scan",
    ),
    Format(
        "cyclonedx",
        "CycloneDX JSON 1.2 to 1.7, with or without vulnerabilities",
        "`trivy image --format cyclonedx -o bom.json IMAGE`, `syft IMAGE -o cyclonedx-json`",
        "components, where they lie and their licences, vulnerabilities, those that its analysis sets aside",
    ),
    Format(
        "syft",
        "Syft JSON",
        "`syft IMAGE -o json > sbom.json`",
        "packages with their layers, the image's digests; a list of packages is no vulnerability scan",
    ),
    Format(
        "harbor",
        "Harbor's vulnerability report: by MIME type as the API answers, alone, or the security hub's list",
        '`curl -u USER -H "X-Accept-Vulnerabilities: application/vnd.security.vulnerability.report; '
        'version=1.1" '
        "https://HARBOR/api/v2.0/projects/PROJECT/repositories/REPOSITORY/artifacts/DIGEST/additions/"
        "vulnerabilities`",
        "findings with the scanner that Harbor names, the image's digest (one image each of an index)",
    ),
    Format(
        "clair-scanner",
        "clair-scanner's report of Clair 2",
        "`clair-scanner --report=report.json --threshold=Unknown IMAGE`",
        "findings, also those that clair-scanner let pass; the image's name",
    ),
    Format(
        "klar",
        "Klar's report of Clair 2",
        "`CLAIR_ADDR=CLAIR CLAIR_OUTPUT=Unknown JSON_OUTPUT=true klar IMAGE > report.json`",
        "findings; it names no image, so send it with ?image=",
    ),
    Format(
        "clair",
        "Clair 4: vulnerability report and index report",
        "`clairctl report -o json IMAGE > report.json`, `curl "
        "https://CLAIR/matcher/api/v1/vulnerability_report/DIGEST`",
        "findings, all packages, the image's manifest digest and system; an index report is a package list and no scan",
    ),
    Format(
        "quay",
        "Quay's security report of a manifest; a layer of Clair 1",
        '`curl -H "Authorization: Bearer TOKEN" '
        '"https://QUAY/api/v1/repository/NAMESPACE/REPOSITORY/manifest/DIGEST/security?vulnerabilities=true"`',
        "findings, all packages, the image's manifest digest",
    ),
    Format(
        "gitlab",
        "GitLab's container-scanning report, also by Trivy's template",
        '`trivy image --format template --template "@contrib/gitlab.tpl" -o gl-container-scanning-report.json'
        " IMAGE`, in GitLab the artifact of the job `container_scanning`",
        "findings by image, the image's name (its digest where the name has one), the scanner that GitLab ran",
    ),
    Format(
        "sarif",
        "SARIF 2.1: of Trivy, Grype, Docker Scout, Snyk, OSV-Scanner, Clair and Sysdig vulnerabilities,"
        " of every other tool checks",
        "`docker scout cves --format sarif --output report.sarif IMAGE`, `grype IMAGE -o sarif >"
        " report.sarif`, `trivy image --format sarif -o report.sarif IMAGE`, `snyk container test IMAGE"
        " --sarif-file-output=report.sarif`",
        "findings with package, version and fix as their messages say, those suppressed, the image where"
        " the tool names it; results of other tools as checks",
    ),
    *VENDORS,
    Format(
        "stackrox",
        "StackRox (Red Hat ACS): Central's image, `roxctl image scan` as JSON or CSV",
        '`roxctl image scan --image=IMAGE --output=json > report.json`, `curl -H "Authorization: Bearer '
        'TOKEN" https://CENTRAL/v1/images/DIGEST`',
        "findings; of Central's image also all packages, its digests, and what its users deferred or called false",
    ),
    Format(
        "stackrox-check",
        "StackRox's policy checks of an image or a deployment, JSON or CSV",
        "`roxctl image check --image=IMAGE --output=json > check.json`, `roxctl deployment check "
        "--file=deployment.yaml --output=json`",
        "violated policies: checks of the image, or a benchmark of the deployment",
    ),
    Format(
        "deepfence",
        "Deepfence ThreatMapper's table of vulnerabilities",
        "in ThreatMapper's console: Vulnerabilities, a scan's results, export as CSV",
        "findings by image, those masked in ThreatMapper as set aside",
    ),
    Format(
        "openreports",
        "policy reports of Kubernetes: openreports.io and wgpolicyk8s.io",
        "`kubectl get reports.openreports.io -A -o json`, `kubectl get policyreports -A -o json`",
        "results of vulnerability scans as findings, all others as checks of the cluster",
    ),
    Format(
        "trivy-operator-prometheus",
        "Trivy Operator's metrics, as Prometheus answers a query",
        '`curl "https://PROMETHEUS/api/v1/query?query=trivy_vulnerability_id"`',
        "findings by image, secrets (where they lie), checks and compliance of the cluster",
    ),
    *POSTURE,
    *CLOUD,
    Format(
        "spdx",
        "SPDX 2.2 and 2.3 in JSON",
        "`syft IMAGE -o spdx-json > sbom.spdx.json`, `trivy image --format spdx-json -o sbom.spdx.json IMAGE`",
        "packages and where they lie, the image's digests; vulnerabilities that SECURITY references name",
    ),
    Format(
        "openvex",
        "OpenVEX 0.2.0 and before",
        "`vexctl create --product=PURL --vuln=CVE --status=not_affected --justification=component_not_present"
        " --file=vex.json`",
        "every statement: issuer, product, component, status, justification, words, time",
    ),
    Format(
        "csaf",
        "CSAF 2.0 and 2.1: VEX profile and security advisories",
        "`curl -O https://VENDOR/csaf/vex/YEAR/CVE.json`",
        "one statement for each vulnerability, product and status; products through the tree, with purl and CPE",
    ),
    Format(
        "cyclonedx-vex",
        "CycloneDX VEX: analyses without the components of a scan",
        "`cyclonedx merge` or a tool that writes `vulnerabilities[].analysis`",
        "every analysis as a statement on a product, a component or what a BOM-Link means",
    ),
    Format(
        "attestation",
        "attestations: DSSE envelopes, Sigstore bundles, in-toto statements, one or one a line",
        "`cosign download attestation IMAGE > attestations.jsonl`,"
        " `cosign attest --type vuln --predicate report.json IMAGE`",
        "what the predicate is (SBOM, VEX, a scanner's report), on the image that the subject's digest names",
    ),
    Format(
        "harbor-event",
        "Harbor's webhooks, default payload and CloudEvents",
        "Harbor: Project, Webhooks",
        "the names and digests of the images: an event states nothing",
    ),
    Format(
        "registry-event",
        "notifications of CNCF Distribution and Azure Container Registry",
        "Distribution: `notifications.endpoints` in its configuration; Azure: Webhooks",
        "the names and digests of the images: an event states nothing",
    ),
    Format(
        "dockerhub-event",
        "Docker Hub's webhook",
        "Docker Hub: Repository, Webhooks",
        "the image's name: it has no digest",
    ),
    Format(
        "github-event",
        "GitHub's events `package` and `registry_package`",
        "GitHub: Settings, Webhooks, Packages",
        "the names and digests of the images: an event states nothing",
    ),
    Format(
        "clair-event",
        "a page of Clair 4's notifications",
        "`curl https://CLAIR/notifier/api/v1/notification/ID`",
        "the digests of the images: ask Clair for their reports",
    ),
    Format(
        "stackrox-event",
        "StackRox's alerts, as its generic notifier sends them",
        "StackRox: Integrations, Notifiers, Generic Webhook",
        "the names and digests of the images: an event states nothing",
    ),
    Format(
        "admission-event",
        "Kubernetes' admission reviews and image reviews",
        "what the API server sends to an admission webhook",
        "the names of the images of all containers",
    ),
)


def row_of(one: Format) -> str:
    """Its row in docs/scanners.md."""
    cells = (f"`{one.name}`", one.document, one.made_by)
    return f"| {' | '.join(cell.replace('|', '\\|') for cell in cells)} |"
