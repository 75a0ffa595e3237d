"""Anchore's policy evaluations: Engine's and Enterprise's API (anchore-cli), the Jenkins plug-in's gates, anchorectl.

They say which rules of a policy an image breaks. Rows about vulnerabilities are verdicts on findings, not findings: all
are checks. They are a witness of their own, so that they stand beside the vulnerability scan and do not replace it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Kind,
    Outcome,
    Result,
    ScanReport,
    Severity,
    severity_of,
)
from scanning.parsers.anchore_model import told
from scanning.parsers.anchore_policy_model import Checked, Evaluation, Finding, Image, Inner, Rows, Table
from scanning.parsers.document import Document, Shape, check_amount, decode, members_of
from scanning.parsers.image_config import with_algorithm
from scanning.parsers.scalars import Scalar, moment, text_of

NAME = "anchore-policy"
# {digest: {tag: evaluations}}, one item for each image.
BY_DIGEST = msgspec.json.Decoder(list[dict[str, dict[str, list[Evaluation] | None] | None]])
BY_IMAGE = msgspec.json.Decoder(dict[str, Table])
LISTED = msgspec.json.Decoder(list[Checked])
IMAGE = msgspec.json.Decoder(Image)

RESULTS = {"stop": Result.FAIL, "warn": Result.WARN, "go": Result.PASS}
MEMBERS = {"finalAction", "final_action", "lastEvaluation", "last_evaluation", "policyId", "policy_id"}
COLUMNS = ("Trigger_Id", "Gate", "Trigger", "Check_Output", "Gate_Action", "Whitelisted")


def recognises(document: Document) -> bool:
    """Evaluations by digest and tag, gates by image, or one of anchorectl's forms. `[]` names nobody."""
    if document.shape == Shape.LIST:
        first = document.first()
        return _is_by_digest(first) or ("detail" in first and not MEMBERS.isdisjoint(first))
    if document.has("evaluations"):
        return any(document.has(name) for name in ("evaluatedTag", "evaluated_tag", "imageDigest", "image_digest"))
    return _is_gates(document)


def _is_by_digest(members: dict[str, msgspec.Raw]) -> bool:
    return bool(members) and all(name.startswith("sha256:") for name in members)


def _is_gates(document: Document) -> bool:
    """{image ID: {"result": {"header": [...], "rows": [...]}}}."""
    first = members_of(next(iter(document.members.values()), None))
    return members_of(first.get("result")).keys() >= {"header", "rows"}


def parse(document: Document) -> ScanReport:
    """Read the evaluations; of several on one image the newest is the one in force."""
    if document.shape == Shape.LIST:
        if _is_by_digest(document.first()):
            found = list(_by_digest(decode(BY_DIGEST, document.body)))
        else:
            found = [_checked(one) for one in decode(LISTED, document.body)]
    elif document.has("evaluations"):
        found = [_image(decode(IMAGE, document.body))]
    else:
        found = [_gates(name, one.result) for name, one in decode(BY_IMAGE, document.body).items()]
    check_amount(sum(len(scan.checks) for scan, _ in found), "rows")
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=tuple(scan for scan, _ in found),
        kind=Kind.COMPLIANCE,
        scanned_at=max(filter(None, (moment(at) for _, at in found)), default=None),
    )


Timed = tuple[ImageScan, Scalar]


def _scan(image: ImageFacts, checks: Iterable[Check]) -> ImageScan:
    return ImageScan(image=image, outcome=Outcome.UNASSESSED, checks=tuple(checks))


def _facts(tag: Scalar, digest: Scalar, number: Scalar) -> ImageFacts:
    return ImageFacts(
        references=(told(tag),) if told(tag) else (),
        manifest_digest=told(digest),
        config_digest=with_algorithm(told(number)),
    )


def _verdict(status: Scalar, policy: Scalar) -> list[Check]:
    """Return what remains where the rows were not asked for (`--detail`): the policy as a whole."""
    if told(status) != "fail":
        return []
    title = "Anchore's policy evaluation fails; its rows come with --detail"
    return [Check("policy", told(policy) or "policy", Result.FAIL, title)]


def _by_digest(listed: list[dict[str, dict[str, list[Evaluation] | None] | None]]) -> Iterable[Timed]:
    for item in listed:
        for digest, tags in item.items():
            for tag, evaluations in (tags or {}).items():
                newest = max(evaluations or (), key=lambda one: text_of(one.at), default=Evaluation())
                inner = (newest.detail and newest.detail.result) or Inner()
                tables = [table for table in (inner.by_image or {}).values() if isinstance(table, Table)]
                checks = [check for table in tables for check in _rows(table.result or Rows())]
                facts = _facts(tag, digest, inner.image_id)
                yield _scan(facts, checks if tables else _verdict(newest.status, newest.policy)), newest.at


def _gates(number: str, rows: Rows | None) -> Timed:
    listed = rows.rows or [] if rows else []
    tag = next((row[1] for row in listed if len(row) > 1 and isinstance(row[1], str)), "")
    return _scan(_facts(tag, "", number), _rows(rows or Rows())), None


def _rows(table: Rows) -> Iterable[Check]:
    """Yield the check of each row; the columns stand where the header says."""
    places = {text_of(name).lower(): place for place, name in enumerate(table.header or ())}
    wanted = [places.get(name.lower(), -1) for name in COLUMNS]
    for row in table.rows or ():
        cells = [row[place] if 0 <= place < len(row) else None for place in wanted]
        words = [told(cell) if isinstance(cell, str | int | float | None) else "" for cell in cells]
        trigger, gate, name, output, action, _ = words
        # False, or the list's name with the matching rule.
        yield _check(gate, name, trigger, output, action, is_allowed=cells[-1] not in (None, False, "", "false"))


def _checked(one: Checked) -> Timed:
    """Read an image of anchorectl's first form."""
    number = next((finding.number for finding in one.detail or () if finding.number), None)
    rows = _verdict(one.status, one.policy) if one.detail is None else map(_of_finding, one.detail)
    return _scan(_facts(one.tag, one.digest, number), rows), one.at or one.snake_at


def _image(image: Image) -> Timed:
    """Read anchorectl's second form."""
    newest = max(image.evaluations or (), key=lambda one: text_of(one.when), default=Evaluation())
    findings = newest.findings
    number = next((finding.number for finding in findings if finding.number), None)
    facts = _facts(image.tag or image.snake_tag, image.digest or image.snake_digest, number)
    policy = image.policy or image.snake_policy
    rows = _verdict(newest.status, policy) if newest.details is None else map(_of_finding, findings)
    return _scan(facts, rows), newest.when


def _of_finding(one: Finding) -> Check:
    trigger, name = told(one.trigger_id) or told(one.snake_id), told(one.trigger_name) or told(one.trigger)
    output, action = told(one.description) or told(one.message), told(one.action) or told(one.status)
    return _check(told(one.gate), name, trigger, output, action, is_allowed=one.allowlisted not in (None, False))


def _check(gate: str, trigger: str, instance: str, output: str, action: str, *, is_allowed: bool) -> Check:
    """Return the check of one row. What an allow list covers stays visible and fails nothing."""
    result = Result.INFO if is_allowed else RESULTS.get(action.lower(), Result.WARN)
    # Anchore opens the row of a vulnerability with its severity.
    severity = severity_of(output.partition(" ")[0]) if gate == "vulnerabilities" else Severity.UNKNOWN
    title = f"allow-listed: {output}" if is_allowed else output
    return Check("policy", ":".join(filter(None, (gate, trigger))), result, title, severity, target=instance)
