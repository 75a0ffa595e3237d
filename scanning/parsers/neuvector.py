"""NeuVector's scan report of an image, container or host: its REST API and its stand-alone scanner."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers.advisories import CVE
from scanning.parsers.checks import result_of
from scanning.parsers.clair_scanner import distribution_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import is_reference, with_algorithm
from scanning.parsers.neuvector_model import Checked, Found, Module, Report, Scanned, Secret
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, moment, points_of, score_of, size_of, text_of, time_text

NAME = "neuvector"
DECODER = msgspec.json.Decoder(Scanned)
# Beside `vulnerabilities`, one of these is in every report.
BESIDE = {"modules", "checks", "secrets", "setid_perms", "cvedb_version", "image_id", "base_os"}


def recognises(document: Document) -> bool:
    """A report with vulnerabilities, or what the stand-alone scanner writes where it fails."""
    report = document.inside("report")
    if "vulnerabilities" in report and report.keys() & BESIDE:
        return True
    return document.members.keys() >= {"error_message", "report"} and (not report or "vulnerabilities" in report)


def parse(document: Document) -> ScanReport:
    """Read the report. `vulnerabilities: null` is how a clean image is written."""
    scanned = decode(DECODER, document.body)
    report, error = scanned.report or Report(), text_of(scanned.error_message)
    found = report.vulnerabilities if isinstance(report.vulnerabilities, list) else []
    modules = report.modules or []
    check_amount(len(found) + len(modules), "vulnerabilities and modules")
    distro, version = distribution_of(text_of(report.base_os))
    looked = scanned.report is not None and not isinstance(report.vulnerabilities, msgspec.UnsetType)
    packages = {one: _package(*one, distro) for one in dict.fromkeys(map(_key, modules))}
    sources = {(name, version): source for name, version, source in packages}
    rows = [(_match(one, distro, sources), is_accepted(one)) for one in found]
    # No system, no package, nothing found: its databases have nothing for what is in there.
    seen = Outcome.ASSESSED if distro or modules or found else Outcome.UNSUPPORTED
    scan = ImageScan(
        image=msgspec.structs.replace(_facts(report), distro=distro, distro_version=version),
        outcome=Outcome.FAILED if error else seen if looked else Outcome.UNASSESSED,
        error=error[:1_000],
        matches=tuple(match for match, is_aside in rows if not is_aside),
        suppressed=tuple(match for match, is_aside in rows if is_aside),
        packages=tuple(packages.values()),
        inventory=bool(modules),
        checks=tuple(_checks(report)),
    )
    accepted = len(scan.suppressed)
    note = f"vulnerabilities that were accepted in NeuVector: {accepted:,}; they are kept and not counted"
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(scan,),
        database_version=text_of(report.cvedb_version),
        scanned_at=moment(report.scanned_at),
        entries=len(found),
        notes=(note,) if accepted else (),
    )


def is_accepted(one: Found) -> bool:
    """Say whether a vulnerability profile accepted it, which NeuVector writes as a tag."""
    return any(text_of(tag).lower() == "accepted" for tag in one.tags or ())


def _facts(report: Report) -> ImageFacts:
    registry = text_of(report.registry).removeprefix("https://").removeprefix("http://").strip("/")
    repository, tag, digest = (text_of(part) for part in (report.repository, report.tag, report.digest))
    name = "/".join(filter(None, (registry, repository)))
    named = bool(repository) and is_reference(name)
    size = report.size if isinstance(report.size, int) else None
    return ImageFacts(
        references=(f"{name}:{tag}" if tag else name,) if named else (),
        config_digest=with_algorithm(text_of(report.image_id)),
        repo_digests=(f"{name}@{digest}",) if named and digest else (),
        created=time_text(text_of(report.created_at)),
        size=size_of(size),
    )


def _key(one: Module) -> tuple[str, str, str]:
    return text_of(one.name), text_of(one.version), text_of(one.source)


def _package(name: str, version: str, source: str, distro: str, path: str = "") -> PackageAt:
    """Return a package; one of the system has the system as its source, `alpine:3.20`."""
    family, _ = distribution_of(source)
    is_system = bool(distro) and family in {distro, ""}
    found = identify(name, version, None, distro if is_system else family, distro if is_system else "")
    return PackageAt(found.name, found.version, found.type, found.namespace, path=path)


def _match(one: Found, distro: str, sources: dict[tuple[str, str], str]) -> Match:
    advisory, path = text_of(one.name), text_of(one.file_name)
    name, version = text_of(one.package_name), text_of(one.package_version)
    # A package that is not listed is one of the system, unless it is named with its file.
    source = sources.get((name, version), "file" if path else "")
    names = () if CVE.fullmatch(advisory) else dict.fromkeys(map(text_of, one.cves or ()))
    return Match(
        advisory=advisory,
        package=_package(name, version, source, distro, path),
        severity=severity_of(text_of(one.severity)),
        severity_word=text_of(one.severity),
        fixed_version=text_of(one.fixed_version),
        aliases=tuple(other for other in names if other and other != advisory)[:100],
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=text_of(one.link),
        cvss=score_of(points_of(one.score_v3)) or score_of(points_of(one.score)),
        published=day_of(one.published_timestamp),
    )


def day_of(seconds: Scalar) -> str:
    """Return seconds since 1970 as a time, "" for none."""
    at = moment(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0 else None
    return at.isoformat() if at else ""


def _checks(report: Report) -> Iterable[Check]:
    """Yield checks of the image, secrets and files with raised rights; never a secret's text."""
    for one in report.checks or ():
        yield _benchmark(one)
    for secret in report.secrets or ():
        yield _file("secret", secret)
    for file in report.setid_perms or ():
        yield _file("misconfiguration", file)


def _benchmark(one: Checked) -> Check:
    """Return one test of a CIS benchmark."""
    return Check(
        kind="benchmark",
        id=text_of(one.test_number),
        result=result_of(text_of(one.level)),
        title=text_of(one.description),
        target=text_of(one.group) or text_of(one.type),
    )


def _file(kind: str, one: Secret) -> Check:
    word = text_of(one.type)
    result = Result.FAIL if kind == "secret" else Result.WARN
    return Check(kind, word, result, word, target=text_of(one.path))
