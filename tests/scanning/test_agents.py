"""Snapshots of what runs: stored, applied by number, resolved to images in any order of arrival."""

from __future__ import annotations

import itertools
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import Team, Token, User
from governance.findings.models import Scan, Source
from governance.images.models import Image, Repository, Tag
from governance.runtime.counts import judge_agents, prune_stopped, settle_running
from governance.runtime.models import Agent, Cluster, Running, Sighting, Workload
from scanning import hearing
from scanning.agents import AGENT, prune_snapshots
from scanning.deliveries import Envelope, accept, claim
from scanning.ingest import process
from scanning.models import Delivery
from tests.conftest import Machine
from tests.make import RUNS_SINCE, deliver, digest_of, make_body, make_report, make_token

pytestmark = pytest.mark.django_db
NUMBERS = itertools.count(1)


def make_said(word: str = "api", **fields: Any) -> dict[str, Any]:
    """An image as a cluster knows it: by the digest of a manifest or an index."""
    said = {"repo_digests": [f"registry.example/shop/{word}@{digest_of(f'{word} manifest')}"]}
    return {"key": word, "os": "linux", "architecture": "amd64", **said, **fields}


def make_container(word: str = "api", **fields: Any) -> dict[str, Any]:
    """A container of a Deployment."""
    named = {"kind": "Deployment", "namespace": "shop", "name": word, "container": "main"}
    return {"key": word, "image": f"registry.example/shop/{word}:1.0", "runtime": "runc", **named, **fields}


def make_snapshot(*containers: dict[str, Any], number: int = 1, **fields: Any) -> dict[str, Any]:
    """Everything that runs in a cluster."""
    images = {one["key"]: make_said(one["key"]) for one in containers}
    agent = {"name": "kubernetes", "instance": "first", "version": "1.0", "interval": 60} | fields.pop("agent", {})
    return {
        "agent": agent,
        "cluster": {"uid": "c1", "kind": "cluster", "name": "prod-eu", "environment": "production"},
        "engine": {"name": "containerd", "version": "2.1.0", "rootless": False},
        "number": number,
        "taken_at": f"2026-11-20T12:{number % 60:02}:00Z",
        "contents": "h" * 8,
        "images": list(images.values()),
        "containers": list(containers),
        **fields,
    }


def tell(snapshot: Any, token: Token | None = None) -> Delivery:
    """As it would come from an agent; the worker's follow-up included."""
    token = token or Token.objects.filter(scope="agent").first() or make_token(Token.Scope.AGENT)[0]
    return process_one(accept(make_body(snapshot), envelope(token), ring=False)[0])


def envelope(token: Token) -> Envelope:
    """What an agent says beside the body."""
    return Envelope(token, stage="runtime", origin=f"{AGENT}{token.pk}")


def process_one(pk: int) -> Delivery:
    """As a worker does."""
    while (held := claim(pk)) is not None:
        process(held)
    return Delivery.objects.get(pk=pk)


def live() -> set[tuple[str, str]]:
    """(workload, image's reference) of what runs."""
    rows = Running.objects.now().select_related("workload", "image")
    return {(row.workload.name, str(row.image) if row.image else "") for row in rows}


def test_an_agent_sends_over_http_and_learns_what_was_applied() -> None:
    token, secret = make_token(Token.Scope.AGENT)
    agent = Machine(secret)
    body = make_snapshot(make_container())
    url = "/api/v1/agents/snapshot/?cluster=c1&agent=kubernetes"
    first = agent.post(url, body, content_type="application/json")
    assert first.status_code == 202, first.content
    assert first.json()["state"] == "received"
    assert first.json()["resync"] is True
    tell(make_snapshot(make_container(), number=2), token)
    again = agent.post(url, body, content_type="application/json").json()
    assert again["duplicate"] is True
    assert again["id"] == first.json()["id"]
    assert again["applied"] == {"instance": "first", "number": 2, "contents": "h" * 8}
    assert again["resync"] is False


def test_what_runs_appears_and_is_counted() -> None:
    row = tell(make_snapshot(make_container(), make_container("web", privileged=True, runtime="runsc", user="0")))
    assert (row.state, row.format, row.error) == ("done", "agent-snapshot", "")
    assert live() == {("api", "registry.example/shop/api"), ("web", "registry.example/shop/web")}
    image = Image.objects.get(reference="registry.example/shop/web")
    assert (image.running, image.state, image.runtime_at) == (1, "unknown", None)
    running = image.workloads.get()
    assert (running.sandbox, running.privileged, running.is_root, running.tag) == ("gvisor", True, True, "1.0")
    # It is no scan, and no source of scans; nor does the name that was asked for say where the tag points.
    assert not Source.objects.exists()
    assert not Scan.objects.looks().exists()
    assert not Tag.objects.exists()
    cluster = Cluster.objects.get()
    assert (cluster.name, cluster.environment, cluster.agents.get().engine_version) == (
        "prod-eu",
        "production",
        "2.1.0",
    )


def test_what_a_whole_snapshot_does_not_name_has_stopped() -> None:
    tell(make_snapshot(make_container(), make_container("web")))
    tell(make_snapshot(make_container(), number=2))
    assert {one for one, _ in live()} == {"api"}
    gone = Running.objects.get(workload__name="web")
    assert gone.stopped_at is not None
    assert gone.workload.stopped_at is not None
    assert Image.objects.get(reference="registry.example/shop/web").running == 0
    # Started again, it is another stretch; the first one stays.
    tell(make_snapshot(make_container(), make_container("web"), number=3))
    assert Running.objects.filter(workload__name="web").count() == 2
    assert Workload.objects.get(name="web").stopped_at is None
    assert Image.objects.get(reference="registry.example/shop/web").running == 1


def test_an_unchanged_snapshot_costs_little(django_assert_max_num_queries: Any) -> None:
    containers = [make_container(f"w{number}") for number in range(60)]
    tell(make_snapshot(*containers))
    before = set(Running.objects.values_list("pk", "first_seen"))
    # Claim, body, cluster, agent, sightings, workloads, stretches, and the end: nothing for each container.
    with django_assert_max_num_queries(45):
        tell(make_snapshot(*containers, number=2))
    assert set(Running.objects.values_list("pk", "first_seen")) == before
    tell(make_snapshot(number=3, containers=None))
    assert len(live()) == 60
    assert Agent.objects.get().number == 3


def test_an_older_number_and_an_older_process_change_nothing() -> None:
    tell(make_snapshot(make_container(), number=5))
    late = tell(make_snapshot(make_container("web"), number=4))
    assert "not newer than 5" in late.result["reasons"][0]
    assert {one for one, _ in live()} == {"api"}
    token = Token.objects.get(scope="agent")
    waits, _ = accept(make_body(make_snapshot(make_container("old"), number=6)), envelope(token), ring=False)
    # Killed and started again, the agent counts from 1.
    tell(make_snapshot(make_container("new"), number=1, agent={"instance": "second"}))
    assert process_one(waits).result["reasons"] == ["a later process of this agent was heard before"]
    assert {one for one, _ in live()} == {"new"}
    assert not Agent.objects.get().is_doubled
    # A process that was replaced and goes on sending: two of them share a name.
    tell(make_snapshot(make_container("old"), number=9))
    assert Agent.objects.get().is_doubled


def test_snapshots_end_in_the_same_state_in_any_order() -> None:
    token = make_token(Token.Scope.AGENT)[0]
    states = [["a"], ["a", "b"], ["b"], [], ["c", "a"], ["c"]]
    told = [make_snapshot(*map(make_container, names), number=n) for n, names in enumerate(states, 1)]
    order = random.Random(7)
    for _ in range(4):
        Agent.objects.all().delete()
        # The token's deliveries of before would be duplicates.
        Delivery.objects.all().delete()
        order.shuffle(told)
        for one in told:
            tell(one, token)
        assert {one for one, _ in live()} == {"c"}
        assert Image.objects.get(reference="registry.example/shop/c").running == 1


def test_nothing_changed_since_what_never_came_asks_for_all_of_it() -> None:
    tell(make_snapshot(make_container()))
    row = tell(make_snapshot(number=2, containers=None, contents="other"))
    assert "never came" in row.result["reasons"][0]
    agent = Agent.objects.get()
    assert (agent.is_wanted, agent.number) == (True, 1)
    tell(make_snapshot(make_container(), number=3, contents="other"))
    assert not Agent.objects.get().is_wanted


IDENTITIES = {
    "containerd": {"repo_digests": [f"registry.example/shop/api@{digest_of('index')}"]},
    "docker": {"config_digest": digest_of("config"), "repo_digests": []},
    "podman": {
        "config_digest": digest_of("config"),
        "manifest_digest": digest_of("manifest"),
        "repo_digests": [f"registry.example/shop/api@{digest_of('index')}"],
    },
    "manifest": {"repo_digests": [f"registry.example/shop/api@{digest_of('manifest')}"]},
}


def make_scan() -> dict[str, Any]:
    """A scan that knows the image by all of its digests."""
    names = [f"registry.example/shop/api@{digest_of(word)}" for word in ("manifest", "index")]
    return make_report(config=digest_of("config"), RepoDigests=names)


@pytest.mark.parametrize("is_first", [True, False], ids=["agent first", "scan first"])
@pytest.mark.parametrize("runtime", IDENTITIES)
def test_every_runtime_leads_to_the_one_image(runtime: str, is_first: bool) -> None:
    snapshot = make_snapshot(make_container(), images=[make_said(**IDENTITIES[runtime])])
    arrivals = [lambda: tell(snapshot), lambda: deliver(make_scan(), viewer=make_token()[0])]
    for arrive in arrivals if is_first else reversed(arrivals):
        arrive()
    image = Image.objects.present().get()
    assert (image.config_digest, image.running, image.state) == (digest_of("config"), 1, "vulnerable")
    assert image.workloads.get().workload.name == "api"
    # Running weighs five more than the rest, and stopped halves it.
    risk = image.risk
    tell(make_snapshot(number=2, images=[]))
    stopped = Image.objects.present().get()
    assert (stopped.running, stopped.risk) == (0, (risk - 5) // 2)


def test_two_platforms_of_one_index_are_told_apart_when_more_is_learned() -> None:
    index = f"registry.example/shop/api@{digest_of('index')}"
    said = [make_said(word, repo_digests=[index], architecture=word) for word in ("amd64", "arm64")]
    containers = [make_container(word, image="registry.example/shop/api:1.0") for word in ("amd64", "arm64")]
    tell(make_snapshot(*containers, images=said))
    for word in ("amd64", "arm64"):
        platform = {"ImageConfig": {"os": "linux", "architecture": word}}
        deliver(make_report(config=digest_of(word), RepoDigests=[index], **platform), viewer=make_token()[0])
    settle_running()
    rows = {row.workload.name: row.image for row in Running.objects.select_related("workload", "image")}
    assert {name: image and image.config_digest for name, image in rows.items()} == {
        word: digest_of(word) for word in ("amd64", "arm64")
    }
    assert {image.running for image in Image.objects.present()} == {1}


def test_a_name_alone_is_held_against_the_tags_history() -> None:
    deliver(make_scan(), viewer=make_token()[0])
    snapshot = make_snapshot(make_container(started_at="2026-11-01T00:00:00Z"), images=[{"key": "api"}])
    tell(snapshot)
    assert Image.objects.present().get().running == 1


def test_many_clusters_say_the_same_once() -> None:
    for number in range(3):
        cluster = {"uid": f"c{number}", "kind": "cluster", "name": f"c{number}"}
        tell(make_snapshot(make_container(), cluster=cluster))
    assert Sighting.objects.count() == 1
    assert Image.objects.present().get().running == 3


def test_a_silent_agent_is_no_statement() -> None:
    tell(make_snapshot(make_container(), make_container("web")))
    tell(make_snapshot(make_container(), number=2))
    heard = Agent.objects.get().last_heard
    patience = Agent.objects.get().patience
    assert not judge_agents(heard + patience / 2, heard)
    # Nobody listened for a while: its silence counts from then.
    assert not judge_agents(heard + patience * 2, heard + patience * 1.5)
    assert [str(agent) for agent in judge_agents(heard + patience * 2, heard)] == ["kubernetes"]
    images = {image.reference.rpartition("/")[2]: image.running for image in Image.objects.all()}
    assert images == {"api": None, "web": 0}
    assert Running.objects.now().get().state == "unknown"
    tell(make_snapshot(make_container(), number=3))
    assert Image.objects.get(reference="registry.example/shop/api").running == 1
    assert Agent.objects.get().state == "heard"


def test_silence_is_noticed_by_who_listens(settings: Any) -> None:
    tell(make_snapshot(make_container()))
    hearing.listen()
    assert Agent.objects.get().silent_since is None
    Agent.objects.update(last_heard="2026-11-20T12:00:00Z")
    hearing.Listening.objects.update(since="2026-11-20T12:00:00Z")
    hearing.listen()
    assert Agent.objects.get().state == "silent"
    assert Image.objects.get().running is None


def test_a_teams_agent_speaks_for_its_own_cluster_and_repositories_alone(team: Team) -> None:
    other = Team.objects.create(name="payments")
    mine, theirs = (make_token(Token.Scope.AGENT, one)[0] for one in (team, other))
    tell(make_snapshot(make_container()), theirs)
    assert Repository.objects.get().owner is None
    refused = tell(make_snapshot(number=2), mine)
    assert (refused.state, refused.error_class) == ("quarantined", "NotYours")
    assert len(live()) == 1
    Repository.objects.update(owner=other)
    cluster = {"uid": "mine", "kind": "host", "name": "mine"}
    tell(make_snapshot(make_container(), cluster=cluster), mine)
    # The digest names the same image; a digest that nobody knows does not lie in the other team's repository.
    unknown = make_said(repo_digests=[f"registry.example/shop/api@{digest_of('invented')}"])
    tell(make_snapshot(make_container(), cluster=cluster, number=2, images=[unknown]), mine)
    assert Image.objects.filter(owners__contains=[other.pk]).count() == 0
    assert Image.objects.exclude(placements=None).count() == 1


HOSTILE: list[Any] = [
    {},
    [],
    None,
    {"agent": {"name": "a", "instance": "i"}, "cluster": {"uid": "c"}, "number": 1},
    make_snapshot(number=0),
    make_snapshot(number=2**70),
    make_snapshot(taken_at="yesterday"),
    make_snapshot(cluster={"uid": " \x00"}),
    make_snapshot(agent={"instance": ""}),
    make_snapshot(containers=[{"key": 1, "name": "x"}]),
    make_snapshot(containers=[{"name": "x"}]),
    b'{"agent": {"name": "a", "instance": "i"}, "cluster": {"uid": "c"}, "number": 1e999, "taken_at": "2026"}',
    b'{"agent":' + b"[" * 5_000,
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_broken_snapshot_is_put_aside_and_changes_nothing(number: int) -> None:
    row = tell(HOSTILE[number])
    assert (row.state, row.error_class) == ("quarantined", "ReportError")
    assert row.error
    assert not Agent.objects.exists()


def test_hostile_words_are_kept_as_words() -> None:
    nasty = "a\x00b\ud800" + "x" * 10_000
    said = {"key": nasty, "config_digest": nasty, "repo_digests": [nasty] * 30, "diff_ids": [nasty], "created": nasty}
    one = make_container(
        **dict.fromkeys(("key", "name", "namespace", "kind", "container", "image", "image_id", "user"), nasty),
        **dict.fromkeys(("runtime", "runtime_class", "part", "started_at"), nasty),
        labels={f"{number}{nasty}": nasty for number in range(80)},
        instances=2**62,
    )
    body = json.dumps(make_snapshot(note=nasty, contents=nasty) | {"containers": [one], "images": [said]}).encode()
    row = tell(body)
    assert (row.state, row.error) == ("done", "")
    running = Running.objects.select_related("workload").get()
    assert running.image is None
    assert len(running.workload.labels) == 50
    assert running.instances == 1_000_000
    assert "\x00" not in running.workload.name


def test_applied_snapshots_are_kept_for_an_hour_and_what_stopped_for_a_year(admin: User) -> None:
    tell(make_snapshot(make_container()))
    tell(make_snapshot(number=2))
    page = Client()
    page.force_login(admin)
    assert "agent-snapshot" not in page.get("/deliveries/").content.decode()
    assert "agent-snapshot" in page.get("/deliveries/?state=done").content.decode()
    assert prune_snapshots() == 0
    assert prune_stopped() == 0
    Delivery.objects.update(finished_at=RUNS_SINCE)
    Running.objects.update(stopped_at=RUNS_SINCE - timedelta(days=500))
    Workload.objects.update(stopped_at=RUNS_SINCE - timedelta(days=500))
    assert prune_snapshots() == 2
    assert prune_stopped() == 1
    assert not Workload.objects.exists()
    assert Image.objects.get().running is None


def test_it_is_in_the_life_of_the_image_and_in_the_first_numbers(admin: User, reader: Machine) -> None:
    tell(make_snapshot(make_container()))
    image = Image.objects.get()
    told = reader.get(f"/api/v1/images/{image.pk}/timeline/").json()["results"]
    assert ("deployed", "Deployment shop/api in prod-eu (production) runs it, the first there") in [
        (one["kind"], one["text"]) for one in told
    ]
    page = Client()
    page.force_login(admin)
    assert "agent silent" not in page.get("/").content.decode()
    Agent.objects.update(silent_since=RUNS_SINCE)
    assert "1</b><span>agent silent" in page.get("/").content.decode()
    assert "prod-eu" in page.get("/workloads/agents/?state=silent&demo=false").content.decode()
