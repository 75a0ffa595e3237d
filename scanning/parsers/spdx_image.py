"""Which image an SPDX document describes, as Syft, Trivy, Clair and Microsoft's tool write it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from governance.findings.report import ImageFacts
from scanning.parsers.image_config import config_digest, is_reference, with_algorithm
from scanning.parsers.oci_purl import purl_digest
from scanning.parsers.packages import Purl, distribution, split_purl
from scanning.parsers.scalars import text_of
from scanning.parsers.spdx_model import Package, Spdx

DOCUMENT = "SPDXRef-DOCUMENT"
DESCRIBES = {"DESCRIBES", "DESCRIBE"}  # Trivy before 0.36 wrote the second
SYSTEMS = {"OPERATING-SYSTEM", "OPERATING_SYSTEM"}


def system_of(packages: list[Package]) -> Package:
    """Return the distribution, which is listed as a package; an empty one where there is none."""
    for one in packages:
        if one.purpose in SYSTEMS or (one.id or "").startswith("SPDXRef-OperatingSystem"):
            return one
    return Package()


def roots_of(document: Spdx) -> Iterator[str]:
    """Yield the identifiers of what the document describes."""
    yield from document.describes or ()
    for one in document.relationships or ():
        if one.type in DESCRIBES and one.source == DOCUMENT and one.target:
            yield one.target


def purl_of(package: Package) -> Purl | None:
    """Return the first purl; some name themselves by one that is none."""
    purls = (split_purl(ref.locator or "") for ref in package.refs or () if ref.type == "purl")
    return next(filter(None, purls), None)


def is_image(package: Package) -> bool:
    """Say whether it is a container image."""
    purl = purl_of(package)
    named = (package.id or "").startswith(("SPDXRef-ContainerImage", "SPDXRef-DocumentRoot-Image"))
    return package.purpose == "CONTAINER" or named or (purl is not None and purl.type in ("oci", "docker"))


def said_of(package: Package) -> dict[str, list[str]]:
    """What Trivy says beside it, `Name: value` each; a name may repeat."""
    values: dict[str, list[str]] = defaultdict(list)
    for text in (*(package.attributions or ()), *(one.comment or "" for one in package.annotations or ())):
        name, _, value = text.partition(": ")
        values[name].append(value)
    return values


def facts_of(document: Spdx, root: Package | None) -> ImageFacts:
    """Gather the image's identity from the package that the document describes, if that is an image."""
    system = system_of(document.packages or [])
    names = {ref.type: ref.locator or "" for ref in system.refs or ()}
    distro = distribution(names.get("did") or text_of(system.name))
    version = names.get("version_id") or text_of(system.version)
    creators = (document.creation and document.creation.creators) or []
    if root is None or not is_image(root):
        # Clair names the document by the manifest that it looked at.
        manifest = document.name or "" if "Tool: Claircore" in creators else ""
        return ImageFacts(manifest_digest=manifest, distro=distro, distro_version=version)
    values, purl = said_of(root), purl_of(root)
    repo_digests = tuple(dict.fromkeys([*values["RepoDigest"], *purl_digest(purl)]))
    hashes = [with_algorithm(one.value or "") for one in root.checksums or () if one.algorithm == "SHA256"]
    name = text_of(root.name)
    return ImageFacts(
        references=tuple(
            dict.fromkeys(filter(is_reference, [*_names(root), *values["Reference"], *values["RepoTag"]]))
        ),
        config_digest=config_digest(next(iter(values["ImageID"]), ""), repo_digests),
        repo_digests=repo_digests or tuple(f"{name.partition('@')[0]}@{one}" for one in hashes[:1]),
        architecture=(purl and purl.qualifier("arch")) or "",
        # Annotations come sorted: they do not say in which order the layers lie.
        diff_ids=tuple(values["DiffID"]) if root.attributions else (),
        distro=distro,
        distro_version=version,
    )


def _names(root: Package) -> list[str]:
    """The image's name with its tag: Syft writes that, or the digest, as the version."""
    name, version = text_of(root.name), text_of(root.version)
    tagged = ":" in name.rpartition("/")[2] or "@" in name
    purl = purl_of(root)
    tag, repository = (purl.qualifier("tag"), purl.qualifier("repository_url")) if purl else ("", "")
    is_tag = version and ":" not in version and (root.id or "").startswith("SPDXRef-DocumentRoot")
    # The purl says where the repository is that a bare name leaves out.
    names = (
        []
        if repository and "/" not in name and not tagged
        else [f"{name}:{version}" if is_tag and not tagged else name]
    )
    return [*names, f"{repository}:{tag}"] if tag and repository else names
