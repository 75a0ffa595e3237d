"""Clair 4's vulnerability report and index report (quay/clair API v1, `clairctl report -o json`)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qs

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Kind,
    Match,
    Outcome,
    PackageAt,
    ReportError,
    ScanReport,
    severity_of,
)
from scanning.parsers.advisories import named
from scanning.parsers.clair_model import Distribution, Environment, Package, Report, Score, Source, Vulnerability
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import with_algorithm
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, score_of, text_of

NAME = "clair"
DECODER = msgspec.json.Decoder(Report)
SCORES = msgspec.json.Decoder(list[dict[str, list[Score | None] | None] | None] | None)

# What opens `package_db` before a colon, for packages of languages; and what stands in it for those of distributions.
LANGUAGES = {
    "go": "golang",
    "python": "pypi",
    "nodejs": "npm",
    "ruby": "gem",
    "gem": "gem",
    "maven": "maven",
    "jar": "maven",
    "java": "maven",
}
SYSTEMS = {"rpm": "rpm", "dpkg": "deb", "apk": "apk"}
FINISHED = {"", "IndexFinished", "ScanFinished"}


def recognises(document: Document) -> bool:
    """The manifest and what was found in it."""
    return document.has("manifest_hash") and any(
        document.has(member) for member in ("packages", "package_vulnerabilities", "err")
    )


def parse(document: Document) -> ScanReport:
    """Read either report. An index report lists packages; only the matcher's report says that it looked for more."""
    report = decode(DECODER, document.body)
    check_amount(len(report.packages or ()), "packages")
    reading = Reading(report)
    is_index = report.package_vulnerabilities is None and report.vulnerabilities is None
    packages = {number: reading.package(number) for number, package in (report.packages or {}).items() if package}
    matches, lost = reading.matches(packages)
    error = text_of(report.err)
    failed = bool(error) or report.success is False
    blind = not matches and not reading.recognised(packages.values())
    looked = Outcome.UNASSESSED if is_index else Outcome.UNSUPPORTED if blind else Outcome.ASSESSED
    state = text_of(report.state)
    notes = [f"Clair had not finished: state {state}"] if state not in FINISHED and not failed else []
    if lost:
        notes.append(f"findings that name no vulnerability of the report, or say that there is none: {lost:,}")
    scan = ImageScan(
        image=reading.image(),
        outcome=Outcome.FAILED if failed else looked,
        error=error or ("Clair says that it could not index the image" if failed else ""),
        matches=tuple(matches),
        packages=tuple(packages.values()),
        inventory=report.packages is not None and not failed,
    )
    kind = Kind.SBOM if is_index else Kind.VULNERABILITY
    return ScanReport(NAME, NAME, (scan,), kind=kind, entries=len(matches), notes=tuple(notes))


class Reading:
    """One report with its lists, which are keyed by numbers that mean nothing outside it."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.distributions = report.distributions or {}
        self.scores = scores_of(report.enrichments or {})
        # One vulnerability may stand at every package: it is read once, so that time and memory stay in proportion.
        self.known: dict[str, Match] = {}

    def image(self) -> ImageFacts:
        """Return the manifest, which is never an index, and the distribution."""
        packages = (one.dist for one in (self.report.packages or {}).values() if one)
        found = next(filter(None, (*self.distributions.values(), *packages)), Distribution())
        return ImageFacts(
            manifest_digest=with_algorithm(text_of(self.report.manifest_hash)),
            distro=text_of(found.did) or text_of(found.name),
            distro_version=text_of(found.version_id) or text_of(found.version),
        )

    def recognised(self, packages: Iterable[PackageAt]) -> bool:
        """Whether the distribution is known, or there is nothing but packages of languages."""
        kinds = {package.type for package in packages}
        return bool(self.image().distro) or (bool(kinds) and kinds.isdisjoint({"", *SYSTEMS.values()}))

    def package(self, number: str) -> PackageAt:
        """Return the package of that number as its first environment describes it."""
        package = (self.report.packages or {}).get(number) or Package()
        listed = (self.report.environments or {}).get(number)
        every = listed if isinstance(listed, list) else [listed]
        place = next(filter(None, every), Environment())
        found = self.distributions.get(text_of(place.distribution_id)) or package.dist or Distribution()
        distro = text_of(found.did) or text_of(found.name)
        family, path = family_of(text_of(place.package_db), distro)
        identity = identify(text_of(package.name), text_of(package.version), None, family, distro)
        source = package.source or Source()
        return PackageAt(
            name=identity.name,
            version=identity.version,
            type=identity.type,
            namespace=identity.namespace,
            path=path,
            source_name=text_of(source.name),
            source_version=text_of(source.version),
        )

    def matches(self, packages: dict[str, PackageAt]) -> tuple[list[Match], int]:
        """Join packages and vulnerabilities; returns the matches, and how many pairs are none."""
        pairs = [
            (number, text_of(key))
            for number, keys in (self.report.package_vulnerabilities or {}).items()
            for key in keys or ()
        ]
        check_amount(len(pairs), "vulnerabilities")
        known = self.report.vulnerabilities or {}
        found = [(number, key, vulnerability) for number, key in pairs if (vulnerability := known.get(key))]
        kept = [
            self.match(packages.get(number) or PackageAt(name=""), key, vulnerability)
            for number, key, vulnerability in found
            if not vulnerability.invert
        ]
        return kept, len(pairs) - len(kept)

    def match(self, package: PackageAt, key: str, vulnerability: Vulnerability) -> Match:
        """Return one match."""
        if key not in self.known:
            self.known[key] = self.read(key, vulnerability)
        return msgspec.structs.replace(self.known[key], package=package)

    def read(self, key: str, vulnerability: Vulnerability) -> Match:
        """Return what the report says of a vulnerability, whatever the package."""
        links = text_of(vulnerability.links)
        advisory, aliases, title = named(text_of(vulnerability.name), links)
        issued = text_of(vulnerability.issued)
        word = text_of(vulnerability.normalized_severity)
        return Match(
            advisory=advisory,
            package=PackageAt(name=""),
            severity=severity_of(word),
            severity_word=text_of(vulnerability.severity) or word,
            fixed_version=fixed_in(text_of(vulnerability.fixed_in_version)),
            aliases=aliases,
            title=title,
            description=text_of(vulnerability.description)[:MAX_DESCRIPTION],
            url=links.partition(" ")[0],
            cvss=self.scores.get(key, 0.0),
            published=issued if moment(issued) else "",
        )


def family_of(database: str, distro: str) -> tuple[str, str]:
    """Say of which kind a package is and, for languages, in which file it lies: `go:usr/bin/api`, `bdb:var/lib/rpm`."""
    prefix, colon, path = database.partition(":")
    if colon and prefix in LANGUAGES:
        return LANGUAGES[prefix], path
    family = next((kind for word, kind in SYSTEMS.items() if word in database), "")
    return (family or ("" if database else distro)), ""


def fixed_in(text: str) -> str:
    """Return the fixed version; feeds of OSV write a query string, `fixed=1.2&introduced=0`."""
    if not text.startswith(("fixed=", "introduced=", "lastAffected=")):
        return text
    return next(iter(parse_qs(text[:1_000]).get("fixed", ())), "")


def scores_of(enrichments: dict[str, msgspec.Raw]) -> dict[str, float]:
    """Return the highest CVSS base score of each vulnerability; an enrichment of another shape says nothing."""
    found: dict[str, float] = {}
    for name, raw in enrichments.items():
        if "clair.cvss" in name:
            for key, scores in _rated(raw):
                found[key] = score_of(found.get(key), *(score.base_score for score in scores if score))
    return found


def _rated(raw: msgspec.Raw) -> list[tuple[str, list[Score | None]]]:
    try:
        listed = decode(SCORES, raw)
    except ReportError:
        return []
    return [(key, scores) for rated in listed or () for key, scores in (rated or {}).items() if scores]
