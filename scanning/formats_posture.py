"""Formats of tools that check hosts, clusters, images and projects (see formats.py)."""

from __future__ import annotations

from scanning.format import Format

POSTURE: tuple[Format, ...] = (
    Format(
        "docker-bench",
        "Docker Bench for Security's log",
        "`sh docker-bench-security.sh -l bench.log`, which writes `bench.log.json`; send it with ?subject=HOST",
        "all results as checks of the host, with the containers and images that each names",
    ),
    Format(
        "kube-bench",
        "kube-bench JSON: with totals, a bare list, or one group of controls",
        "`kube-bench run --json > kube-bench.json`; send it with ?subject=NODE",
        "all results as checks of the node, by version of the benchmark",
    ),
    Format(
        "dockle",
        "Dockle JSON",
        "`dockle -f json -o dockle.json IMAGE`",
        "checks of the image, and its name where Dockle writes it",
    ),
    Format(
        "hadolint",
        "Hadolint JSON",
        "`hadolint --format json Dockerfile > hadolint.json`; send it with ?subject=PROJECT",
        "all findings as checks of the project, with file and line",
    ),
    Format(
        "kubescape",
        "Kubescape's results, format version 2: of a cluster or of files",
        "`kubescape scan framework nsa,mitre --format json --format-version v2 --output kubescape.json`",
        "every control of every resource as checks of the cluster or the project",
    ),
    Format(
        "kube-hunter",
        "kube-hunter JSON",
        "`kube-hunter --cidr NETWORK --report json > kube-hunter.json`; send it with ?subject=CLUSTER",
        "weaknesses as checks of the cluster, the services that answered as notes",
    ),
    Format(
        "neuvector-compliance",
        "NeuVector's compliance checks of a host or container",
        '`curl -H "X-Auth-Token: TOKEN" https://NEUVECTOR:10443/v1/host/HOST/compliance`; send it with ?subject=HOST',
        "all results as checks, by benchmark",
    ),
    Format(
        "azure-defender",
        "Microsoft Defender for Cloud's table of recommendations",
        "in the Azure portal: Microsoft Defender for Cloud, Recommendations, Download CSV report",
        "recommendations as checks of the subscription, by resource",
    ),
)
