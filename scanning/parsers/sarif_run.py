"""One run of a SARIF log: its results sorted into vulnerabilities and checks, and the image it looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from governance.findings.report import Benchmark, Check, ImageFacts, Match, Outcome, Result
from scanning.parsers.image_config import config_digest, is_reference
from scanning.parsers.sarif_model import Component, Invocation, Run, Suppression, Tool, word, words
from scanning.parsers.sarif_model import Result as Row
from scanning.parsers.sarif_packages import READERS, Found
from scanning.parsers.sarif_rules import Rules, level_of, rate, tags_of, text_in
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, size_of, text_of
from scanning.parsers.snyk_names import is_licence
from scanning.parsers.tools import scanner_of

# Scanners that look at packages or fail; Trivy may have been asked for anything else.
THOROUGH = READERS.keys() - {"trivy"}
# Linters that look at an image, not at files.
OF_IMAGES = {"dockle"}
MISCONFIGURATIONS = {"checkov", "kics", "kubescape", "kube-linter", "snyk-iac", "terrascan", "tfsec", "trivy"}
SECRETS = {"gitleaks", "trufflehog", "detect-secrets", "ggshield"}
TAGS = {"misconfiguration": "misconfiguration", "secret": "secret", "license": "licence", "licence": "licence"}
KINDS = {"Misconfiguration": "misconfiguration", "Secret": "secret", "License": "licence"}
LEVELS = {"error": Result.FAIL, "warning": Result.WARN}
NOT_FAILED = {"pass": Result.PASS, "notApplicable": Result.INFO, "informational": Result.INFO}
UNDECIDED = {"open", "review"}
SNYK_IMAGE = re.compile(r"docker-image\|([^@\s]{1,300})@(sha256:[0-9a-f]{64}|[\w.-]{1,128})")
# Its SARIF of 2021 and 2022 marked every result as suppressed.
CARELESS = "Anchore Container Vulnerability Report"


class Reading:
    """One run, and what it comes to: `found` are matches with whether they are set aside."""

    def __init__(self, run: Run) -> None:
        driver = (run.tool or Tool()).driver or Component()
        self.run = run
        self.tool = text_of(driver.name)
        self.scanner = scanner_of(self.tool.removesuffix(" (T0)"))
        if self.tool.startswith(CARELESS):
            self.scanner = "grype"
        self.version = text_of(driver.version) or text_of(driver.semantic_version)
        self.title = text_of(driver.full_name) or self.tool
        self.rows = run.results if isinstance(run.results, list) else []
        self.rules = Rules(run)
        self.found: list[tuple[Match, bool]] = []
        self.checks: list[Check] = []
        self.aside = 0
        self.facts = ImageFacts()

    def read(self) -> None:
        """Sort the results into matches and checks."""
        reader = READERS.get(self.scanner)
        told: list[Found] = []
        for row in self.rows:
            rule = self.rules.of(row)
            is_aside = self.is_set_aside(row)
            self.aside += is_aside
            packages = list(reader(self.rules, row, rule)) if reader else []
            told += packages
            self.found += [self._match(row, found, is_aside) for found in packages]
            if not packages:
                self.checks.append(self._check(row, is_aside))
        self.facts = self._facts(told)

    def is_set_aside(self, row: Row) -> bool:
        """Say whether it is suppressed, or a result of an earlier run that is gone."""
        suppressions = () if self.tool.startswith(CARELESS) else row.suppressions or ()
        return text_of(row.baseline_state) == "absent" or any(map(is_accepted, suppressions))

    def _match(self, row: Row, found: Found, is_aside: bool) -> tuple[Match, bool]:
        rule = self.rules.of(row)
        rated, kind = rate(row, rule, found.severity), text_of(row.kind)
        is_gone = text_of(row.baseline_state) == "absent"
        status = "resolved" if is_gone else "not_affected" if kind in NOT_FAILED else ""
        match = Match(
            advisory=found.advisory,
            package=found.package,
            severity=rated.severity,
            severity_word=rated.word,
            fixed_version=found.fixed,
            status=status or ("under_investigation" if kind in UNDECIDED else ""),
            aliases=found.aliases,
            title=text_in(rule.short_description),
            description=text_in(rule.full_description)[:MAX_DESCRIPTION],
            url=found.url or text_of(rule.help_uri),
            cvss=rated.score,
        )
        return match, is_aside or kind in NOT_FAILED

    def _check(self, row: Row, is_aside: bool) -> Check:
        rule, name = self.rules.of(row), self.rules.id_of(row)
        kind = KINDS.get(text_of(rule.name)) or next((TAGS[tag] for tag in tags_of(rule) & TAGS.keys()), "")
        if is_licence(name):
            kind = "licence"
        kind = kind or ("secret" if self.scanner in SECRETS else "")
        kind = kind or ("misconfiguration" if self.scanner in MISCONFIGURATIONS else "lint")
        described = text_in(rule.short_description) or text_in(rule.full_description) or text_of(rule.name)
        # The message about a secret may hold the secret.
        title = described or ("" if kind == "secret" else self.rules.message_of(row).strip())
        # A linter grades what it finds; a failed configuration, secret or licence check has failed.
        level = level_of(row, rule)
        result = LEVELS.get(level, Result.INFO) if kind == "lint" else Result.FAIL
        result = NOT_FAILED.get(text_of(row.kind), Result.WARN if text_of(row.kind) in UNDECIDED else result)
        return Check(
            kind=kind,
            id=name,
            result=Result.INFO if is_aside and result != Result.PASS else result,
            title=f"{title} (suppressed)" if is_aside else title,
            severity=rate(row, rule, "").severity,
            target=self.rules.target_of(row),
        )

    def _facts(self, told: list[Found]) -> ImageFacts:
        """Gather the image's identity: Trivy's and Sysdig's properties of the run, else what results say."""
        bag = self.run.properties
        repo_digests = words(bag, "repoDigests")
        names = [word(bag, "imageName", "pullString"), *words(bag, "repoTags"), *self._named(told)]
        references = tuple(dict.fromkeys(filter(is_reference, names)))
        manifest = word(bag, "digest")
        if manifest and references and "@" not in references[0]:
            repo_digests = (*repo_digests, f"{references[0].rpartition(':')[0] or references[0]}@{manifest}")
        base, _, release = word(bag, "baseOs").partition(" ")
        size = word(bag, "size")
        return ImageFacts(
            references=references,
            config_digest=config_digest(word(bag, "imageID", "imageId"), repo_digests),
            manifest_digest=manifest,
            repo_digests=tuple(dict.fromkeys((*repo_digests, *(name for name in references if "@sha256:" in name)))),
            os=word(bag, "os"),
            architecture=word(bag, "architecture"),
            size=size_of(int(size)) if size.isdecimal() and len(size) < 19 else 0,
            distro=base or next((one.distro for one in told if one.distro), ""),
            distro_version=release or next((one.distro_version for one in told if one.distro_version), ""),
        )

    def _named(self, told: list[Found]) -> Iterable[str]:
        yield from dict.fromkeys(one.image for one in told if one.image)
        if self.scanner == "snyk":
            for rule in self.rules.listed[:50]:
                found = SNYK_IMAGE.search(text_of(rule.help.markdown)[:2_000] if rule.help else "")
                if found:
                    yield f"{found[1]}{'@' if found[2].startswith('sha256:') else ':'}{found[2]}"

    @property
    def is_named(self) -> bool:
        """Whether the run says which image it looked at."""
        return bool(self.facts.references or self.facts.config_digest or self.facts.repo_digests)

    @property
    def of_image(self) -> bool:
        """Whether it is a scan of an image, not of a project's files."""
        if self.found or self.is_named:
            return True
        return self.scanner in THOROUGH | OF_IMAGES or (self.scanner in READERS and not self.checks)

    @property
    def failures(self) -> list[Invocation]:
        """The invocations that did not end well."""
        return [one for one in self.run.invocations or () if one.execution_successful is False]

    @property
    def outcome(self) -> Outcome:
        """How the run ended. Without `results` it did not run to its end (3.14.23)."""
        if self.failures:
            return Outcome.FAILED
        looked = isinstance(self.run.results, list) and (bool(self.found) or self.scanner in THOROUGH)
        return Outcome.ASSESSED if looked else Outcome.UNASSESSED

    @property
    def error(self) -> str:
        """What the tool says of its failure."""
        notes = [note for one in self.failures for note in one.tool_execution_notifications or ()]
        told = "; ".join(text_in(note.message) for note in notes if text_of(note.level) == "error")[:1_000]
        return told or (f"{self.tool} says that it did not run successfully" if self.failures else "")

    @property
    def ended_at(self) -> datetime | None:
        """When the run ended."""
        times = (moment(one.end_time_utc) or moment(one.start_time_utc) for one in self.run.invocations or ())
        return max(filter(None, times), default=None)

    def benchmark(self) -> Benchmark:
        """Return the checks of a project's files."""
        return Benchmark("project", "", self.title, tuple(self.checks))


def is_accepted(suppression: Suppression) -> bool:
    """Say whether a suppression holds: one under review or rejected does not (3.35.3)."""
    return (text_of(suppression.status) or text_of(suppression.state) or "accepted") == "accepted"
