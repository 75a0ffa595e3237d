"""Which package a SARIF result is about, at which version: the standard has no place for it, each scanner has its own.

Trivy and Sysdig say it in lines of the message, Grype in a sentence and in its rule, Docker Scout by purl, Snyk and
OSV-Scanner as `name@version`, Clair in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from governance.findings.report import PackageAt
from scanning.parsers.advisories import CVE
from scanning.parsers.packages import OS_TYPES, Purl, identify, split_purl
from scanning.parsers.sarif_model import Location, Logical, Message, Result, Rule, word, words
from scanning.parsers.sarif_rules import Rules, fields_of, first_location, tags_of, text_in
from scanning.parsers.scalars import text_of
from scanning.parsers.snyk_names import family_of, is_licence, system_of

GRYPE_OLD = re.compile(r"reports (?P<name>.{1,300}?) at version (?P<version>\S*)")
GRYPE = re.compile(r" in (?P<type>\S+) package: (?P<name>.{1,300}?), version (?P<version>.{0,200}?) was found ")
NAMESPACE = re.compile(r"\w+:distro:([\w.-]+):([\w.-]+)")
# `name@version` of an image, the layer's diffID, and the path in it.
GRYPE_PLACE = re.compile(r"(?P<image>.+)@(?P<layer>sha256:[0-9a-f]{64}):(?P<path>/.*)")
# Grype's `helpUri` is its own; the advisory's address stands in the help.
ADDRESS = re.compile(r"\]\((https?://[^)\s]{1,1000})\)")
CLAIR = re.compile(r"\[(?P<name>.{1,300}?) - (?P<version>.{0,200}?) - (?P<severity>\w+)\]")
OSV = re.compile(r"Package '(?P<name>.{1,300}?)@(?P<version>[^'@]*)' is vulnerable to '(?P<id>[^']+)'")
OSV_ALIASES = re.compile(r"also known as ([^)]*)\)")
QUOTED = re.compile(r"'([^']+)'")
SNYK = re.compile(r"(?:\((?P<cves>[^)]*)\) )?(?P<name>.+)@(?P<version>[^@]*)")
SNYK_SEVERITY = re.compile(r"(\w+) severity ")
SNYK_MANAGER = re.compile(r"Package Manager: ([\w.:-]+)")
SNYK_FIX = re.compile(r"Upgrade to (?P<name>.+)@(?P<version>[^@]+)")
SEVERITY_IN_MARK = re.compile(r"\[\w+\] ")
NO_FIX = {"not fixed", "no fix available", "none", "n/a"}


class Found(NamedTuple):
    """What one result says of one package. `image` is the image's name, where only the result has it."""

    advisory: str
    package: PackageAt
    severity: str = ""
    fixed: str = ""
    aliases: tuple[str, ...] = ()
    image: str = ""
    distro: str = ""
    distro_version: str = ""
    url: str = ""


type Reader = Callable[[Rules, Result, Rule], Iterable[Found]]


def place(name: str, version: str, family: str = "", distro: str = "", path: str = "") -> PackageAt:
    """Make a package of what a text says of it."""
    found = identify(name, version, None, family, distro)
    return PackageAt(found.name, found.version, found.type, found.namespace, path=path)


def place_purl(purl: Purl, path: str = "") -> PackageAt:
    """Make a package of its purl."""
    parts = (purl.name,) if purl.type in OS_TYPES else (purl.namespace, purl.name)
    found = identify("/".join(filter(None, parts)), purl.version, purl)
    return PackageAt(found.name, found.version, found.type, found.namespace, path=path)


def fix_of(text: str) -> str:
    """Return a fixed version, "" for the words that say there is none."""
    return "" if text.lower() in NO_FIX else text


def help_of(rule: Rule) -> str:
    """Return the rule's help."""
    return text_in(rule.help)


def trivy(rules: Rules, result: Result, rule: Rule) -> Iterable[Found]:
    """Trivy's lines; its template before 0.20 had the installed version in the rule only."""
    fields = fields_of(help_of(rule)) | fields_of(rules.message_of(result))
    name, version = fields.get("package", ""), fields.get("installed version", "")
    tags = tags_of(rule)
    if not name or not ("vulnerability" in tags or text_of(rule.name).endswith("Vulnerability") or version):
        return
    path = rules.path_of(first_location(result)) if text_of(rule.name).startswith("Language") else ""
    advisory = SEVERITY_IN_MARK.sub("", rules.id_of(result), count=1)
    yield Found(
        advisory,
        place(name, version, path=path),
        severity=fields.get("severity", ""),
        fixed=fix_of(fields.get("fixed version", "")),
    )


def grype(rules: Rules, result: Result, rule: Rule) -> Iterable[Found]:
    """Grype's sentence; its rule is about one vulnerability of one name, which may be there at several versions."""
    message, fields = rules.message_of(result), fields_of(help_of(rule))
    said = GRYPE.search(message) or GRYPE_OLD.search(message)
    told = said.groupdict() if said else {}
    name, version = told.get("name") or fields.get("package", ""), told.get("version") or fields.get("version", "")
    if not name:
        return
    family = told.get("type") or fields.get("type", "")
    system = NAMESPACE.fullmatch(fields.get("data namespace", ""))
    distro, release = system.groups() if system else ("", "")
    purl = next(filter(None, map(split_purl, words(rule.properties, "purls"))), None)
    where = grype_place(first_location(result))
    path = where["path"] if where else fields.get("location", "")
    found = identify(name, version, purl, family, distro)
    package = PackageAt(found.name, found.version, found.type, found.namespace, path, where["layer"] if where else "")
    advisory = fields.get("vulnerability", "") or rules.id_of(result).removesuffix(f"-{name}")
    fixed, image = fix_of(fields.get("fix version", "")), where["image"] if where else ""
    link = ADDRESS.search(help_of(rule))
    url = link[1] if link else ""
    yield Found(advisory, package, fields.get("severity", ""), fixed, (), image, distro, release, url)


def grype_place(location: Location) -> dict[str, str] | None:
    """Return image, layer and path of the first place in an image; None for a directory."""
    first = next(iter(location.logical_locations or ()), Logical())
    found = GRYPE_PLACE.fullmatch(text_of(first.fully_qualified_name)[:2_000])
    return found.groupdict() if found else None


def scout(rules: Rules, result: Result, rule: Rule) -> Iterable[Found]:
    """Docker Scout's lines; a rule covers several packages, so its own purls are asked only if the message has none."""
    fields = fields_of(rules.message_of(result))
    listed = (*words(rule.properties, "purls"), word(rule.properties, "purl"))
    purl = split_purl(fields.get("package", "")) or next(filter(None, map(split_purl, listed)), None)
    if purl is None:
        return
    fixed = fields.get("fixed version") or word(rule.properties, "fixed_version")
    is_system = purl.type in OS_TYPES
    yield Found(
        rules.id_of(result),
        place_purl(purl, "" if is_system else rules.path_of(first_location(result))),
        severity=fields.get("severity") or word(rule.properties, "cvssV3_severity"),
        fixed=fix_of(fixed),
        distro=(purl.qualifier("os_name") or purl.namespace) if is_system else "",
        distro_version=purl.qualifier("os_version") if is_system else "",
    )


def snyk(rules: Rules, result: Result, rule: Rule) -> Iterable[Found]:
    """Snyk's `name@version`; a package of the system is `source/binary`. Licence issues are no vulnerabilities."""
    advisory = rules.id_of(result)
    things = first_location(result).logical_locations or ()
    said = (text_in(rule.full_description), *(text_of(one.fully_qualified_name) for one in things))
    found = next(filter(None, (SNYK.fullmatch(text[:1_000]) for text in said)), None)
    if found is None or is_licence(advisory):
        return
    system = system_of(advisory)
    manager = SNYK_MANAGER.search(text_of((rule.help or Message()).markdown)[:300])
    family = family_of(advisory, manager[1] if manager else "")
    source, slash, binary = found["name"].rpartition("/")
    is_system = bool(slash) and bool(system)
    package = place(binary if is_system else found["name"], found["version"], family, system)
    if is_system:
        package = PackageAt(package.name, package.version, package.type, package.namespace, source_name=source)
    severity = SNYK_SEVERITY.search(text_in(rule.short_description)) or SNYK_SEVERITY.search(rules.message_of(result))
    fixes = (SNYK_FIX.fullmatch(text_in(fix.description)[:1_000]) for fix in result.fixes or ())
    # The upgrade named is that of the dependency asked for, which may only bring the vulnerable one.
    fixed = next((fix["version"] for fix in fixes if fix and fix["name"] == found["name"]), "")
    cves = tuple(CVE.findall(found["cves"] or ""))
    yield Found(advisory, package, severity[1] if severity else "", fixed, cves, distro=system)


def osv(rules: Rules, result: Result, rule: Rule) -> Iterable[Found]:
    """OSV-Scanner's sentence."""
    message = rules.message_of(result)
    found = OSV.search(message)
    if found:
        others = OSV_ALIASES.search(message)
        aliases = tuple(QUOTED.findall(others[1])) if others else ()
        path = rules.path_of(first_location(result))
        yield Found(found["id"], place(found["name"], found["version"], path=path), aliases=aliases)


def clair(rules: Rules, result: Result, rule: Rule) -> Iterable[Found]:
    """Clair's brackets, as quay/clair-action writes them."""
    found = CLAIR.match(rules.message_of(result))
    if found:
        yield Found(rules.id_of(result), place(found["name"], found["version"]), severity=found["severity"])


def sysdig(rules: Rules, result: Result, rule: Rule) -> Iterable[Found]:
    """Sysdig's lines; grouped by package, one result tells of several vulnerabilities, parted by dots."""
    head, *rest = rules.message_of(result).split("\n.\n")
    fields = fields_of(head)
    name, version = fields.get("package", ""), fields.get("installed version", "")
    if not name:
        return
    family = fields.get("package type", "")
    package = place(name, version, family, path=fields.get("package path", ""))
    for one in [fields_of(text) for text in rest] or [fields]:
        fixed = fix_of(one.get("fixed version", ""))
        yield Found(one.get("vulnerability", "") or rules.id_of(result), package, one.get("severity", ""), fixed)


READERS: dict[str, Reader] = {
    "trivy": trivy,
    "grype": grype,
    "docker-scout": scout,
    "snyk": snyk,
    "osv-scanner": osv,
    "clair": clair,
    "sysdig": sysdig,
}
