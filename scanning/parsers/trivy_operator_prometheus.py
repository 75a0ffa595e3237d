"""Trivy Operator's metrics, as Prometheus answers `GET /api/v1/query?query=trivy_vulnerability_id`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from governance.findings.report import (
    Benchmark,
    Check,
    ImageFacts,
    ImageScan,
    Kind,
    Match,
    Outcome,
    PackageAt,
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, check_amount, decode, members_of
from scanning.parsers.packages import identify
from scanning.parsers.scalars import Scalar, moment, points_of, score_of, text_of

NAME = "trivy-operator-prometheus"
PREFIX = "trivy_"
VULNERABILITY = "trivy_vulnerability_id"
SECRET = "trivy_exposedsecrets_info"  # noqa: S105 (a metric's name)
COMPLIANCE = "trivy_compliance_info"
# Metrics of checks on objects of the cluster, and what their labels begin with.
CHECKS = {
    "trivy_configaudits_info": "config_audit",
    "trivy_rbacassessments_info": "rbac_assessment",
    "trivy_infraassessments_info": "infra_assessment",
}
READ = {VULNERABILITY, SECRET, COMPLIANCE, *CHECKS}
MAX_NAMED = 5

Labels = dict[str, Scalar]


class Series(msgspec.Struct, gc=False):
    """One series: its labels, and the last value with its time (`value`) or several (`values`)."""

    metric: Labels | None = None
    value: list[Scalar] | None = None


class Data(msgspec.Struct, gc=False):
    """`data`."""

    result: list[Series] | None = None


class Answer(msgspec.Struct, gc=False):
    """The answer."""

    data: Data | None = None


class Key(NamedTuple):
    """An image as the labels name it."""

    repository: str
    tag: str
    digest: str


DECODER = msgspec.json.Decoder(Answer)
PEEK_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def recognises(document: Document) -> bool:
    """Prometheus's answer with one of the operator's metrics first, or with none at all."""
    data = document.inside("data") if document.has("status", "data") else {}
    if not data.keys() >= {"resultType", "result"}:
        return False
    try:
        series = PEEK_LIST.decode(data["result"])
    except (msgspec.DecodeError, RecursionError):
        return False
    labels = members_of(members_of(series[0]).get("metric")) if series else {}
    name = bytes(labels.get("__name__", b"")).strip()
    return not series or "vuln_id" in labels or name.startswith(b'"trivy_')


def parse(document: Document) -> ScanReport:
    """Read the answer. It lists findings only: no series is no proof that any image is clean."""
    answer = decode(DECODER, document.body)
    series = (answer.data and answer.data.result) or []
    check_amount(len(series), "series")
    rows = [(name_of(one.metric or {}), one.metric or {}) for one in series]
    found = [labels for name, labels in rows if name == VULNERABILITY]
    benchmarks = tuple(_benchmarks(rows))
    others = sorted({name for name, _ in rows} - READ)[:MAX_NAMED]
    kind = Kind.VULNERABILITY if found or not rows else Kind.COMPLIANCE
    times = (moment(one.value[0]) for one in series if one.value)
    return ScanReport(
        format=NAME,
        scanner="trivy",
        images=tuple(_scans(rows)),
        kind=kind,
        benchmarks=benchmarks,
        scanned_at=max(filter(None, times), default=None),
        entries=len(found),
        notes=(f"metrics that only count, or that are not read: {', '.join(others)[:200]}",) if others else (),
    )


def name_of(labels: Labels) -> str:
    """Return the metric's name; an aggregation drops it, and then the labels tell."""
    return text_of(labels.get("__name__")) or (VULNERABILITY if "vuln_id" in labels else "")


def _scans(rows: list[tuple[str, Labels]]) -> Iterable[ImageScan]:
    """Yield a scan per image; one image in several workloads is one."""
    matches: dict[Key, list[Match]] = {}
    secrets: dict[Key, list[Check]] = {}
    for name, labels in rows:
        if name == VULNERABILITY:
            matches.setdefault(_key(labels), []).append(_match(labels))
        elif name == SECRET:
            secrets.setdefault(_key(labels), []).append(_check(labels, "secret", _secret(labels)))
    for key in dict.fromkeys((*matches, *secrets)):
        yield ImageScan(
            image=ImageFacts(
                references=(f"{key.repository}:{key.tag}",) if key.repository and key.tag else (),
                repo_digests=(f"{key.repository}@{key.digest}",) if key.repository and key.digest else (),
            ),
            outcome=Outcome.ASSESSED if key in matches else Outcome.UNASSESSED,
            matches=tuple(matches.get(key, ())),
            checks=tuple(secrets.get(key, ())),
        )


def _key(labels: Labels) -> Key:
    parts = (text_of(labels.get("image_registry")), text_of(labels.get("image_repository")))
    return Key("/".join(filter(None, parts)), text_of(labels.get("image_tag")), text_of(labels.get("image_digest")))


def _match(labels: Labels) -> Match:
    told = {name: text_of(value) for name, value in labels.items()}
    family = told.get("package_type", "")
    package = identify(told.get("resource", ""), told.get("installed_version", ""), None, family, family)
    return Match(
        advisory=told.get("vuln_id", ""),
        package=PackageAt(
            package.name, package.version, package.type, package.namespace, path=told.get("pkg_path", "")
        ),
        severity=severity_of(told.get("severity")),
        severity_word=told.get("severity", ""),
        fixed_version=told.get("fixed_version", ""),
        title=told.get("vuln_title", ""),
        cvss=score_of(points_of(told.get("vuln_score"))),
        published=told.get("published_date", ""),
    )


def _secret(labels: Labels) -> tuple[Scalar, Scalar, Scalar, bool]:
    return labels.get("secret_rule_id"), labels.get("secret_title"), labels.get("secret_target"), False


def _check(labels: Labels, kind: str, told: tuple[Scalar, Scalar, Scalar, bool]) -> Check:
    number, title, target, passed = told
    result = Result.PASS if passed else Result.FAIL
    severity = severity_of(text_of(labels.get("severity")))
    return Check(kind, text_of(number), result, text_of(title), severity, text_of(target))


def _benchmarks(rows: list[tuple[str, Labels]]) -> Iterable[Benchmark]:
    """Yield the cluster's benchmarks: one per kind of check, one per compliance report."""
    grouped: dict[str, list[Check]] = {}
    for name, labels in rows:
        if prefix := CHECKS.get(name):
            parts = (labels.get("namespace"), labels.get("resource_kind"), labels.get("resource_name"))
            target = "/".join(text_of(part) for part in parts if part)
            passed = text_of(labels.get(f"{prefix}_success")).lower() == "true"
            told = (labels.get(f"{prefix}_id"), labels.get(f"{prefix}_title"), target, passed)
            title = f"Trivy Operator {prefix.replace('_', ' ')}s"
            grouped.setdefault(title, []).append(_check(labels, "misconfiguration", told))
        elif name == COMPLIANCE:
            passed = text_of(labels.get("status")).lower() == "pass"
            told = (labels.get("compliance_id"), labels.get("compliance_name"), "", passed)
            title = text_of(labels.get("description")) or text_of(labels.get("title"))
            grouped.setdefault(title, []).append(_check(labels, "benchmark", told))
    for title, checks in grouped.items():
        yield Benchmark("cluster", "", title, tuple(checks))
