"""Report files as Trivy writes them, of any size; invented, and the same at every run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

SEVERITIES = ("LOW", "MEDIUM", "MEDIUM", "HIGH", "LOW", "MEDIUM", "HIGH", "LOW", "CRITICAL", "MEDIUM")
STATUSES = ("fixed", "affected", "fixed", "fix_deferred", "will_not_fix")
TEXT = """attacker remote buffer memory crafted request header length integer overflow parser certificate stream archive
heap stack pointer session token cache upstream kernel module frame packet decoder socket before after allows denial
service execution arbitrary code privilege escalation disclosure when through missing improper validation"""
WORDS = TEXT.split()
# Texts of the same length, so that a body for another image is made by replacing them.
CONFIG, OWN_LAYER, TAG, TIME = (
    f"sha256:{'3' * 64}",
    f"sha256:{'7' * 64}",
    "build-000000",
    "2026-08-20T09:30:00.123456789Z",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a report is to be."""

    findings: int
    packages: int
    references: int
    words: int
    indented: bool = True


USUAL = Size(findings=300, packages=250, references=9, words=60)  # about 1 MB
LARGE = Size(findings=17_000, packages=2_000, references=3, words=48, indented=False)  # about 30 MB


def sentence(words: int, *seed: object) -> str:
    """So many words, as hard to compress as a person's."""
    raw = hashlib.shake_128(repr(seed).encode()).digest(words)
    return " ".join(WORDS[byte % len(WORDS)] for byte in raw)


def digest(word: object) -> str:
    """A digest made of a word."""
    return f"sha256:{hashlib.sha256(str(word).encode()).hexdigest()}"


def report(size: Size) -> bytes:
    """The template: one image of four layers, Debian packages, indented by Trivy or compact by `jq -c`."""
    layers = [*(digest(f"layer {number}") for number in range(3)), OWN_LAYER]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": TIME,
        "history": [{"created": TIME, "created_by": f"RUN step {number} # buildkit"} for number in range(len(layers))],
        "rootfs": {"type": "layers", "diff_ids": layers},
    }
    name = f"registry.bench.example/team/app:{TAG}"
    document = {
        "SchemaVersion": 2,
        "Trivy": {"Version": "0.74.0"},
        "CreatedAt": TIME,
        "ArtifactName": name,
        "ArtifactType": "container_image",
        "Metadata": {
            "Size": 73_400_320,
            "OS": {"Family": "debian", "Name": "12.11"},
            "ImageID": CONFIG,
            "DiffIDs": layers,
            "RepoTags": [name],
            "ImageConfig": config,
        },
        "Results": [
            {
                "Target": f"{name} (debian 12.11)",
                "Class": "os-pkgs",
                "Type": "debian",
                "Packages": [package(number, layers) for number in range(size.packages)],
                "Vulnerabilities": [vulnerability(number, size, layers) for number in range(size.findings)],
            }
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 if size.indented else None)


def package(number: int, layers: list[str]) -> dict[str, Any]:
    """One item of `Packages`."""
    name, version = f"libexample{number}", f"{number % 7}.{number % 13}.{number % 5}"
    return {
        "ID": f"{name}@{version}-1",
        "Name": name,
        "Identifier": {
            "PURL": f"pkg:deb/debian/{name}@{version}-1?arch=amd64&distro=debian-12.11",
            "UID": f"{number:016x}",
        },
        "Version": version,
        "Release": "1",
        "Arch": "amd64",
        "SrcName": f"example{number // 2}",
        "SrcVersion": version,
        "SrcRelease": "1",
        "Licenses": ["MIT", "GPL-2.0-or-later"],
        "Maintainer": "Nobody <nobody@bench.example>",
        "DependsOn": ["libc6@2.36-9"],
        "Layer": {"Digest": digest(f"blob {number % 4}"), "DiffID": layers[number % 4]},
    }


def vulnerability(number: int, size: Size, layers: list[str]) -> dict[str, Any]:
    """One item of `Vulnerabilities`."""
    place = number * 7 % size.packages
    name, version = f"libexample{place}", f"{place % 7}.{place % 13}.{place % 5}-1"
    status, severity = STATUSES[number % 5], SEVERITIES[number % 10]
    cve = f"CVE-2099-{1_000_000 + number}"
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"
    return {
        "VulnerabilityID": cve,
        "PkgID": f"{name}@{version}",
        "PkgName": name,
        "PkgIdentifier": {
            "PURL": f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=debian-12.11",
            "UID": f"{place:016x}",
        },
        "InstalledVersion": version,
        **({"FixedVersion": f"{version}+deb12u1"} if status == "fixed" else {}),
        "Status": status,
        "Layer": {"Digest": digest(f"blob {place % 4}"), "DiffID": layers[place % 4]},
        "SeveritySource": "nvd",
        "PrimaryURL": f"https://vulnerabilities.bench.example/nvd/{cve.lower()}",
        "DataSource": {"ID": "debian", "Name": "Debian Security Tracker", "URL": "https://tracker.bench.example/"},
        "Title": f"{name}: {sentence(7, number)}",
        "Description": sentence(size.words, "description", number),
        "Severity": severity,
        "CweIDs": ["CWE-125"],
        "VendorSeverity": {"nvd": 3, "redhat": 2, "ubuntu": 2},
        "CVSS": {source: {"V3Vector": vector, "V3Score": 7.5} for source in ("nvd", "redhat")},
        "References": [
            f"https://git.bench.example/commit/{digest((cve, step))[7:47]}" for step in range(size.references)
        ],
        "PublishedDate": "2026-08-01T10:15:00Z",
        "LastModifiedDate": "2026-08-10T10:15:00Z",
    }


def for_image(template: bytes, image: int, minute: int = 0, variant: int = 0) -> bytes:
    """The template's report for another image, at another time; a `variant` has another identifier in one place."""
    body = template.replace(CONFIG.encode(), digest(f"config {image}").encode())
    body = body.replace(OWN_LAYER.encode(), digest(f"own layer {image}").encode())
    body = body.replace(TAG.encode(), f"build-{image:06d}".encode())
    body = body.replace(
        TIME.encode(),
        f"2026-08-{1 + minute // 1440:02d}T{minute // 60 % 24:02d}:{minute % 60:02d}:00.123456789Z".encode(),
    )
    # Same length again: one vulnerability of the report is another one in each variant.
    return body.replace(b"CVE-2099-1000000", f"CVE-2099-{3_000_000 + variant}".encode()) if variant else body
