"""Policies are saved, applied and previewed: by whom, with what trace, and what it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import Client

from governance.accounts.models import AuditEntry, Team, User
from governance.images.models import Image
from governance.policy.document import read_policy
from governance.policy.models import Policy, Round
from governance.policy.preview import preview
from governance.policy.services import save_policy
from governance.policy.work import settle_verdicts
from tests.governance.policy.force import enforce
from tests.make import make_image

pytestmark = pytest.mark.django_db
FORM = {
    "name": "no-high",
    "active": "on",
    "ci": "fail",
    "registry": "warn",
    "runtime": "off",
    "restart": "warn",
    "running": "any",
    "teams": "",
    "repositories": "",
    "rules": "- kind: findings\n  severity: high\n",
}


def test_a_change_is_audited_counts_versions_and_begins_a_round(admin: User) -> None:
    before = Round.objects.count()
    policy = save_policy(admin, read_policy({"name": "mine"}), "we start")
    save_policy(admin, read_policy({"name": "mine"}))
    changed = save_policy(admin, read_policy({"name": "ours", "active": False}), replaces="mine")
    assert (policy.pk, changed.version, changed.is_active) == (changed.pk, 2, False)
    assert Round.objects.count() == before + 2
    entries = list(AuditEntry.objects.filter(action__startswith="policy.").order_by("pk"))
    assert [entry.action for entry in entries] == ["policy.create", "policy.change"]
    assert entries[1].before == {"name": "mine"}


def test_a_team_s_administrators_write_for_their_team_alone(
    team: Team, owner: User, mate: User, stranger: User
) -> None:
    for document in ({"name": "x"}, {"name": "x", "scope": {"teams": ["payments"]}}):
        with pytest.raises(PermissionDenied):
            save_policy(owner, read_policy(document))
    policy = save_policy(owner, read_policy({"name": "x", "scope": {"teams": ["shop"]}}))
    assert list(Policy.objects.visible_to(mate).filter(name="x")) == [policy]
    assert not Policy.objects.visible_to(stranger).filter(name="x").exists()
    with pytest.raises(PermissionDenied):
        save_policy(owner, read_policy({"name": "x"}))


def test_files_are_applied_as_a_whole_and_come_back_the_same(tmp_path: Path, capsys: Any) -> None:
    call_command("policy", "export")
    file = tmp_path / "policies.yaml"
    file.write_text(capsys.readouterr().out)
    call_command("policy", "diff", str(file))
    assert capsys.readouterr().out == ""
    file.write_text("policies: [{name: only, rules: [{kind: not-root}]}]")
    with pytest.raises(SystemExit):
        call_command("policy", "diff", str(file), "--prune")
    said = capsys.readouterr().out
    assert "+  - kind: not-root" in said
    assert "--- strict (in force)" in said
    call_command("policy", "apply", str(file), "--prune")
    assert capsys.readouterr().out.splitlines() == ["delete baseline", "delete observe", "create only", "delete strict"]
    file.write_text("policies: [{name: good}, {name: bad, scope: {teams: [nobody]}}]")
    with pytest.raises(CommandError, match="no team nobody"):
        call_command("policy", "apply", str(file))
    assert list(Policy.objects.values_list("name", flat=True)) == ["only"]


def test_the_form_shows_whose_verdict_moves_before_it_saves(team: Team, admin: User, client: Client) -> None:
    image = make_image(team=team)
    Image.objects.filter(pk=image.pk).update(running=3)
    client.force_login(admin)
    shown = client.post("/policies/new_policy/", FORM | {"do": "preview"}).content.decode()
    assert "1 image would change its verdict; 3 running workloads run one of them." in shown
    assert not Policy.objects.filter(name="no-high").exists()
    saved = client.post("/policies/new_policy/", FORM | {"do": "save"})
    assert saved["Location"] == "/policies/no-high/"
    settle_verdicts()
    found = preview(admin, Policy.objects.get(name="no-high").read())
    assert (found.looked_at, found.rows) == (1, [])
    gone = preview(admin, None, "no-high")
    assert gone.rows == [("ci", "fail", "pass", 1, 1), ("registry", "warn", "pass", 1, 1)]
    page = client.get("/policies/no-high/").content.decode()
    assert "No findings of high or worse." in page


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("rules", "- kind: findings\n  severity: bad", "$.rules[0].severity"),
        ("rules", "- &a [*a]", "anchors and aliases"),
        ("rules", "- kind: condition\n  expect: image.foo == 1", "sample document"),
        ("teams", "nobody", "There is no team nobody."),
        ("name", "Not so", "small letters"),
    ],
)
def test_a_mistake_is_shown_beside_its_field(field: str, value: str, why: str, admin: User, client: Client) -> None:
    client.force_login(admin)
    answer = client.post("/policies/new_policy/", FORM | {field: value, "do": "save"})
    assert answer.status_code == 422
    assert why in " ".join(answer.context["form"].errors[field])


def test_lists_cost_as_many_statements_whatever_is_in_them(
    team: Team, admin: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    enforce({"kind": "findings"})
    image = make_image(team=team)
    settle_verdicts()
    client.force_login(admin)
    # Session and person, the frame's figures, the rows and the newest round.
    with django_assert_max_num_queries(10):
        client.get("/policies/")
    with django_assert_max_num_queries(10):
        client.get("/policies/gate_decisions/")
    assert f"/images/{image.pk}/" in client.get("/images/?verdict=fail").content.decode()
    assert f"/images/{image.pk}/" not in client.get("/images/?verdict=pass").content.decode()
    assert "policy: fail" in client.get("/images/").content.decode()
    assert "1 finding (0 allowed)" in client.get(f"/images/{image.pk}/verdict/").content.decode()
