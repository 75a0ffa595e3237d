"""Grype's JSON (`grype -o json`, anchore/grype `grype/presenter/models`), from the first releases on."""

from __future__ import annotations

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ReportError,
    ScanReport,
    severity_of,
)
from scanning.parsers.anchore_image import Distro, Target, facts_of, layers_of, place
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.grype_model import (
    Artifact,
    Configuration,
    Database,
    Descriptor,
    Found,
    Report,
    Source,
    Vulnerability,
)
from scanning.parsers.packages import identify, split_purl
from scanning.parsers.scalars import MAX_DESCRIPTION, licenses_of, moment, score_of

NAME = "grype"
STATES = {"fixed": "fixed", "not-fixed": "affected", "wont-fix": "will_not_fix"}
DECODER = msgspec.json.Decoder(Report | list[Found])
PEEK = msgspec.json.Decoder(dict[str, msgspec.Raw])
PEEK_LIST = msgspec.json.Decoder(list[msgspec.Raw])
SETTINGS = msgspec.json.Decoder(Configuration | None)

# Grype's own ignore rules (kernel headers) carry this match type; they are in every report.
DEFAULT_RULE = "exact-indirect-match"
# The name in its descriptor, where a build of one's own or an old release does not know it.
UNNAMED = {b"", b'"[not provided]"'}


def recognises(document: Document) -> bool:
    """Its name, else matches of a vulnerability with an artifact; other tools write matches of other things.

    The prereleases wrote the bare list, and 0.1 `image` or `directory` in place of source and descriptor.
    """
    name = bytes((_peek(PEEK, document.members.get("descriptor")) or {}).get("name", b"")).strip()
    if document.has("matches") and name == b'"grype"':
        return True
    listed = document.items if document.shape == Shape.LIST else _peek(PEEK_LIST, document.members.get("matches"))
    if listed:
        return {"vulnerability", "artifact"} <= (_peek(PEEK, listed[0]) or {}).keys()
    beside = any(document.has(member) for member in ("source", "distro", "image", "directory"))
    return document.has("matches") and beside and name in UNNAMED


def _peek[Shaped](decoder: msgspec.json.Decoder[Shaped], raw: msgspec.Raw | None) -> Shaped | None:
    try:
        return None if raw is None else decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def parse(document: Document) -> ScanReport:
    """Read the report. `matches` is always there, so an empty list is a scan that found nothing."""
    read = decode(DECODER, document.body)
    report = Report(matches=read) if isinstance(read, list) else read
    found, ignored = report.matches or [], report.ignored or []
    check_amount(len(found) + len(ignored), "matches")
    distro, source = report.distro or Distro(), report.source or Source()
    old = report.image if isinstance(report.image, Target) else None
    target = source.target if isinstance(source.target, Target) else old or Target()
    named = ImageFacts(distro=distro.family, distro_version=distro.release)
    image = facts_of(target, distro) if source.type == "image" or old else named
    reading = Reading(distro.family, layers_of(target, image.diff_ids))
    descriptor = report.descriptor or Descriptor()
    scan = ImageScan(
        image=image,
        outcome=outcome_of(report),
        matches=tuple(map(reading.match, found)),
        suppressed=tuple(map(reading.match, ignored)),
    )
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(scan,),
        scanner_version=descriptor.version or "",
        database_version=built(descriptor.db or Database()),
        scanned_at=moment(descriptor.timestamp),
        entries=len(found),
        notes=tuple(notes_of(settings_of(descriptor), len(ignored))),
    )


def outcome_of(report: Report) -> Outcome:
    """Say what the report proves.

    It lists no packages: without findings, a nameless distribution leaves it open whether anything was looked at.
    The first releases have no member `distro`.
    """
    if report.matches is None:
        return Outcome.UNASSESSED
    nameless = report.distro is not None and not report.distro.family
    return Outcome.UNSUPPORTED if nameless and not (report.matches or report.ignored) else Outcome.ASSESSED


class Reading:
    """Turns matches into ours, building each package once."""

    def __init__(self, distro: str, layers: dict[str, str]) -> None:
        self.distro = distro
        self.layers = layers
        self.known: dict[tuple[str, str, str, str, str], PackageAt] = {}

    def match(self, found: Found) -> Match:
        """Return one match."""
        vulnerability, related = found.vulnerability, found.related or []
        fix = vulnerability.fix
        scores = scores_of(vulnerability) or [score for one in related for score in scores_of(one)]
        description = vulnerability.description or next((one.description for one in related if one.description), "")
        return Match(
            advisory=vulnerability.id,
            package=self.package(found.artifact),
            severity=severity_of(vulnerability.severity),
            severity_word=vulnerability.severity or "",
            fixed_version=", ".join(fix.versions) if fix and fix.versions else vulnerability.fixed_in_version or "",
            status=STATES.get(fix.state or "", "") if fix else "",
            aliases=aliases_of(vulnerability.id, related) if related else (),
            description=description[:MAX_DESCRIPTION],
            url=vulnerability.data_source or next(iter(vulnerability.links or ()), ""),
            cvss=score_of(*scores),
        )

    def package(self, artifact: Artifact) -> PackageAt:
        """Return the package; the same one for equal artifacts."""
        path, layer = place(artifact.locations, self.layers)
        key = (artifact.name, artifact.version or "", artifact.purl or "", path, layer)
        package = self.known.get(key)
        if package is None:
            family = artifact.type or ""
            identity = identify(artifact.name, key[1], split_purl(key[2]), family, self.distro)
            source = next(iter(artifact.upstreams or ()), None)
            package = self.known[key] = PackageAt(
                name=identity.name,
                version=identity.version,
                type=identity.type,
                namespace=identity.namespace,
                path=path,
                layer=layer,
                source_name=(source and source.name) or "",
                source_version=(source and source.version) or "",
                licenses=licenses_of(artifact.licenses) if artifact.licenses else (),
            )
        return package


def scores_of(vulnerability: Vulnerability) -> list[float | None]:
    """Return every base score, wherever the release wrote it."""
    scores = [cvss.metrics.base_score for cvss in vulnerability.cvss or () if cvss.metrics]
    return scores + [old.base_score for old in (vulnerability.cvss_v2, vulnerability.cvss_v3) if old]


def aliases_of(advisory: str, related: list[Vulnerability]) -> tuple[str, ...]:
    """Return other names of the same vulnerability: the CVEs of an advisory, the GHSA of a CVE, never another CVE."""
    is_cve = advisory.startswith("CVE-")
    names = dict.fromkeys(one.id for one in related if one.id != advisory and one.id.startswith("CVE-") != is_cve)
    return tuple(names)


def built(database: Database) -> str:
    """Return when the vulnerability database was built, which is the name of its version."""
    return database.built or (database.status and database.status.built) or ""


def settings_of(descriptor: Descriptor) -> Configuration:
    """Return the settings; they change between releases, and no report is refused for them."""
    try:
        return decode(SETTINGS, descriptor.configuration) or Configuration()
    except ReportError:
        return Configuration()


def notes_of(configuration: Configuration, ignored: int) -> list[str]:
    """Say in words what the run's settings hid."""
    notes = []
    if configuration.only_fixed or configuration.old_only_fixed:
        notes.append("only vulnerabilities with a fix were asked for (only-fixed)")
    if configuration.only_notfixed:
        notes.append("only vulnerabilities without a fix were asked for (only-notfixed)")
    if configuration.ignore_wontfix:
        notes.append("vulnerabilities that will not be fixed were left out (ignore-wontfix)")
    rules = [rule for rule in configuration.ignore or () if rule.match_type != DEFAULT_RULE]
    if rules:
        notes.append(f"ignore rules were in force: {len(rules):,}")
    if configuration.exclude:
        notes.append("paths were excluded from the scan")
    if ignored:
        notes.append(f"matches set aside by ignore rules or VEX: {ignored:,}")
    return notes
