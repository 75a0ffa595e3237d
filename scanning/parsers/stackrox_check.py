"""StackRox's policy checks: `roxctl image check` and `roxctl deployment check` as JSON and CSV, old and new.

They name violated policies only. Those of an image stand at the image, which none of them names; those of a
deployment's manifest are a benchmark of that deployment.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Benchmark,
    Check,
    ImageScan,
    Kind,
    Outcome,
    ReportError,
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, Shape, check_amount, decode, members_of
from scanning.parsers.scalars import Scalar, text_of
from scanning.parsers.table import read_rows

NAME = "stackrox-check"
TITLE = "StackRox deployment policies"
TABLE = ("POLICY", "SEVERITY", "VIOLATION")
FAILS = {"FAIL_BUILD_ENFORCEMENT"}


class Policy(msgspec.Struct, gc=False, rename="camel"):
    """One item of `violatedPolicies`, and `policy` of an old alert."""

    name: Scalar = None
    severity: Scalar = None
    description: Scalar = None
    failing_check: bool | None = None
    enforcement_actions: list[Scalar] | None = None


class Deployment(msgspec.Struct, gc=False):
    """`additionalInfo`: the deployment; null for an image."""

    name: Scalar = None
    namespace: Scalar = None
    type: Scalar = None


class Metadata(msgspec.Struct, gc=False, rename="camel"):
    """`metadata` of a result."""

    additional_info: Deployment | None = None


class Checked(msgspec.Struct, gc=False, rename="camel"):
    """One item of `results`: an image or a deployment."""

    metadata: Metadata | None = None
    violated_policies: list[Policy] | None = None


class Alert(msgspec.Struct, gc=False):
    """One item of `alerts`, which roxctl printed before it had `--output`."""

    policy: Policy | None = None


class Report(msgspec.Struct, gc=False):
    """The new or the old form."""

    results: list[Checked] | None = None
    alerts: list[Alert] | None = None


DECODER = msgspec.json.Decoder(Report)
PEEK_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def recognises(document: Document) -> bool:
    """A table of policies; results of violated policies, or none with the summary of them; alerts of policies."""
    if document.shape == Shape.TEXT:
        return document.has_columns(*TABLE)
    if document.has("results", "summary"):
        first = _first(document.members["results"])
        empty = not first and document.inside("summary").keys() >= {"TOTAL", "CRITICAL"}
        return empty or "violatedPolicies" in first
    return document.has("alerts") and _first(document.members["alerts"]).keys() >= {"policy", "violations"}


def _first(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        listed = PEEK_LIST.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return members_of(listed[0]) if listed else {}


def parse(document: Document) -> ScanReport:
    """Read the violated policies: one that breaks the build fails, any other warns."""
    if document.shape == Shape.TEXT:
        if not recognises(document):
            raise ReportError(f"the table has not the columns {', '.join(TABLE)}")
        checked = _of_table(read_rows(document.body))
    else:
        checked = _of_results(decode(DECODER, document.body))
    check_amount(sum(map(len, checked.values())), "violated policies")
    image = checked.pop("", None)
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(ImageScan(outcome=Outcome.UNASSESSED, checks=tuple(image)),) if image is not None else (),
        kind=Kind.COMPLIANCE,
        benchmarks=tuple(Benchmark("project", name, TITLE, tuple(checks)) for name, checks in checked.items()),
    )


def _of_results(report: Report) -> dict[str, list[Check]]:
    """Return checks by deployment, "" for the image."""
    checked: dict[str, list[Check]] = {}
    for result in report.results or ():
        info = (result.metadata and result.metadata.additional_info) or Deployment()
        name = "/".join(filter(None, map(text_of, (info.namespace, info.name))))
        target = " ".join(filter(None, (text_of(info.type), name)))
        checked.setdefault(name, []).extend(_check(one, target) for one in result.violated_policies or ())
    if report.alerts is not None:
        checked.setdefault("", []).extend(_check(alert.policy or Policy(), "") for alert in report.alerts)
    return checked or {"": []}


def _of_table(rows: Iterable[dict[str, str]]) -> dict[str, list[Check]]:
    checked: dict[str, list[Check]] = {}
    for row in rows:
        told = {name: "" if cell == "-" else cell for name, cell in row.items()}
        breaks = told.get("BREAKS BUILD") or told.get("BREAKS DEPLOY") or ""
        name = told.get("DEPLOYMENT", "")
        policy = Policy(told["POLICY"], told["SEVERITY"], told.get("DESCRIPTION"), failing_check=bool(breaks))
        checked.setdefault(name, []).append(_check(policy, name))
    return checked or {"": []}


def _check(policy: Policy, target: str) -> Check:
    fails = policy.failing_check or FAILS.intersection(map(text_of, policy.enforcement_actions or ()))
    return Check(
        kind="policy",
        id=text_of(policy.name),
        result=Result.FAIL if fails else Result.WARN,
        title=text_of(policy.description),
        severity=severity_of(text_of(policy.severity).removesuffix("_SEVERITY")),
        target=target,
    )
