"""Reports as Trivy writes them (`trivy image --format json --list-all-pkgs`, `trivy k8s`), schema version 2."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from scanning.demo.images import Built, Shipped, rfc3339
from scanning.demo.licences import LICENCES
from scanning.demo.purl import purl_of
from scanning.demo.statements import Statement, statements

VERSION = "0.74.0"
# Kind of package → class, type and target of Trivy's result; a distribution's are made of its name.
RESULTS = {
    "npm": ("lang-pkgs", "node-pkg", "Node.js"),
    "pypi": ("lang-pkgs", "python-pkg", "Python"),
    "maven": ("lang-pkgs", "jar", "Java"),
    "golang": ("lang-pkgs", "gobinary", "usr/bin/gateway"),
}
SOURCES = {"deb": "debian", "apk": "alpine"}
NUMBERS = {"low": 1, "medium": 2, "high": 3, "critical": 4}


def image_report(image: Built, day: int, at: datetime, pushed: bool) -> bytes:
    """One image. Before it is pushed the scanner knows no registry digest."""
    report = {
        "SchemaVersion": 2,
        "Trivy": {"Version": VERSION},
        "CreatedAt": rfc3339(at),
        "ArtifactName": image.references[0],
        "ArtifactType": "container_image",
        "Metadata": metadata(image, pushed),
        "Results": results(image, day),
    }
    return json.dumps(report, indent=1).encode()


def nameless_report(reference: str, at: datetime) -> bytes:
    """A report that somebody stripped down to the name and the findings."""
    found = {
        "VulnerabilityID": "CVE-2099-0999",
        "PkgName": "openssl",
        "InstalledVersion": "1.1.1w",
        "Severity": "HIGH",
        "Status": "affected",
        "Title": "openssl: heap buffer overflow in a length calculation",
    }
    report = {
        "SchemaVersion": 2,
        "CreatedAt": rfc3339(at),
        "ArtifactName": reference,
        "ArtifactType": "container_image",
        "Results": [{"Target": reference, "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [found]}],
    }
    return json.dumps(report, indent=1).encode()


def cluster_report(cluster: str, images: Sequence[Built], failed: Sequence[Built], day: int) -> bytes:
    """What a cluster runs, each image under its workload; `failed` could not be pulled for the scan."""
    resources: list[dict[str, Any]] = [
        {**_workload(image), "Metadata": [metadata(image, pushed=True)], "Results": results(image, day)}
        for image in images
    ]
    resources += [
        {
            **_workload(image),
            "Metadata": [metadata(image, pushed=True)],
            "Error": "scan error: unable to pull: UNAUTHORIZED",
        }
        for image in failed
    ]
    return json.dumps({"SchemaVersion": 2, "ClusterName": cluster, "Resources": resources}, indent=1).encode()


def _workload(image: Built) -> dict[str, str]:
    name = image.recipe.repository.rpartition("/")[2]
    return {"Namespace": image.recipe.runs, "Kind": "Deployment", "Name": name}


def metadata(image: Built, pushed: bool) -> dict[str, Any]:
    """`Metadata`: the image."""
    told: dict[str, Any] = {"Size": image.size}
    if image.distro:
        told["OS"] = {"Family": image.distro.family, "Name": image.distro.version}
        if image.distro.end_of_life:
            told["OS"]["EOSL"] = True
    told |= {
        "ImageID": image.config_digest,
        "DiffIDs": [layer.diff_id for layer in image.layers],
        "RepoTags": image.references,
        "RepoDigests": image.repo_digests if pushed else None,
        "ImageConfig": image.config_object,
        "Layers": [{"Size": layer.size, "Digest": layer.blob, "DiffID": layer.diff_id} for layer in image.layers],
    }
    return {name: value for name, value in told.items() if value is not None}


def results(image: Built, day: int) -> list[dict[str, Any]]:
    """One result per kind of package."""
    found = statements(image, day)
    kinds = dict.fromkeys(package.source.kind for package in image.packages)
    return [_result(image, kind, [one for one in found if one.package.source.kind == kind]) for kind in kinds]


def _result(image: Built, kind: str, found: list[Statement]) -> dict[str, Any]:
    packages = [package for package in image.packages if package.source.kind == kind]
    if kind in RESULTS:
        group, name, target = RESULTS[kind]
    else:
        group, name = "os-pkgs", image.distro.family if image.distro else ""
        version = image.distro.version if image.distro else ""
        target = f"{image.references[0]} ({name} {version})"
    written = [_vulnerability(one, image) for one in found]
    member = "ExperimentalModifiedFindings" if image.recipe.aside else "Vulnerabilities"
    return {
        "Target": target,
        "Class": group,
        "Type": name,
        "Packages": [_package(package, image) for package in packages],
        **({member: [_aside(one) for one in written] if image.recipe.aside else written} if written else {}),
    }


def _aside(vulnerability: dict[str, Any]) -> dict[str, Any]:
    """As Trivy writes what a VEX document sets aside."""
    return {
        "Type": "vulnerability",
        "Status": "not_affected",
        "Statement": "vulnerable_code_not_in_execute_path",
        "Source": "client.openvex.json",
        "Finding": vulnerability,
    }


def _layer(package: Shipped, image: Built) -> dict[str, str]:
    layer = image.layers[package.layer]
    return {"Digest": layer.blob, "DiffID": layer.diff_id}


def _package(package: Shipped, image: Built) -> dict[str, Any]:
    kind = package.source.kind
    epoch, colon, rest = package.version.rpartition(":")
    version, dash, release = rest.rpartition("-") if kind == "deb" else (rest, "", "")
    told: dict[str, Any] = {
        "ID": f"{package.name}@{package.version}",
        "Name": package.name,
        "Identifier": {"PURL": purl_of(package, image)},
        "Version": version if dash or kind != "deb" else release,
        "Layer": _layer(package, image),
    }
    if kind == "deb" and dash:
        told |= {"Release": release, "SrcName": package.source.name, "SrcVersion": version, "SrcRelease": release}
    elif kind in SOURCES:
        told |= {"SrcName": package.source.name, "SrcVersion": told["Version"]}
    if colon:
        told |= {"Epoch": int(epoch), "SrcEpoch": int(epoch)}
    if package.path:
        told["FilePath"] = package.path
    if licences := LICENCES.get(package.source.name):
        told["Licenses"] = licences
    return told


def _vulnerability(one: Statement, image: Built) -> dict[str, Any]:
    flaw, package = one.flaw, one.package
    told = {
        "VulnerabilityID": flaw.cve,
        "PkgID": f"{package.name}@{package.version}",
        "PkgName": package.name,
        "PkgPath": package.path,
        "PkgIdentifier": {"PURL": purl_of(package, image)},
        "InstalledVersion": package.version,
        "FixedVersion": one.fixed_version,
        "Status": one.status,
        "Layer": _layer(package, image),
        "SeveritySource": "nvd",
        "PrimaryURL": f"https://vulnerabilities.demo.example/{flaw.cve}",
        "Title": flaw.title,
        "Description": f"{flaw.title}. Invented for the demo fleet: no such vulnerability exists.",
        "Severity": flaw.severity.upper(),
        "VendorSeverity": {"nvd": NUMBERS[flaw.severity]},
        "CVSS": {"nvd": {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:L", "V3Score": flaw.score}},
    }
    return {name: value for name, value in told.items() if value != ""}
