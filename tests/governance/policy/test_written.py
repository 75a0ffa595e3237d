"""Policies as people and strangers write them: what is read, what is refused and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governance.policy.condition import SAMPLE, BadCondition, check_condition, holds
from governance.policy.describe import document_of
from governance.policy.document import BadPolicy, read_policy
from governance.policy.known import BaseFacts
from governance.policy.words import rules_in_words
from governance.policy.written import read_policies, write_policies
from tests.governance.policy.known import DAY, ago, make_facts, make_line

SHIPPED = Path(__file__).resolve().parents[3] / "governance" / "policy" / "shipped.yaml"


def test_the_shipped_policies_are_read_and_written_back_the_same() -> None:
    shipped = read_policies(SHIPPED.read_text())
    assert [(one.name, one.active) for one in shipped] == [("baseline", False), ("observe", True), ("strict", False)]
    assert read_policies(write_policies(shipped)) == shipped
    assert all(words and what for one in shipped for words, what, _ in rules_in_words(one))


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
HOSTILE = [
    (BOMB, "anchors and aliases"),
    ("name: !!python/object/apply:os.system [ls]\n", "tags are not read"),
    ("name: !<tag:yaml.org,2002:binary> aGk=\n", "tags are not read"),
    ("[" * 5_000, "levels"),
    ("x: " + "{a: " * 50 + "1" + "}" * 50, "levels"),
    ("name: x\nname: y\n", "stands there twice"),
    ("policies: []\n", "a list of 1 to"),
    ("policies: {a: 1}\n", "a list of 1 to"),
    ("- 1\n", "Expected `object`"),
    ("name: [\n", "line 2"),
    ("name: a\x00b\n", "YAML"),
    ("name: x\nrules: [{kind: findings, severity: awful}]\n", "$.rules[0].severity"),
    ("name: x\nrules: [{kind: nothing}]\n", "nothing"),
    ("name: x\nrules: [{kind: age}]\n", "days"),
    ("name: x\nrules: [{kind: age, days: -1}]\n", "0 to 3650 days"),
    (f"name: x\nrules: [{{kind: age, days: 1{'0' * 400}}}]\n", ""),
    ("name: x\nrules: [{kind: findings, epss: .nan}]\n", "epss"),
    ("name: x\nrules: [{kind: findings, sevrity: high}]\n", "sevrity"),
    ("name: X!\n", "small letters"),
    ("name: x\nenforce: {ci: maybe}\n", "$.enforce.ci"),
    ("name: x\nscope: {repositories: ['']}\n", "scope.repositories"),
    ("x" * 300_000, "at most 256 kB"),
    ("name: x\nrules: [{kind: deny-package, packages: []}]\n", "1 to 200 names"),
    ("policies: [{name: x}, {name: x}]\n", "the name x stands there twice"),
]


@pytest.mark.parametrize(("text", "why"), HOSTILE, ids=[f"{number}" for number in range(len(HOSTILE))])
def test_what_is_no_policy_is_refused_with_the_place(text: str, why: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        read_policies(text)
    assert why in str(refused.value)
    assert len(str(refused.value)) < 1_000


def test_texts_that_no_database_keeps_are_refused() -> None:
    for description in ("a\x00b", "\ud800"):
        with pytest.raises(BadPolicy, match="NUL"):
            read_policy({"name": "x", "description": description})


REFUSED = [
    ("", "1 to 1000 characters"),
    ("true" + " " * 1_000, "1 to 1000 characters"),
    ("1 +", "Failed to parse"),
    ("(" * 30 + "true" + ")" * 30, "more than 20 deep"),
    ("vulnerabilities.all(a, vulnerabilities.all(b, vulnerabilities.all(c, a == b)))", "at most 2 of"),
    ("secrets.all(x, true)", "secrets is none of"),
    ("image.nothing == 1", "sample document"),
    ("findings.critical", "not true or false"),
    ("1 / 0 == 1", "sample document"),
    ("image.days + 'x' == 'y'", "sample document"),
    ("vulnerabilities.all(a, vulnerabilities.all(b, a.package.matches(b.package) || true))", ""),
    ("image.reference.matches('(a{1000}){1000}')", "sample document"),
    ("true\x00", "cannot be printed"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=[f"{number}" for number in range(len(REFUSED))])
def test_a_hostile_condition_is_refused_with_a_clear_error(text: str, why: str) -> None:
    with pytest.raises(BadCondition) as refused:
        check_condition(text)
    assert why in str(refused.value)
    assert len(str(refused.value)) < 500


def shape(value: Any) -> Any:
    """The names of a document, at every depth."""
    return {name: shape(one) for name, one in value.items()} if isinstance(value, dict) else ""


def test_the_document_of_an_image_has_the_sample_s_shape() -> None:
    line = make_line(exploited=True, epss=0.2)
    base = BaseFacts("docker.io/library/debian:12", "allow", (), ago(3))
    found = document_of(make_facts(line, base=base, built=ago(9), scans=(("ci", ago(1)),)), DAY)
    labels = {"image": {"labels": ""}}
    assert shape(found) | labels == {**shape(SAMPLE), "own": ""} | labels
    assert found["image"].keys() == SAMPLE["image"].keys()
    assert shape(found["vulnerabilities"][0]) == shape(SAMPLE["vulnerabilities"][0])
    assert found["vulnerabilities"][0]["days_fixable"] == 10
    assert holds("vulnerabilities.exists(v, v.exploited && v.days_fixable > 7) && base.days == 3", found) is True
