"""make_*(): advisories in the OSV format, zips of them, and SBOMs to match them with."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from governance.findings.osv.rematch import work_off
from governance.findings.osv.store import Loaded, load
from governance.findings.state import settle
from scanning.feeds.osv import Archive
from tests.make import digest_of

VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"  # 7.5, high


def make_advisory(
    name: str = "DEBIAN-CVE-2099-0001",
    package: str = "openssl",
    ecosystem: str = "Debian:12",
    fixed: str | None = "3.0.16-1",
    **fields: Any,
) -> dict[str, Any]:
    """A record on one package: everything before `fixed` is affected, or everything."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": "ECOSYSTEM", "events": events}],
    }
    known = {
        "schema_version": "1.7.5",
        "id": name,
        "modified": "2026-08-20T10:00:00Z",
        "published": "2026-08-19T10:00:00Z",
        "upstream": [name.removeprefix("DEBIAN-")] if name.startswith("DEBIAN-") else None,
        "summary": f"{package}: invented",
        "severity": [{"type": "CVSS_V3", "score": VECTOR}],
        "affected": [affected],
        "references": [{"type": "ADVISORY", "url": f"https://advisories.example/{name}"}],
    }
    return known | fields


def make_zip(*records: dict[str, Any] | bytes, **members: bytes) -> bytes:
    """A zip of records, each in a member named after it; raw bytes get a number, `members` their own name."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as file:
        for number, record in enumerate(records):
            if isinstance(record, bytes):
                file.writestr(f"raw-{number}.json", record)
            else:
                file.writestr(f"{record['id']}.json", json.dumps(record))
        for name, data in members.items():
            file.writestr(f"{name}.json", data)
    return into.getvalue()


def feed(*records: dict[str, Any] | bytes, ecosystem: str = "Debian", match: bool = True) -> Loaded:
    """Load records as the whole of an ecosystem and match what waits."""
    loaded = load(Archive(io.BytesIO(make_zip(*records)), ecosystem))
    if match:
        catch_up()
    return loaded


def catch_up() -> None:
    """Match what waits, as the worker does in the background."""
    work_off()
    settle()


def make_cyclonedx(
    *purls: str,
    name: str = "registry.example/shop/api:1.0",
    config: str = "config",
    system: str = "debian 12",
    day: int = 20,
) -> dict[str, Any]:
    """An SBOM as Trivy writes it: package URLs, an operating system, no vulnerabilities."""
    distro, _, version = system.partition(" ")
    components: list[dict[str, Any]] = (
        [{"type": "operating-system", "name": distro, "version": version}] if distro else []
    )
    for purl in purls:
        path, _, rest = purl.rpartition("@")
        _, *group, last = path.split("/")
        component = {"type": "library", "name": last, "version": rest.partition("?")[0], "purl": purl}
        if not purl.startswith("pkg:deb"):
            component["group"] = "/".join(group).replace("%40", "@")
        components.append(component)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "timestamp": f"2026-11-{day:02}T09:00:00Z",
            "tools": {"components": [{"type": "application", "name": "trivy", "version": "0.70.0"}]},
            "component": {
                "type": "container",
                "name": name,
                "properties": [{"name": "aquasecurity:trivy:ImageID", "value": digest_of(config)}],
            },
        },
        "components": components,
    }


def make_syft(*packages: tuple[str, str, str], config: str = "config", system: str = "debian 12") -> dict[str, Any]:
    """Syft's own JSON of an image: (purl, name, version)."""
    distro, _, version = system.partition(" ")
    return {
        "artifacts": [
            {"name": name, "version": installed, "type": purl[4:].partition("/")[0], "purl": purl}
            for purl, name, installed in packages
        ],
        "artifactRelationships": [],
        "source": {
            "type": "image",
            "metadata": {"userInput": "registry.example/shop/api:1.0", "imageID": digest_of(config)},
        },
        "distro": {"id": distro, "versionID": version},
        "descriptor": {"name": "syft", "version": "1.30.0", "timestamp": "2026-11-20T09:00:00Z"},
    }
