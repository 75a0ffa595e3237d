"""Image names in package URLs (purl-spec, types `oci` and `docker`)."""

from __future__ import annotations

from scanning.parsers.packages import Purl


def purl_digest(purl: Purl | None) -> list[str]:
    """Return `repository@digest` of an image's purl (purl-spec `oci`, `docker`); the producer chose which digest."""
    if purl is None or purl.type not in ("oci", "docker"):
        return []
    digest = purl.version if purl.version.startswith("sha256:") else purl.qualifier("digest")
    return [f"{repository_of(purl)}@{digest}"] if digest else []


def repository_of(purl: Purl) -> str:
    """Return the repository. `repository_url` may name it or only where it lies; without one it is as written."""
    name = "/".join(filter(None, (purl.namespace, purl.name)))
    url = purl.qualifier("repository_url").removeprefix("https://").strip("/")
    if not url or url == name or url.endswith(f"/{name}"):
        return url or name
    return f"{url}/{name}"
