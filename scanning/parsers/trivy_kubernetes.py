"""Trivy's cluster report (`trivy k8s --report all --format json`, aquasecurity/trivy `pkg/k8s/report/report.go`).

Results stand under the workload that runs an image; the same image under several workloads is one `ImageScan` here.
Old releases wrote `Vulnerabilities` and `Misconfigurations`, later `Findings`, or `Resources`, all of one shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from governance.findings.report import ImageFacts, ImageScan, Kind, Outcome, ReportError, ScanReport
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.trivy_image import facts_of, outcome_of, scan_of, split_target
from scanning.parsers.trivy_model import Metadata, Result, System
from scanning.parsers.trivy_results import Contents

NAME = "trivy-kubernetes"
LISTS = ("Resources", "Findings", "Vulnerabilities", "Misconfigurations")
MAX_CONTAINERS = 100
MAX_NOTES = 20


class Resource(msgspec.Struct, gc=False, rename="pascal"):
    """One workload. `metadata` is a list, one per image; old releases wrote a single one."""

    namespace: str | None = None
    kind: str | None = None
    name: str | None = None
    metadata: Metadata | list[Metadata | None] | None = None
    results: list[Result] | None = None
    error: str | None = None

    @property
    def label(self) -> str:
        """How people name it."""
        return "/".join(filter(None, (self.namespace, self.kind, self.name)))


class Cluster(msgspec.Struct, gc=False, rename="pascal"):
    """The whole report."""

    resources: list[Resource] | None = None
    findings: list[Resource] | None = None
    vulnerabilities: list[Resource] | None = None
    misconfigurations: list[Resource] | None = None


@dataclass(slots=True)
class Images:
    """Collects by image: what was `found`, the system of those without results (`bare`), what could not be scanned

    (`failed`); `cluster` takes what belongs to no image.
    """

    found: dict[str, tuple[ImageFacts, Contents]] = field(default_factory=dict)
    bare: dict[str, System] = field(default_factory=dict)
    cluster: Contents = field(default_factory=Contents)
    failed: dict[str, ImageScan] = field(default_factory=dict)
    amount: int = 0
    amount_of_cluster: int = 0
    entries: int = 0


DECODER = msgspec.json.Decoder(Cluster)


def recognises(document: Document) -> bool:
    """A cluster's name and one of the lists; where nothing was found the lists are left out."""
    return document.has("ClusterName") and (
        any(document.has(name) for name in LISTS) or document.members.keys() <= {"ClusterName", "SchemaVersion"}
    )


def parse(document: Document) -> ScanReport:
    """Read every workload. `entries` counts each statement under each workload, as written."""
    report = decode(DECODER, document.body)
    images = Images()
    lists = (report.resources, report.findings, report.vulnerabilities, report.misconfigurations)
    resources = [resource for listed in lists for resource in listed or ()]
    check_amount(len(resources), "workloads")
    for resource in resources:
        _add(images, resource)
    scans = [_scan(images, key, image, contents) for key, (image, contents) in images.found.items()]
    scans += [scan for key, scan in images.failed.items() if key not in images.found]
    if images.amount_of_cluster or not scans:
        scans.append(scan_of(ImageFacts(), images.cluster, outcome_of(images.cluster, None, bare=False)))
    return ScanReport(
        format=NAME,
        scanner="trivy",
        images=tuple(scans),
        kind=Kind.COMPLIANCE if all(scan.outcome == Outcome.UNASSESSED for scan in scans) else Kind.VULNERABILITY,
        entries=images.entries,
        notes=tuple(f"not scanned: {scan.error}" for scan in list(images.failed.values())[:MAX_NOTES]),
    )


def _add(images: Images, resource: Resource) -> None:
    metadatas = resource.metadata if isinstance(resource.metadata, list) else [resource.metadata]
    candidates = [facts for metadata in metadatas if metadata for facts in [facts_of(metadata, ())] if key_of(facts)]
    if len(candidates) > MAX_CONTAINERS:
        raise ReportError(f"{resource.label} is said to run more than {MAX_CONTAINERS} images")
    if resource.error:
        image = candidates[0] if candidates else ImageFacts()
        scan = ImageScan(image=image, outcome=Outcome.FAILED, error=f"{resource.label}: {resource.error}")
        images.failed.setdefault(key_of(image) or resource.label, scan)
    else:
        if not resource.results:
            images.bare |= {key_of(facts_of(one, ())): one.os for one in metadatas if one and one.os}
        for facts in candidates:
            images.found.setdefault(key_of(facts), (facts, Contents()))
    current = candidates[0] if candidates else ImageFacts()
    for result in resource.results or ():
        current = _choose(candidates, result, current)
        _put(images, current, result, resource.label)


def _put(images: Images, image: ImageFacts, result: Result, owner: str) -> None:
    images.amount += result.amount
    images.entries += len(result.vulnerabilities or ())
    check_amount(images.amount, "entries")
    key = key_of(image)
    if not key or result.cls == "config":
        images.amount_of_cluster += result.amount
        images.cluster.add(result, owner)
    else:
        images.found.setdefault(key, (image, Contents()))[1].add(result)


def _choose(candidates: list[ImageFacts], result: Result, current: ImageFacts) -> ImageFacts:
    """Say which of a workload's images a result is about: by layer, by the target's name, or as the one before."""
    layers = {found.layer.diff_id for found in result.vulnerabilities or () if found.layer}
    by_layer = [image for image in candidates if not layers.isdisjoint(image.diff_ids)]
    if len(by_layer) == 1:
        return by_layer[0]
    name, family, version = split_target(result.target or "")
    if not name or result.cls == "config":
        return current
    named = [image for image in candidates if name in image.references or name in image.repo_digests]
    if named:
        return named[0]
    return current if candidates else ImageFacts(references=(name,), distro=family, distro_version=version)


def key_of(image: ImageFacts) -> str:
    """Return the strongest thing the report says of the image's identity."""
    return image.config_digest or next(iter((*image.repo_digests, *image.references, *image.diff_ids[-1:])), "")


def _scan(images: Images, key: str, image: ImageFacts, contents: Contents) -> ImageScan:
    """Merge what several workloads said: equal statements once."""
    contents.matches = list(dict.fromkeys(contents.matches))
    contents.suppressed = list(dict.fromkeys(contents.suppressed))
    contents.packages = list(dict.fromkeys(contents.packages))
    contents.checks = list(dict.fromkeys(contents.checks))
    return scan_of(image, contents, outcome_of(contents, images.bare.get(key), bare=key in images.bare))
