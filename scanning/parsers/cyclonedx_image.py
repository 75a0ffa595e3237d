"""Which image a CycloneDX document describes: `metadata.component`, read as Trivy, Syft and cdxgen write it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from governance.findings.report import ImageFacts
from scanning.parsers.cyclonedx_model import Component, Metadata, Property
from scanning.parsers.image_config import config_digest, is_reference
from scanning.parsers.oci_purl import purl_digest
from scanning.parsers.packages import Purl, split_purl
from scanning.parsers.scalars import text_of, time_text

TRIVY = "aquasecurity:trivy:"
CDXGEN = "oci:image:"
OPERATING_SYSTEM = "operating-system"


def values_of(properties: Iterable[Property] | None) -> dict[str, list[str]]:
    """Group the values by name, in order."""
    values: dict[str, list[str]] = defaultdict(list)
    for item in properties or ():
        if item.name:
            values[item.name].append(text_of(item.value))
    return values


def facts_of(metadata: Metadata, components: Iterable[Component]) -> ImageFacts:
    """Gather the image's identity; a document about anything but a container has none, only its distribution."""
    system = next((one for one in components if one.type == OPERATING_SYSTEM), Component())
    distro, version = text_of(system.name), text_of(system.version)
    component = metadata.component or Component()
    if component.type != "container":
        return ImageFacts(distro=distro, distro_version=version)
    values = values_of((*(component.properties or ()), *(metadata.properties or ())))
    purl = split_purl(component.purl or "")
    digests = [*values.get(f"{TRIVY}RepoDigest", ()), *values.get(f"{CDXGEN}RepoDigest", ()), *purl_digest(purl)]
    repo_digests = tuple(dict.fromkeys(filter(None, digests)))
    image_id = next(iter(values.get(f"{TRIVY}ImageID", ()) or values.get(f"{CDXGEN}Id", ())), "")
    size = next(iter(values.get(f"{TRIVY}Size", ())), "")
    return ImageFacts(
        references=tuple(dict.fromkeys(filter(is_reference, names_of(component, values, purl)))),
        config_digest=config_digest(image_id, repo_digests),
        repo_digests=repo_digests,
        os=next(iter(values.get(f"{CDXGEN}Os", ())), ""),
        architecture=(purl and purl.qualifier("arch")) or next(iter(values.get(f"{CDXGEN}Architecture", ())), ""),
        created=time_text(next(iter(values.get(f"{CDXGEN}Created", ())), "")),
        size=int(size) if size.isdecimal() and len(size) < 19 else 0,
        # Trivy Operator joins a repeated property into one.
        diff_ids=tuple(filter(None, ",".join(values.get(f"{TRIVY}DiffID", ())).split(","))),
        distro=distro,
        distro_version=version,
    )


def names_of(component: Component, values: dict[str, list[str]], purl: Purl | None) -> list[str]:
    """Return the image's names, the one asked for first. Syft puts the tag, or its own digest, into `version`."""
    name, version = text_of(component.name), text_of(component.version)
    tagged = ":" in name.rpartition("/")[2] or "@" in name
    names = [name if tagged or not version or ":" in version else f"{name}:{version}"]
    names += [
        *values.get(f"{TRIVY}Reference", ()),
        *values.get(f"{TRIVY}RepoTag", ()),
        *values.get(f"{CDXGEN}RepoTag", ()),
    ]
    tag, repository = (purl.qualifier("tag"), purl.qualifier("repository_url")) if purl else ("", "")
    return [*names, f"{repository}:{tag}"] if tag and repository else names
