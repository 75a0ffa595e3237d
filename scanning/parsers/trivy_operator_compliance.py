"""Trivy Operator's `ClusterComplianceReport`: a benchmark of the cluster, by control or in full."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import Benchmark, Check, Result, severity_of
from scanning.parsers.document import check_amount
from scanning.parsers.scalars import Scalar, text_of

KIND = "ClusterComplianceReport"
SUBJECT = "cluster"


class Looked(msgspec.Struct, gc=False):
    """One check of one object, in a report of type `all`."""

    target: Scalar = None
    success: bool | None = None


class Control(msgspec.Struct, gc=False, rename="camel"):
    """One control: counted in a report of type `summary` (`passTotal` of old operators), else with its checks."""

    id: Scalar = None
    name: Scalar = None
    severity: Scalar = None
    status: Scalar = None
    total_fail: int | None = None
    fail_total: int | None = None
    pass_total: int | None = None
    checks: list[Looked] | None = None


class Summary(msgspec.Struct, gc=False, rename="camel"):
    """`status.summaryReport` and `status.detailReport`."""

    title: Scalar = None
    control_check: list[Control] | None = None
    results: list[Control] | None = None


class Status(msgspec.Struct, gc=False, rename="camel"):
    """`status`; old operators wrote the controls right into it."""

    update_timestamp: Scalar = None
    summary_report: Summary | None = None
    detail_report: Summary | None = None
    control_check: list[Control] | None = None


class Described(msgspec.Struct, gc=False):
    """`spec.compliance`, and `spec` of old operators."""

    title: Scalar = None
    name: Scalar = None


class Spec(msgspec.Struct, gc=False):
    """`spec`."""

    compliance: Described | None = None
    title: Scalar = None
    name: Scalar = None


def benchmark_of(spec: Spec, status: Status, called: str) -> Benchmark:
    """Return the benchmark. The object does not name its cluster; `called` is its own name."""
    summary, detail = status.summary_report or Summary(), status.detail_report or Summary()
    described = spec.compliance or Described()
    titles = (detail.title, summary.title, described.title, spec.title, described.name, spec.name, called)
    controls = detail.results or summary.control_check or status.control_check or []
    check_amount(len(controls) + sum(len(control.checks or ()) for control in controls), "checks")
    return Benchmark(
        subject=SUBJECT,
        title=next(filter(None, map(text_of, titles)), ""),
        checks=tuple(check for control in controls for check in _checks(control)),
    )


def _checks(control: Control) -> Iterable[Check]:
    """Yield the control, or each object that it looked at."""
    for looked in control.checks or ():
        yield _check(control, Result.PASS if looked.success else Result.FAIL, text_of(looked.target))
    if not control.checks:
        yield _check(control, _result(control), "")


def _result(control: Control) -> Result:
    """Return the result; a control without a count is one that people must look at."""
    failed = control.total_fail if control.total_fail is not None else control.fail_total
    if failed is None and control.pass_total is None:
        word = text_of(control.status).upper()
        return {"PASS": Result.PASS, "FAIL": Result.FAIL}.get(word, Result.INFO)
    return Result.FAIL if failed else Result.PASS


def _check(control: Control, result: Result, target: str) -> Check:
    severity = severity_of(text_of(control.severity))
    return Check("benchmark", text_of(control.id), result, text_of(control.name), severity, target)
