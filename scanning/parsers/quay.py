"""Quay's security report of a manifest (quay/quay `endpoints/api/secscan.py`), and Clair 1's layer, whose shape it has.

The scanner is Clair; Quay only relays it.
"""

from __future__ import annotations

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ScanReport,
    severity_of,
)
from scanning.parsers.advisories import named
from scanning.parsers.clair_scanner import distribution_of
from scanning.parsers.document import Document, check_amount, decode, members_of
from scanning.parsers.packages import identify
from scanning.parsers.quay_model import Answer, Feature, Found, Layer, Metadata, Nvd
from scanning.parsers.scalars import MAX_DESCRIPTION, score_of, text_of

NAME = "quay"
DECODER = msgspec.json.Decoder(Answer)
STATES = {"scanned", "queued", "failed", "unsupported", "manifest_layer_too_large"}
FAILED = {
    "failed": "Quay says that the scan failed",
    "manifest_layer_too_large": "a layer is too large for Quay's scanner",
}
OUTCOMES = dict.fromkeys(FAILED, Outcome.FAILED) | {"unsupported": Outcome.UNSUPPORTED}

# The kind of package by the word for the format of its versions, and by the repository that a feed is about.
FAMILIES = {"dpkg": "deb", "rpm": "rpm", "go": "golang", "rubygems": "gem"}
# What the headline of os-release opens with: Quay passes on the distribution's full name only.
FULL_NAMES = {"red": "redhat", "rhel": "redhat", "suse": "suse", "sles": "suse"}


def recognises(document: Document) -> bool:
    """A state with Clair's layer, or none yet; or the layer alone."""
    if document.has("Layer"):
        return document.inside("Layer").keys() >= {"Name", "Features"}
    if not document.has("status", "data") or document.text("status") not in STATES:
        return False
    return "Layer" in document.inside("data") or not members_of(document.members["data"])


def parse(document: Document) -> ScanReport:
    """Read the answer. Only the state `scanned` (or a bare layer) says that packages were looked at."""
    answer = decode(DECODER, document.body)
    layer = answer.layer or (answer.data and answer.data.layer) or Layer()
    state = text_of(answer.status) or "scanned"
    features = layer.features or []
    found = [(feature, one) for feature in features for one in feature.vulnerabilities or ()]
    check_amount(len(features) + len(found), "packages and vulnerabilities")
    looked = state == "scanned" and layer.features is not None
    outcome = Outcome.ASSESSED if looked else OUTCOMES.get(state, Outcome.UNASSESSED)
    packages = {id(feature): _package(feature) for feature in features}
    name = text_of(layer.name)
    distro, version = next(filter(any, map(_distribution, features)), ("", ""))
    scan = ImageScan(
        # Clair 1 names layers as it likes; only Quay's are manifests.
        image=ImageFacts(
            manifest_digest=name if name.startswith("sha256:") else "", distro=distro, distro_version=version
        ),
        outcome=outcome,
        error=FAILED.get(state, ""),
        matches=tuple(_match(packages[id(feature)], one) for feature, one in found),
        packages=tuple(packages.values()),
        inventory=looked,
    )
    notes = () if state == "scanned" or state in FAILED else (f"Quay has no result: state {state[:60]}",)
    return ScanReport(format=NAME, scanner="clair", images=(scan,), entries=len(found), notes=notes)


def _distribution(feature: Feature) -> tuple[str, str]:
    """Return the distribution and its version: Clair 1 names it at the feature, Quay at each vulnerability."""
    name, version = distribution_of(text_of(feature.namespace_name))
    if name:
        return name, version
    told = next((one.metadata for one in feature.vulnerabilities or () if one.metadata), Metadata())
    first = text_of(told.distro_name).lower().partition(" ")[0]
    return FULL_NAMES.get(first, first), text_of(told.distro_version)


def _package(feature: Feature) -> PackageAt:
    told = next((one.metadata for one in feature.vulnerabilities or () if one.metadata), Metadata())
    distro, _ = _distribution(feature)
    word = text_of(feature.version_format) or distro or text_of(told.repo_name)
    family = FAMILIES.get(word, word)
    found = identify(text_of(feature.name), text_of(feature.version), None, family, distro)
    return PackageAt(found.name, found.version, found.type, found.namespace)


def _match(package: PackageAt, one: Found) -> Match:
    links = text_of(one.link)
    advisory, aliases, title = named(text_of(one.name), links)
    nvd = (one.metadata and one.metadata.nvd) or Nvd()
    return Match(
        advisory=advisory,
        package=package,
        severity=severity_of(text_of(one.severity)),
        severity_word=text_of(one.severity),
        fixed_version=text_of(one.fixed_by),
        aliases=aliases,
        title=title,
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=links.partition(" ")[0],
        cvss=score_of(nvd.v3.points if nvd.v3 else None) or score_of(nvd.v2.points if nvd.v2 else None),
    )
