"""Reports as Grype writes them (`grype -o json`), for an image pulled from its registry."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from scanning.demo.images import Built, rfc3339
from scanning.demo.purl import purl_of
from scanning.demo.statements import Statement, statements

VERSION = "0.116.0"
TYPES = {"deb": "deb", "apk": "apk", "npm": "npm", "pypi": "python", "maven": "java-archive", "golang": "go-module"}
STATES = {"fixed": "fixed", "will_not_fix": "wont-fix", "affected": "not-fixed", "fix_deferred": "not-fixed"}


def image_report(image: Built, day: int, at: datetime) -> bytes:
    """One image. Grype lists only what has a finding."""
    report = {
        "matches": [_match(one, image) for one in statements(image, day)],
        "source": {"type": "image", "target": _target(image)},
        "distro": {"name": image.distro.family, "version": image.distro.version, "idLike": []} if image.distro else {},
        "descriptor": {
            "name": "grype",
            "version": VERSION,
            "timestamp": rfc3339(at),
            "db": {"status": {"built": rfc3339(at.replace(hour=1, minute=0)), "valid": True}},
        },
    }
    return json.dumps(report, indent=1).encode()


def _target(image: Built) -> dict[str, Any]:
    layers = [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.diff_id, "size": layer.size}
        for layer in image.layers
    ]
    return {
        "userInput": image.references[-1],
        "imageID": image.config_digest,
        "manifestDigest": image.manifest_digest,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "tags": [],
        "imageSize": image.size,
        "layers": layers,
        "manifest": base64.b64encode(image.manifest).decode(),
        "config": base64.b64encode(image.config).decode(),
        "repoDigests": image.repo_digests,
        "architecture": image.architecture,
        "os": "linux",
        "labels": image.labels,
    }


def _match(one: Statement, image: Built) -> dict[str, Any]:
    flaw, package = one.flaw, one.package
    scored = {
        "severity": flaw.severity.capitalize(),
        "cvss": [{"type": "Primary", "version": "3.1", "metrics": {"baseScore": flaw.score}}],
        "description": f"{flaw.title}. Invented for the demo fleet: no such vulnerability exists.",
    }
    address = "https://vulnerabilities.demo.example"
    # Libraries are reported by their GitHub advisory, with the CVE beside it.
    name = flaw.ghsa or flaw.cve
    related = [{"id": flaw.cve, "dataSource": f"{address}/{flaw.cve}", **scored}] if flaw.ghsa else []
    fix = {"versions": [one.fixed_version] if one.fixed_version else [], "state": STATES[one.status]}
    return {
        "vulnerability": {"id": name, "dataSource": f"{address}/{name}", "fix": fix, **scored},
        "relatedVulnerabilities": related,
        "matchDetails": [{"type": "exact-direct-match", "matcher": f"{TYPES[package.source.kind]}-matcher"}],
        "artifact": {
            "name": package.name.rpartition(":")[2],
            "version": package.version,
            "type": TYPES[package.source.kind],
            "locations": [{"path": f"/{package.path}", "layerID": image.layers[package.layer].diff_id}],
            "purl": purl_of(package, image),
            "upstreams": [{"name": package.source.name}] if package.source.kind in ("deb", "apk") else [],
        },
    }
