"""Repositories go to teams by rules: the first that fits, for all that nobody gave by hand, now and in future."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client

from governance.accounts.models import AuditEntry, Team, User
from governance.findings.handover import hand_over
from governance.images.models import Event, Image, ImageConfig, OwnerRule, Repository
from governance.runtime.models import Agent, Cluster, Running, Workload
from governance.runtime.owners import add_rule, apply_rules, remove_rule
from tests.make import deliver, digest_of, make_report, make_token

pytestmark = pytest.mark.django_db


def image(name: str, viewer: Any = None) -> Repository:
    """A repository with an image."""
    deliver(make_report(f"registry.example/{name}:1", digest_of(name)), viewer=viewer)
    return Repository.objects.get(name=name)


def rule(team: Team, pattern: str, kind: str = "pattern", label: str = "") -> OwnerRule:
    return OwnerRule(kind=kind, pattern=pattern, team=team, label=label)


def owner(repository: Repository) -> Team | None:
    repository.refresh_from_db()
    return repository.owner


def test_the_first_rule_that_fits_decides(team: Team, stranger: User, admin: User) -> None:
    other = stranger.teams.get()
    api, web, tool = image("shop/api"), image("shop/web"), image("tools/x")
    assert [one.name for one in add_rule(admin, rule(team, "registry.example/shop/*"))] == [
        "registry.example/shop/api",
        "registry.example/shop/web",
    ]
    first = OwnerRule.objects.get()
    add_rule(admin, rule(other, "*/web"), before=first.pk)
    assert (owner(api), owner(web), owner(tool)) == (team, other, None)
    assert Image.objects.get(repository=web).owners == [other.pk]
    remove_rule(admin, OwnerRule.objects.get(pattern="*/web"))
    assert owner(web) == team
    remove_rule(admin, first)
    assert (owner(api), owner(web)) == (None, None)
    assert Image.objects.get(repository=web).owners == []


def test_what_comes_later_is_given_by_itself_and_noted(team: Team, admin: User) -> None:
    add_rule(admin, rule(team, "registry.example/shop/*"))
    api = image("shop/api")
    assert owner(api) is None
    assert len(apply_rules()) == 1
    assert apply_rules() == []
    assert owner(api) == team
    assert Event.objects.filter(kind=Event.Kind.OWNED, text__contains="from nobody to shop by rule").count() == 1
    assert AuditEntry.objects.filter(action="repository.rules").count() == 1


def test_a_hand_outranks_rules_and_so_does_a_teams_own_token(team: Team, stranger: User, admin: User) -> None:
    other = stranger.teams.get()
    given, freed, brought = image("a/given"), image("a/freed"), image("a/brought", make_token(team=other)[0])
    hand_over(admin, given, other)
    hand_over(admin, freed, other)
    hand_over(admin, freed, None)
    assert add_rule(admin, rule(team, "*")) == []
    assert (owner(given), owner(freed), owner(brought)) == (other, None, other)


def test_labels_and_namespaces_fit(team: Team, stranger: User, admin: User) -> None:
    other = stranger.teams.get()
    labelled, running = image("x/labelled"), image("x/running")
    config, _ = ImageConfig.objects.get_or_create(image=Image.objects.get(repository=labelled))
    ImageConfig.objects.filter(pk=config.pk).update(labels={"org.opencontainers.image.vendor": "Shop Ltd"})
    now = datetime.now(UTC)
    cluster = Cluster.objects.create(uid="u", kind=Cluster.Kind.values[0], name="prod", first_seen=now)
    agent = Agent.objects.create(
        cluster=cluster, name="prod", instance="1", taken_at=now, first_heard=now, last_heard=now
    )
    workload = Workload.objects.create(
        agent=agent, cluster=cluster, namespace="payments", kind="Deployment", name="x", first_seen=now
    )
    runs = Image.objects.get(repository=running)
    Running.objects.create(workload=workload, agent=agent, image=runs, key=b"1", first_seen=now, last_seen=now)
    add_rule(admin, rule(team, "Shop*", "label", "org.opencontainers.image.vendor"))
    add_rule(admin, rule(other, "pay*", "namespace"))
    assert (owner(labelled), owner(running)) == (team, other)
    Running.objects.update(stopped_at=now)
    apply_rules()
    assert owner(running) is None


@pytest.mark.parametrize(
    "wrong", [{"pattern": " "}, {"kind": "label"}, {"kind": "label", "label": "mine"}, {"kind": "what"}]
)
def test_a_rule_that_can_fit_nothing_is_refused(team: Team, admin: User, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        add_rule(admin, OwnerRule(**{"kind": "pattern", "pattern": "*", "team": team, **wrong}))


def test_only_administrators_make_rules(team: Team, owner: User) -> None:
    with pytest.raises(PermissionDenied):
        add_rule(owner, rule(team, "*"))


def test_a_pattern_means_what_it_means_everywhere(team: Team, admin: User) -> None:
    api, web = image("shop/api"), image("shop/web_1")
    for pattern, given in (
        ("Registry.Example/shop/[a-c]??", {"registry.example/shop/api"}),
        ("registry.example/shop/web_?", {"registry.example/shop/web_1"}),
        ("registry.example/shop/we__?", set()),
        ("shop/*", set()),
    ):
        assert {one.name for one in add_rule(admin, rule(team, pattern))} == given
        remove_rule(admin, OwnerRule.objects.get())
    assert (owner(api), owner(web)) == (None, None)


def test_the_page_shows_what_would_change_and_changes_nothing(team: Team, admin: User, client: Client) -> None:
    api = image("shop/api")
    client.force_login(admin)
    said = {"kind": "pattern", "pattern": "*/shop/*", "team": str(team.pk)}
    answer = client.post("/teams/rules/", said | {"preview": "1"})
    assert "1</b> repository would change hands" in answer.content.decode()
    assert owner(api) is None
    assert not OwnerRule.objects.exists()
    assert client.post("/teams/rules/", said).status_code == 302
    assert owner(api) == team
    assert "by rule" in client.get("/images/repositories/").content.decode()


def test_what_nobody_owns_is_a_queue(team: Team, mate: User, admin: User, client: Client) -> None:
    image("shop/api")
    image("shop/web", make_token(team=team)[0])
    client.force_login(admin)
    assert [row.name for row in client.get("/images/repositories/?owned=false").context["page"].rows] == ["shop/api"]
    client.force_login(mate)
    assert [row.name for row in client.get("/images/repositories/").context["page"].rows] == ["shop/web"]


def test_rules_over_http_are_previewed_added_moved_and_removed(team: Team, stranger: User, admin: User) -> None:
    client = Client()
    client.force_login(admin)
    other, api = stranger.teams.get(), image("shop/api")
    said = {"kind": "pattern", "pattern": "registry.example/*", "team": "shop"}
    change = {"repository": api.pk, "name": "registry.example/shop/api", "owner": "nobody", "team": "shop"}
    json = {"content_type": "application/json"}
    assert client.post("/api/v1/owner-rules/preview/", said, **json).json() == {"total": 1, "changes": [change]}
    assert owner(api) is None
    added = client.post("/api/v1/owner-rules/", said, **json)
    assert (added.status_code, added.json()["changed"]["changes"]) == (201, [change])
    second = client.post("/api/v1/owner-rules/", said | {"team": other.name}, **json).json()
    assert second["changed"]["total"] == 0
    first = added.json()["id"]
    moved = client.post(f"/api/v1/owner-rules/{second['id']}/move/", {"before": first}, **json).json()
    assert [one["team"] for one in moved["changes"]] == [other.name]
    assert owner(api) == other
    rows = client.get("/api/v1/owner-rules/").json()["results"]
    assert [(row["id"], row["given"]) for row in rows] == [(second["id"], 1), (first, 0)]
    back = client.post(f"/api/v1/owner-rules/{second['id']}/move/", {"before": None}, **json).json()
    assert [one["team"] for one in back["changes"]] == ["shop"]
    assert client.delete(f"/api/v1/owner-rules/{first}/").json()["total"] == 1
    assert owner(api) == other
    assert AuditEntry.objects.filter(action="owner rule.move").count() == 2
    itself = client.post(f"/api/v1/owner-rules/{second['id']}/move/", {"before": second["id"]}, **json)
    assert (itself.status_code, itself.json()["detail"]) == (400, "A rule cannot be asked before itself.")
    wrong = client.post("/api/v1/owner-rules/", {"kind": "label", "pattern": "x", "team": "shop"}, **json)
    assert wrong.status_code == 400
    assert "names the label" in wrong.json()["detail"]


def test_a_rule_is_asked_one_place_earlier_on_the_page(team: Team, stranger: User, admin: User) -> None:
    client = Client()
    client.force_login(admin)
    other, api = stranger.teams.get(), image("shop/api")
    first, second = rule(team, "*"), rule(other, "*")
    add_rule(admin, first)
    add_rule(admin, second)
    assert owner(api) == team
    for _ in range(2):
        assert client.post(f"/teams/rules/{second.pk}/earlier/").status_code == 302
        assert owner(api) == other
        assert list(OwnerRule.objects.values_list("pk", flat=True)) == [second.pk, first.pk]
    page = client.get("/teams/rules/").content.decode()
    assert page.count("Ask earlier") == 1
