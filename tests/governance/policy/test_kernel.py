"""The kernel: every kind of rule, what nobody knows, the worst of several policies, and what runs already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.policy.kernel import judge
from governance.policy.known import BaseFacts, Exempted, Facts, Seen
from tests.governance.policy.known import DAY, ago, make_facts, make_line, make_seen, make_version

NEW_FIX = make_line(fix_since=ago(3))
NO_FIX = make_line(fixed_version="", fix_since=None)
EXPLOITED = make_line("CVE-2099-0002", 3, exploited=True)
LIKELY = make_line("CVE-2099-0003", 2, epss=0.5)
GROUND = BaseFacts("docker.io/library/debian:12", "allow", ("Approved as debian:12.",), ago(20))

CASES: list[tuple[str, dict[str, Any], Facts, str]] = [
    ("no finding", {"kind": "findings"}, make_facts(), "pass"),
    ("a finding", {"kind": "findings"}, make_facts(NO_FIX), "fail"),
    ("no scan", {"kind": "findings"}, Facts(image=1), "unknown"),
    ("as many as allowed", {"kind": "findings", "most": 1}, make_facts(NO_FIX), "pass"),
    ("milder", {"kind": "findings", "severity": "critical"}, make_facts(make_line(severity=4)), "pass"),
    ("as severe", {"kind": "findings", "severity": "high"}, make_facts(make_line(severity=4)), "fail"),
    ("no fix", {"kind": "findings", "fixable": True}, make_facts(NO_FIX), "pass"),
    ("a fix", {"kind": "findings", "fixable": True}, make_facts(NEW_FIX), "fail"),
    ("within grace", {"kind": "findings", "grace": 3}, make_facts(NEW_FIX), "pass"),
    ("a day after", {"kind": "findings", "grace": 2}, make_facts(NEW_FIX), "fail"),
    ("grace without a fix", {"kind": "findings", "grace": 0}, make_facts(NO_FIX), "pass"),
    ("exploited", {"kind": "findings", "exploited": True}, make_facts(EXPLOITED), "fail"),
    ("not exploited", {"kind": "findings", "exploited": True}, make_facts(LIKELY), "pass"),
    ("likely", {"kind": "findings", "epss": 0.5}, make_facts(LIKELY), "fail"),
    ("without a score", {"kind": "findings", "epss": 0.0}, make_facts(NO_FIX), "pass"),
    ("own", {"kind": "findings", "origin": "own"}, make_facts(findings=make_seen(NO_FIX, own={1})), "fail"),
    ("not own", {"kind": "findings", "origin": "own"}, make_facts(findings=make_seen(NO_FIX, own=set())), "pass"),
    ("own for want of a base", {"kind": "findings", "origin": "own"}, make_facts(NO_FIX), "fail"),
    (
        "inherited",
        {"kind": "findings", "origin": "inherited"},
        make_facts(findings=make_seen(NO_FIX, own=set())),
        "fail",
    ),
    ("not inherited", {"kind": "findings", "origin": "inherited"}, make_facts(NO_FIX), "pass"),
    ("base allowed", {"kind": "base"}, make_facts(base=GROUND), "pass"),
    ("base unknown", {"kind": "base"}, make_facts(), "fail"),
    ("base warned of", {"kind": "base"}, make_facts(base=replace(GROUND, verdict="warn")), "fail"),
    ("that accepted", {"kind": "base", "accept": "warn"}, make_facts(base=replace(GROUND, verdict="warn")), "pass"),
    ("base denied", {"kind": "base", "accept": "warn"}, make_facts(base=replace(GROUND, verdict="deny")), "fail"),
    ("base unlisted", {"kind": "base"}, make_facts(base=replace(GROUND, verdict="unknown")), "fail"),
    ("any base", {"kind": "base", "accept": "any"}, make_facts(base=replace(GROUND, verdict="deny")), "pass"),
    ("base young", {"kind": "base", "days": 20}, make_facts(base=GROUND), "pass"),
    ("base old", {"kind": "base", "days": 19}, make_facts(base=GROUND), "fail"),
    ("base's age unknown", {"kind": "base", "days": 9}, make_facts(base=replace(GROUND, built=None)), "unknown"),
    ("young", {"kind": "age", "days": 30}, make_facts(built=ago(30)), "pass"),
    ("old", {"kind": "age", "days": 30}, make_facts(built=ago(31)), "fail"),
    ("age unknown", {"kind": "age", "days": 30}, make_facts(), "unknown"),
    ("scanned", {"kind": "scanned", "days": 7}, make_facts(scans=(("ci", ago(7)),)), "pass"),
    ("scanned long ago", {"kind": "scanned", "days": 7}, make_facts(scans=(("ci", ago(8)),)), "fail"),
    (
        "scanned elsewhere",
        {"kind": "scanned", "days": 7, "stage": "registry"},
        make_facts(scans=(("ci", DAY),)),
        "fail",
    ),
    ("scan failed", {"kind": "scanned", "days": 7}, make_facts(scans=(("ci", DAY),), failed=frozenset({"ci"})), "fail"),
    ("never scanned", {"kind": "scanned", "days": 7}, Facts(image=1), "fail"),
    ("supported", {"kind": "end-of-life"}, make_facts(end_of_life=False), "pass"),
    ("ended", {"kind": "end-of-life"}, make_facts(end_of_life=True), "fail"),
    ("ended by date", {"kind": "end-of-life"}, make_facts(end_of_life=False, end_of_life_on=ago(1)), "fail"),
    ("last day", {"kind": "end-of-life"}, make_facts(end_of_life=False, end_of_life_on=DAY), "pass"),
    ("ends soon", {"kind": "end-of-life", "ahead": 30}, make_facts(end_of_life_on=ago(-29)), "fail"),
    ("end unknown", {"kind": "end-of-life"}, make_facts(), "unknown"),
    ("root", {"kind": "not-root"}, make_facts(root=True), "fail"),
    ("another user", {"kind": "not-root"}, make_facts(root=False), "pass"),
    ("user unknown", {"kind": "not-root"}, make_facts(), "unknown"),
    (
        "a denied name",
        {"kind": "deny-vulnerability", "names": ["GHSA-x"]},
        make_facts(make_line(names=frozenset(["GHSA-x"]))),
        "fail",
    ),
    ("another name", {"kind": "deny-vulnerability", "names": ["GHSA-x"]}, make_facts(NO_FIX), "pass"),
    ("name without scan", {"kind": "deny-vulnerability", "names": ["GHSA-x"]}, Facts(image=1), "unknown"),
    ("condition holds", {"kind": "condition", "expect": "findings.total == 0"}, make_facts(), "pass"),
    ("condition broken", {"kind": "condition", "expect": "findings.total == 0"}, make_facts(NO_FIX), "fail"),
    ("condition on nothing", {"kind": "condition", "expect": "findings.total == 0"}, Facts(image=1), "unknown"),
    (
        "condition over a list",
        {"kind": "condition", "expect": "vulnerabilities.all(v, v.exploited == false)"},
        make_facts(EXPLOITED, NO_FIX),
        "fail",
    ),
]


@pytest.mark.parametrize(("rule", "facts", "outcome"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_rule_says_what_it_should(rule: dict[str, Any], facts: Facts, outcome: str) -> None:
    said = judge(facts, [make_version(rule)], "ci", DAY)
    assert said.outcome == outcome
    assert all(reason.text.endswith((".", "]", "0", "false)")) for reason in said.reasons)
    assert bool(said.reasons) == (outcome != "pass")


@pytest.mark.parametrize(
    ("wanted", "listed", "outcome"),
    [
        ("log4j-core", ("maven", "log4j-core", "2.14.1"), "fail"),
        ("maven/log4j-core@2.*", ("maven", "log4j-core", "2.14.1"), "fail"),
        ("maven/log4j-core@2.17.*", ("maven", "log4j-core", "2.14.1"), "pass"),
        ("npm/log4j-core", ("maven", "log4j-core", "2.14.1"), "pass"),
        ("npm/@scope/left-pad@1.0", ("npm", "@scope/left-pad", "1.0"), "fail"),
        ("github.com/x/y", ("golang", "github.com/x/y", "v1"), "fail"),
        ("log4j", ("maven", "log4j-core", "2.14.1"), "pass"),
    ],
)
def test_packages_are_denied_by_name_type_and_version(wanted: str, listed: tuple[str, str, str], outcome: str) -> None:
    facts = make_facts(packages=frozenset([listed]))
    assert judge(facts, [make_version({"kind": "deny-package", "packages": [wanted]})], "ci", DAY).outcome == outcome


def test_a_package_list_that_nobody_sent_is_unknown_unless_a_finding_names_the_package() -> None:
    version = make_version({"kind": "deny-package", "packages": ["openssl"]})
    assert judge(make_facts(), [version], "ci", DAY).outcome == "unknown"
    assert judge(make_facts(NO_FIX), [version], "ci", DAY).outcome == "fail"


def test_the_worst_of_all_policies_counts_and_says_whose_it_is() -> None:
    mild = make_version({"kind": "not-root"}, name="mild", enforce="warn")
    hard = make_version({"kind": "findings"}, name="hard")
    said = judge(make_facts(NO_FIX, root=True), [mild, hard], "ci", DAY)
    assert (said.outcome, said.policy, [reason.policy for reason in said.reasons]) == ("fail", "hard", ["hard", "mild"])


@pytest.mark.parametrize(("level", "outcome"), [("inform", "pass"), ("warn", "warn"), ("fail", "fail")])
def test_a_place_enforces_as_the_policy_says(level: str, outcome: str) -> None:
    said = judge(make_facts(NO_FIX), [make_version({"kind": "findings"}, enforce=level)], "registry", DAY)
    assert (said.outcome, len(said.reasons)) == (outcome, 1)


def test_where_nothing_speaks_of_an_image_it_is_unknown_and_never_green() -> None:
    off = make_version({"kind": "findings"}, enforce="off")
    elsewhere = make_version({"kind": "findings"}, scope={"repositories": ["registry.example/other/*"]})
    said = judge(make_facts(repositories=frozenset({"registry.example/shop/api"})), [off, elsewhere], "ci", DAY)
    assert (said.outcome, said.policy) == ("unknown", "")


@pytest.mark.parametrize(
    ("scope", "speaks"),
    [
        ({}, True),
        ({"teams": ["shop"]}, True),
        ({"teams": ["payments"]}, False),
        ({"repositories": ["registry.example/shop/*"]}, True),
        ({"repositories": ["*/api"]}, True),
        ({"repositories": ["registry.example/shop"]}, False),
        ({"running": "yes"}, True),
        ({"running": "no"}, False),
        ({"teams": ["shop"], "repositories": ["other/*"]}, False),
    ],
)
def test_a_scope_narrows_by_team_repository_and_running(scope: dict[str, Any], speaks: bool) -> None:
    facts = make_facts(
        NO_FIX, repositories=frozenset({"registry.example/shop/api"}), teams=frozenset({"shop"}), running=True
    )
    outcome = judge(facts, [make_version({"kind": "findings"}, scope=scope)], "ci", DAY).outcome
    assert outcome == ("fail" if speaks else "unknown")


def test_a_new_finding_never_stops_a_running_image_from_starting_again() -> None:
    for restart in ("warn", "fail"):
        version = make_version({"kind": "findings"}, restart=restart)
        new, running = make_facts(NO_FIX), make_facts(NO_FIX, running=True)
        assert judge(new, [version], "runtime", DAY).outcome == "fail"
        assert judge(running, [version], "runtime", DAY).outcome == "warn"
        assert judge(running, [version], "ci", DAY).outcome == "fail"
    denied = make_version({"kind": "not-root"}, restart="fail")
    assert judge(make_facts(root=True, running=True), [denied], "runtime", DAY).outcome == "fail"


def test_a_rule_may_be_a_warning_at_most_and_say_what_to_do_where_nothing_is_known() -> None:
    mild = make_version({"kind": "findings", "at_most": "warn", "advice": "Ask the base team."})
    said = judge(make_facts(NO_FIX), [mild], "ci", DAY)
    assert said.outcome == "warn"
    assert said.reasons[0].text.endswith("Ask the base team.")
    for word, outcome in (("pass", "pass"), ("breach", "fail"), ("unknown", "unknown")):
        version = make_version({"kind": "not-root", "if_unknown": word})
        assert judge(make_facts(), [version], "ci", DAY).outcome == outcome


def test_an_exemption_leaves_findings_out_and_counts_them_beside() -> None:
    other = make_line("CVE-2099-0009", package="zlib")
    facts = make_facts(NO_FIX, other, exempted=frozenset({Exempted(NO_FIX.vulnerability, "openssl", "risk 1")}))
    said = judge(facts, [make_version({"kind": "findings"})], "ci", DAY)
    assert (said.outcome, said.reasons[0].count, said.exempted) == ("fail", 1, 1)
    both = replace(facts, exempted=facts.exempted | {Exempted(other.vulnerability)})
    assert judge(both, [make_version({"kind": "findings"})], "ci", DAY).outcome == "pass"


def test_one_line_counts_once_however_many_advisories_say_so() -> None:
    twice = make_facts(make_line(severity=3), make_line(severity=5))
    said = judge(twice, [make_version({"kind": "findings"})], "ci", DAY)
    assert (said.reasons[0].count, said.reasons[0].findings) == (1, (2,))


def test_facts_that_nobody_gathered_are_told_apart_from_none() -> None:
    assert make_facts(findings=Seen()).findings is not None
    assert Facts(image=1).findings is None
