"""Sysdig's scan results as structs: sysdig-cli-scanner's JSON, old and of schema v1, and the API's results."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar, text_of


class Word(msgspec.Struct, gc=False):
    """A severity with who says so."""

    value: Scalar = None


class Score(msgspec.Struct, gc=False):
    """A CVSS score; the old form wraps it in `value`."""

    score: Scalar = None
    value: Score | None = None


class Vulnerability(msgspec.Struct, gc=False, rename="camel"):
    """One vulnerability: inside its package in the old form, else beside it."""

    name: Scalar = None
    severity: Scalar | Word = None
    cvss_score: Score | None = None
    fixed_in_version: Scalar = None
    fix_version: Scalar = None
    disclosure_date: Scalar = None
    package_ref: Scalar = None
    risk_accept_refs: list[Scalar] | None = None
    accepted_risks: list[msgspec.Raw] | None = None

    @property
    def word(self) -> str:
        """The severity as written."""
        return text_of(self.severity.value if isinstance(self.severity, Word) else self.severity)


class Package(msgspec.Struct, gc=False, rename="camel"):
    """One package: all of the image are listed."""

    type: Scalar = None
    name: Scalar = None
    version: Scalar = None
    path: Scalar = None
    license: Scalar = None
    suggested_fix: Scalar = None
    layer_digest: Scalar = None
    layer_ref: Scalar = None
    vulns: list[Vulnerability] | None = None
    vulnerabilities_refs: list[Scalar] | None = None
    risk_accept_refs: list[Scalar] | None = None
    accepted_risks: list[msgspec.Raw] | None = None


class Layer(msgspec.Struct, gc=False):
    """One layer by its diffID; one that only changes the configuration has none."""

    digest: Scalar = None
    command: Scalar = None
    index: Scalar = None


class Metadata(msgspec.Struct, gc=False, rename="camel"):
    """The image."""

    pull_string: Scalar = None
    image_id: Scalar = None
    digest: Scalar = None
    base_os: Scalar = None
    size: Scalar = None
    os: Scalar = None
    architecture: Scalar = None
    created_at: Scalar = None


class Rule(msgspec.Struct, gc=False, rename="camel"):
    """One rule of a policy."""

    description: Scalar = None
    rule_type: Scalar = None
    evaluation_result: Scalar = None


class Bundle(msgspec.Struct, gc=False):
    """Rules of a policy."""

    name: Scalar = None
    rules: list[Rule] | None = None


class Evaluation(msgspec.Struct, gc=False):
    """One policy."""

    name: Scalar = None
    bundles: list[Bundle] | None = None


class Policies(msgspec.Struct, gc=False):
    """`policies` of schema v1."""

    evaluations: list[Evaluation] | None = None


class Accepted(msgspec.Struct, gc=False):
    """One accepted risk."""

    status: Scalar = None


class Outcome(msgspec.Struct, gc=False, rename="camel"):
    """`result`; the API answers with it alone."""

    type: Scalar = None
    asset_type: Scalar = None
    metadata: Metadata | None = None
    packages: list[Package] | dict[str, Package] | None = None
    vulnerabilities: dict[str, Vulnerability] | list[Vulnerability] | None = None
    layers: list[Layer] | dict[str, Layer] | None = None
    policy_evaluations: list[Evaluation] | None = None
    policies: Policies | None = None
    risk_accepts: dict[str, Accepted] | None = None


class Info(msgspec.Struct, gc=False, rename="camel"):
    """How the scan went."""

    scan_time: Scalar = None


class Producer(msgspec.Struct, gc=False, rename="camel"):
    """When the API's result was made."""

    produced_at: Scalar = None


class Scanner(msgspec.Struct, gc=False):
    """The scanner."""

    name: Scalar = None
    version: Scalar = None


class Report(msgspec.Struct, gc=False):
    """The whole report."""

    info: Info | None = None
    scanner: Scanner | None = None
    result: Outcome | None = None
    producer: Producer | None = None
