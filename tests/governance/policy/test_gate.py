"""The gate: what it answers to whom, and that it is kept."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from governance.accounts.models import Team, Token
from governance.policy.models import GateDecision
from governance.policy.work import settle_verdicts
from scanning.ingest import work_off
from tests.conftest import Machine
from tests.governance.policy.force import enforce
from tests.make import digest_of, make_image, make_report, make_token

pytestmark = pytest.mark.django_db
NAME = "registry.example/shop/api:1.0"
URL = "/api/v1/gate/"


def test_it_answers_by_reference_and_by_every_digest(team: Team, machine: Machine) -> None:
    enforce({"kind": "findings", "severity": "high"})
    image = make_image(NAME, team=team, RepoDigests=[f"registry.example/shop/api@{digest_of('manifest')}"])
    for name in (NAME, digest_of(NAME), digest_of("manifest"), f"other.example/x@{digest_of('manifest')}"):
        said = machine.get(URL, {"image": name, "stage": "ci"}).json()
        assert (said["verdict"], said["policy"], said["image"]) == ("fail", "test", image.pk)
        assert said["reasons"][0]["text"].startswith("1 high or worse finding (0 allowed): CVE-2099-0001 in openssl")


def test_what_nobody_knows_is_unknown_and_says_what_to_do(machine: Machine) -> None:
    for name in ("registry.example/nobody/knows:1", digest_of("nothing"), "not a name", "./app.tar"):
        said = machine.get(URL, {"image": name}).json()
        assert said["verdict"] == "unknown"
        assert "send a scan report" in said["reasons"][0]["text"]
    assert machine.get(URL, {"image": "a\x00b"}).status_code == 400
    assert machine.get(URL, {"image": NAME, "stage": "prod"}).status_code == 400


def test_a_team_s_token_learns_nothing_of_other_teams_images(team: Team) -> None:
    make_image(NAME, team=team)
    other = Machine(make_token(Token.Scope.INGEST, Team.objects.create(name="payments"))[1])
    assert other.get(URL, {"image": NAME}).json()["verdict"] == "unknown"
    own = Machine(make_token(Token.Scope.INGEST, team)[1])
    assert own.get(URL, {"image": NAME}).json()["verdict"] == "pass"


def test_decisions_are_kept_once_a_day_for_the_same_answer(team: Team, machine: Machine, reader: Machine) -> None:
    make_image(NAME, team=team)
    for _ in range(3):
        machine.get(URL, {"image": NAME})
    enforce({"kind": "findings"})
    machine.get(URL, {"image": NAME})
    kept = reader.get("/api/v1/decisions/").json()["results"]
    assert [(one["verdict"], one["policy"], one["gate"]) for one in kept] == [
        ("fail", "test", "gate"),
        ("pass", "observe", "gate"),
    ]
    assert kept[0]["reasons"][0]["rule"] == "findings (1)"
    assert reader.get("/api/v1/decisions/", {"verdict": "warn"}).json()["results"] == []


def test_the_command_says_the_same_and_by_its_exit_code(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    make_image(NAME, team=team)
    call_command("gate", NAME)
    assert json.loads(capsys.readouterr().out)["verdict"] == "pass"
    enforce({"kind": "findings"})
    for name, code in ((NAME, 1), ("registry.example/nobody/knows:1", 2)):
        with pytest.raises(SystemExit) as ended:
            call_command("gate", name, "--stage", "registry")
        assert ended.value.code == code
    assert GateDecision.objects.filter(gate="command", stage="registry").count() == 2


def test_a_report_that_is_known_answers_with_the_verdict_of_its_place(team: Team, machine: Machine) -> None:
    enforce({"kind": "findings"}, level="warn")
    report = json.dumps(make_report(NAME, config=digest_of(NAME)))
    first = machine.post("/api/v1/reports/?stage=registry", report, content_type="application/json").json()
    assert (first["state"], first["verdict"], first["gate"]) == ("received", None, None)
    work_off()
    again = machine.post("/api/v1/reports/?stage=registry&wait=1", report, content_type="application/json").json()
    assert (again["duplicate"], again["verdict"], again["gate"]["stage"]) == (True, "warn", "registry")
    assert GateDecision.objects.get().gate == "report"


def test_a_stored_verdict_is_answered_with_few_statements(
    team: Team, machine: Machine, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    make_image(NAME, team=team)
    settle_verdicts()
    machine.get(URL, {"image": NAME})
    # The token, who it is of, the image by its tag, its verdict, the decision.
    with django_assert_max_num_queries(6):
        machine.get(URL, {"image": NAME})
