"""The shape in which results arrive: what a parser returns and the rest of Portwarden records.

Values only: no Django, no clock, no network, so a parser can be fuzzed, measured and reused. They are msgspec structs
rather than dataclasses because a report builds thousands of them (five times faster to create, half the memory).
Texts are as the scanner wrote them; `governance.findings.clean` makes them fit for the database.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec


class Severity(IntEnum):
    """Normalised severity, worst is highest. Counters fold NEGLIGIBLE into `unknown`, as the HTTP contract does."""

    UNKNOWN = 0
    NEGLIGIBLE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class Kind(StrEnum):
    """What a document is mainly about."""

    VULNERABILITY = "vulnerability"
    SBOM = "sbom"
    COMPLIANCE = "compliance"
    VEX = "vex"
    EVENT = "event"


class Outcome(StrEnum):
    """How the scan of one image ended. A scan that did not look is never an empty list of findings."""

    ASSESSED = "assessed"  # the report proves that packages were looked at
    UNASSESSED = "unassessed"  # nothing in it proves a vulnerability scan (secrets only, plain SBOM)
    UNSUPPORTED = "unsupported"  # the scanner looked, but does not support or did not recognise the system
    FAILED = "failed"  # the scanner says that it could not scan


class Result(StrEnum):
    """Result of one configuration, secret or licence check."""

    PASS = "pass"  # noqa: S105 (a check's result, not a password)
    FAIL = "fail"
    WARN = "warn"
    INFO = "info"


SEVERITY_WORDS = {
    "critical": Severity.CRITICAL,
    "defcon1": Severity.CRITICAL,
    "fatal": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "error": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "warning": Severity.MEDIUM,
    "low": Severity.LOW,
    "minor": Severity.LOW,
    "negligible": Severity.NEGLIGIBLE,
    "unimportant": Severity.NEGLIGIBLE,
    "minimal": Severity.NEGLIGIBLE,
    "none": Severity.NEGLIGIBLE,
    "info": Severity.NEGLIGIBLE,
}


def severity_of(word: str | None) -> Severity:
    """Normalise a scanner's severity word; case is ignored, anything unheard of is UNKNOWN."""
    return SEVERITY_WORDS.get(word.strip().lower(), Severity.UNKNOWN) if word else Severity.UNKNOWN


class PackageAt(msgspec.Struct, frozen=True, gc=False):
    """A package at a version and where it lies in the image.

    `type` and `namespace` are those of the package URL (purl-spec: `deb`/`debian`, `npm`/`@angular`, ...), empty where
    the report gives none. `version` is the installed version as reported, epoch included. `layer` is the diffID
    (sha256 of the uncompressed layer) that brought it, `path` the file it was found in.
    """

    name: str
    version: str = ""
    type: str = ""
    namespace: str = ""
    path: str = ""
    layer: str = ""
    source_name: str = ""
    source_version: str = ""
    licenses: tuple[str, ...] = ()


class Match(msgspec.Struct, frozen=True, gc=False):
    """One vulnerability statement of a report: this advisory, on this package.

    `status` is the vendor's word normalised to Trivy's set: affected, fixed, not_affected, under_investigation,
    will_not_fix, fix_deferred, end_of_life, resolved or empty. `aliases` are other identifiers of the same
    vulnerability that the report names. `cvss` is the highest base score the report gives, 0 if none.
    """

    advisory: str
    package: PackageAt
    severity: Severity = Severity.UNKNOWN
    severity_word: str = ""
    fixed_version: str = ""
    status: str = ""
    aliases: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    url: str = ""
    cvss: float = 0.0
    published: str = ""


class Check(msgspec.Struct, frozen=True, gc=False):
    """One check of a configuration, benchmark or policy, a secret or a licence; never counted as a vulnerability.

    `kind` is one of misconfiguration, secret, licence, benchmark, policy, lint, end_of_life. `target` is what was
    looked at: a file with its line, a Kubernetes object, a package.
    """

    kind: str
    id: str
    result: Result
    title: str = ""
    severity: Severity = Severity.UNKNOWN
    target: str = ""


class ConfigFacts(msgspec.Struct, frozen=True, gc=False):
    """How the image is to be run and how it was built (OCI image-spec, `config.md`), as far as Portwarden needs it.

    `user` is "" where the config names none: root. `env` are names only, values may be secrets. `ports` are as written
    (`8080/tcp`). `steps` is the whole history, lowest first: (command, whether it made no layer).
    """

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    healthcheck: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    steps: tuple[tuple[str, bool], ...] = ()


class ImageFacts(msgspec.Struct, frozen=True, gc=False):
    """What a report says about the image's identity; every part may be missing, none is trusted beyond its kind.

    `config_digest` is what the scanner calls the image ID; `config_proven` says that the report carried the raw
    config and it hashes to that digest. `repo_digests` ("repository@sha256:...") may be index or manifest digests,
    nobody can tell from the string; `manifest_digest` is set only where the format says that it is the platform
    manifest. `references` are names as written (`repo:tag`), the first is how the image was asked for.
    `diff_ids` are the layers bottom first; `history` the `created_by` of each layer, same order, or empty. `config` is
    None where the report does not carry the image's configuration.
    """

    references: tuple[str, ...] = ()
    config_digest: str = ""
    config_proven: bool = False
    manifest_digest: str = ""
    repo_digests: tuple[str, ...] = ()
    os: str = ""
    architecture: str = ""
    variant: str = ""
    created: str = ""
    size: int = 0
    diff_ids: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    distro: str = ""
    distro_version: str = ""
    end_of_life: bool | None = None
    config: ConfigFacts | None = None


class ImageScan(msgspec.Struct, frozen=True, gc=False):
    """What one report says of one image (a cluster report speaks of many).

    `inventory` is true where `packages` is a whole package list and not only what was vulnerable. `suppressed` are
    matches the scanner itself set aside (ignore rules, VEX): shown as such, not counted. Scanner and time are the
    report's, unless the document holds the results of several (attestations).
    """

    image: ImageFacts = ImageFacts()
    outcome: Outcome = Outcome.ASSESSED
    error: str = ""
    matches: tuple[Match, ...] = ()
    suppressed: tuple[Match, ...] = ()
    packages: tuple[PackageAt, ...] = ()
    inventory: bool = False
    checks: tuple[Check, ...] = ()
    scanner: str = ""
    scanner_version: str = ""
    scanned_at: datetime | None = None


class Benchmark(msgspec.Struct, frozen=True, gc=False):
    """Checks of something that is no image: a host, a cluster, a project's files; `name` is "" where none is given."""

    subject: str  # host, cluster, project, account
    name: str = ""
    title: str = ""  # which benchmark in which version, as the tool names it
    checks: tuple[Check, ...] = ()


class Status(StrEnum):
    """What a VEX statement says (OpenVEX 0.2 status labels; the other dialects are translated to them)."""

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"


class Reach(StrEnum):
    """Where a VEX statement holds, as far as its product's names tell."""

    IMAGE = "image"  # in the images that it names
    PLATFORM = "platform"  # where a package lies on the operating systems that it names
    PACKAGE = "package"  # wherever a package lies
    NOWHERE = "nowhere"  # its product is nothing that is known here


class Statement(msgspec.Struct, frozen=True, gc=False):
    """One VEX statement: this vulnerability, in this product (and component of it), has this status.

    `products` are all names of the one product as written: purl, `repository@sha256:...`, CPE, or the dialect's own
    identifier. `component` is the package inside the product by purl (without version: every version), empty where
    the statement speaks of the product as a whole. `justification` is OpenVEX's label where the dialect has one,
    `detail` the issuer's words (impact or action). `stated_at` is the statement's own time, RFC 3339, else that of its
    document.

    What of that can be looked up: `images` by digest or reference, `platforms` as `distribution version`, and the
    package by its parts; `reach` says which of them decides.
    """

    vulnerability: str
    status: Status
    products: tuple[str, ...] = ()
    component: str = ""
    aliases: tuple[str, ...] = ()
    justification: str = ""
    detail: str = ""
    stated_at: str = ""
    reach: Reach = Reach.NOWHERE
    images: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    package: PackageAt | None = None


class ScanReport(msgspec.Struct, frozen=True, gc=False):
    """One document, read. `entries` = vulnerability statements as written, nothing merged, nothing dropped.

    `benchmarks` are results of what is no image, `statements` what a VEX document says and `issuer` who says it, as
    written in the document. An event (a webhook's payload) names images and states nothing about them.
    """

    format: str
    scanner: str
    images: tuple[ImageScan, ...]
    kind: Kind = Kind.VULNERABILITY
    benchmarks: tuple[Benchmark, ...] = ()
    statements: tuple[Statement, ...] = ()
    issuer: str = ""
    scanner_version: str = ""
    database_version: str = ""
    scanned_at: datetime | None = None
    entries: int = 0
    notes: tuple[str, ...] = ()


class ReportError(ValueError):
    """The document cannot be read; the text says why, in words for the sender."""


class UnknownFormat(ReportError):
    """No parser recognises the document."""
