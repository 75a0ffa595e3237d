"""The retention guard: what is held is never offered, whatever the fleet; rules, pins, dry runs, pages, API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.accounts.models import AuditEntry, Membership, Token
from governance.approvals.guard import holds_of
from governance.approvals.models import (
    ApprovedBase,
    KeptCopy,
    RetentionItem,
    RetentionPin,
    RetentionRule,
    RetentionRun,
)
from governance.approvals.retention import ask_run, pin, save_rule, start_run
from governance.approvals.retention_check import may_delete
from governance.approvals.retention_plan import plan_run, still_going
from governance.images.models import BaseEdge, Image, Manifest, Placement, Registry, Repository, Tag
from governance.runtime.models import Agent, Cluster, Running, Workload
from tests.conftest import Machine
from tests.make import digest_of, make_token, make_user

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
CHECK = "/api/v1/retention/check/"
# How an image may be known to run; what stopped long ago does not.
RUNS = ("now", "lately", "scanned")


@dataclass(frozen=True)
class Made:
    """An image of a generated fleet. `base` and `index` are the numbers of others before it."""

    base: int | None = None
    by_edge: bool = False
    index: int | None = None
    lies: bool = True
    runs: str = ""
    is_pinned: bool = False
    is_copy: bool = False
    is_approved: bool = False
    is_tagged: bool = False
    elsewhere: bool = False


def repository(name: str = "shop/api") -> Repository:
    registry, _ = Registry.objects.get_or_create(host="registry.example")
    return Repository.objects.get_or_create(registry=registry, name=name)[0]


def lay(word: str, *names: str, base: Image | None = None, **fields: Any) -> Image:
    """An image with a manifest, placed in repositories, as if crawled long ago."""
    image = Image.objects.create(
        config_digest=digest_of(f"config {word}"), first_seen=LONG_AGO, base=base, size=1_000, reference=word, **fields
    )
    Manifest.objects.create(image=image, digest=digest_of(word), kind="manifest", source="crawl", first_seen=LONG_AGO)
    for name in names or ("shop/api",):
        Placement.objects.create(image=image, repository=repository(name), first_seen=LONG_AGO)
    return image


def run(image: Image, stopped: datetime | None = None) -> Running:
    """It runs, or ran until then."""
    cluster, _ = Cluster.objects.get_or_create(uid="prod", defaults={"kind": "cluster", "first_seen": LONG_AGO})
    agent, _ = Agent.objects.get_or_create(
        cluster=cluster,
        name="agent",
        defaults={"instance": "a", "first_heard": LONG_AGO, "last_heard": LONG_AGO, "taken_at": LONG_AGO},
    )
    workload = Workload.objects.create(
        agent=agent, cluster=cluster, kind="Deployment", name=f"w{image.pk}", first_seen=LONG_AGO
    )
    return Running.objects.create(workload=workload, agent=agent, image=image, first_seen=LONG_AGO, stopped_at=stopped)


def tag(image: Image, name: str, until: datetime | None = LONG_AGO) -> None:
    Tag.objects.create(image=image, repository=repository(), name=name, since=LONG_AGO, last_seen=LONG_AGO, until=until)


def rule(**fields: Any) -> RetentionRule:
    said = {"name": "old", "repositories": "*", "which": "any", "days": 0, "keep_newest": 0, **fields}
    return RetentionRule.objects.create(**said)


def planned() -> RetentionRun:
    return plan_run(RetentionRun.objects.create(actor="test"))


def offered(run: RetentionRun) -> set[int]:
    return set(run.items.filter(state="listed").values_list("image", flat=True))


@st.composite
def fleets(draw: Any) -> list[Made]:
    found: list[Made] = []
    for number in range(draw(st.integers(1, 9))):
        before = st.none() | (st.integers(0, number - 1) if number else st.none())
        rare = st.integers(0, 5).map(lambda one: one == 0)
        found.append(
            Made(
                base=draw(before),
                by_edge=draw(rare),
                index=draw(before) if draw(rare) else None,
                lies=not draw(rare),
                runs=draw(st.sampled_from(["", "", "", "now", "lately", "scanned", "once"])),
                is_pinned=draw(rare),
                is_copy=draw(rare),
                is_approved=draw(rare),
                is_tagged=draw(st.booleans()),
                elsewhere=draw(rare),
            )
        )
    return found


def started(image: Image, how: str) -> None:
    if how == "scanned":
        Image.objects.filter(pk=image.pk).update(runtime_at=timezone.now() - timedelta(days=1))
    elif how:
        run(image, {"now": None, "lately": timezone.now() - timedelta(days=1), "once": LONG_AGO}[how])


def build(fleet: list[Made]) -> list[Image]:
    images: list[Image] = []
    for number, one in enumerate(fleet):
        base = images[one.base] if one.base is not None else None
        places = ["shop/api", *(["mirror/api"] if one.elsewhere else [])]
        image = lay(f"image {number}", *places, base=None if one.by_edge else base)
        images.append(image)
        if one.by_edge and base:
            BaseEdge.objects.create(image=image, rung=50, base=base, stated_at=LONG_AGO, digest=digest_of(str(number)))
        if one.index is not None:
            index = digest_of(f"index of {one.index}")
            for member in (image, images[one.index]):
                Manifest.objects.get_or_create(
                    image=member, digest=index, defaults={"kind": "index", "source": "crawl", "first_seen": LONG_AGO}
                )
        Placement.objects.filter(image=image).update(gone_at=None if one.lies else LONG_AGO)
        started(image, one.runs)
        if one.is_pinned:
            RetentionPin.objects.create(digest=digest_of(f"image {number}"), reason="audit", actor="test")
        if one.is_copy:
            host = Registry.objects.get(host="registry.example")
            KeptCopy.objects.create(
                *(), name="docker.io/library/alpine", digest=digest_of(f"image {number}"), registry=host, place="x"
            )
        if one.is_approved:
            ApprovedBase.objects.create(
                name="registry.example/shop/api", pattern=digest_of(f"image {number}"), state="approved"
            )
        if one.is_tagged:
            tag(image, f"v{number}")
    return images


def must_stay(fleet: list[Made]) -> set[int]:
    """Written anew, one by one: what may in no case be offered."""
    alive = {n for n, one in enumerate(fleet) if one.lies or one.runs in RUNS}
    held = {n for n, one in enumerate(fleet) if one.runs in RUNS or one.is_pinned or one.is_copy or one.is_approved}
    for number in alive:
        base = fleet[number].base
        while base is not None:
            held.add(base)
            base = fleet[base].base
    groups = [{one.index, n} for n, one in enumerate(fleet) if one.index is not None]
    by_index: dict[int, set[int]] = {}
    for group in groups:
        by_index.setdefault(min(group), set()).update(group)
    return held | {n for group in by_index.values() if group & held for n in group}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(fleets())
def test_nothing_that_is_held_is_ever_offered(fleet: list[Made]) -> None:
    with transaction.atomic():
        images = build(fleet)
        rule()
        going = {number for number, image in enumerate(images) if image.pk in offered(planned())}
        lie = {number for number, one in enumerate(fleet) if one.lies}
        assert not going & must_stay(fleet)
        # And it does not refuse everything: what nothing holds goes, except beside a platform that must stay.
        free = lie - must_stay(fleet)
        alone = {n for n in free if fleet[n].index is None and all(one.index != n for one in fleet)}
        assert alone <= going
        transaction.set_rollback(True)


def test_each_hold_is_told_in_a_sentence(db: None) -> None:
    base = lay("base")
    child = lay("child", base=base)
    run(child)
    pin(None, digest_of("child"), "evidence of an incident")
    holds = {kind: [hold.kind for hold in found] for kind, found in holds_of([base.pk, child.pk]).items()}
    assert holds == {base.pk: ["base"], child.pk: ["running", "pinned"]}
    assert "child is built on it" in holds_of([base.pk])[base.pk][0].text
    Placement.objects.filter(image=child).update(gone_at=LONG_AGO)
    assert "base" in [hold.kind for hold in holds_of([base.pk])[base.pk]], "it runs, wherever it lies"
    Running.objects.update(stopped_at=LONG_AGO)
    assert holds_of([base.pk]) == {}


def test_what_a_tag_line_allows_is_held_until_it_is_outdated(db: None) -> None:
    image = lay("line")
    ApprovedBase.objects.create(name="registry.example/shop/api", pattern="3.*", state="approved", outdated_days=10)
    tag(image, "3.1", until=timezone.now() - timedelta(days=5))
    assert [hold.kind for hold in holds_of([image.pk])[image.pk]] == ["approved"]
    assert holds_of([image.pk], timezone.now().date() + timedelta(days=10)) == {}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"which": "any"}, {"new", "old", "held", "bare"}),
        ({"which": "any", "keep_newest": 3}, {"old"}),
        ({"which": "superseded"}, {"old"}),
        ({"which": "untagged"}, {"bare"}),
        ({"which": "any", "days": 36_000}, set()),
        ({"which": "any", "stage": "ci"}, {"old", "bare"}),
        ({"which": "any", "stage": "not_run"}, {"old", "bare", "held"}),
        ({"repositories": "registry.example/*\n!*/shop/*"}, set()),
        ({"repositories": "registry.example/shop/*"}, {"new", "old", "held", "bare"}),
        ({"is_enabled": False}, set()),
    ],
)
def test_rules_ask_by_tags_age_and_stage(fields: dict[str, Any], expected: set[str]) -> None:
    made = {word: lay(word) for word in ("old", "bare", "held", "new")}
    tag(made["old"], "1")
    tag(made["held"], "2", until=None)
    tag(made["new"], "3", until=None)
    run(made["new"], LONG_AGO)
    Image.objects.filter(pk=made["held"].pk).update(registry_at=LONG_AGO)
    rule(**fields)
    assert {word for word, image in made.items() if image.pk in offered(planned())} == expected


def test_an_index_goes_only_with_all_its_platforms(db: None) -> None:
    amd, arm = lay("amd"), lay("arm")
    for image in (amd, arm):
        Manifest.objects.create(image=image, digest=digest_of("both"), kind="index", source="x", first_seen=LONG_AGO)
    tag(amd, "1")
    rule(which="superseded")
    run = planned()
    assert offered(run) == set()
    assert run.held == {"index": 1}
    tag(arm, "1")
    assert offered(planned()) == {amd.pk, arm.pk}


def test_a_run_counts_bytes_and_what_is_held_and_is_asked_again(db: None) -> None:
    going, sizeless, held = lay("a"), lay("b"), lay("c")
    Image.objects.filter(pk=sizeless.pk).update(size=None)
    run(held)
    rule()
    found = planned()
    assert (found.images, found.size, found.sizeless, found.held) == (2, 1_000, 1, {"running": 1})
    assert found.state == "listed"
    assert plan_run(found).items.count() == 3, "once listed, always the same"
    run(going)
    RetentionRule.objects.update(repositories="nothing")
    items = list(found.items.filter(state="listed").order_by("image"))
    assert still_going(items) == []
    whys = dict(RetentionItem.objects.values_list("image", "hold"))
    assert whys == {going.pk: "running", sizeless.pk: "rule", held.pk: "running"}


def test_pins_end_and_are_audited_and_ones_own_teams_alone(team, owner, mate, stranger) -> None:
    image = lay("mine", owners=[team.pk])
    editor = make_user("editor", team=team, membership=Membership.Role.EDITOR)
    digest = digest_of("mine")
    for nobody in (mate, stranger):
        with pytest.raises(PermissionDenied):
            pin(nobody, digest, "why not")
    for said in ({"reason": " "}, {"reason": "x", "until": timezone.now().date() - timedelta(1)}):
        with pytest.raises(ValidationError):
            pin(editor, digest, **said)
    pin(editor, digest, "audit\x00 of 2026", timezone.now().date())
    assert AuditEntry.objects.get(action="retention.pin").reason == "audit of 2026"
    assert [hold.kind for hold in holds_of([image.pk])[image.pk]] == ["pinned"]
    assert holds_of([image.pk], timezone.now().date() + timedelta(1)) == {}


def test_only_administrators_let_a_run_delete_and_only_what_they_saw(admin, mate) -> None:
    lay("a")
    with pytest.raises(ValidationError, match="No rule"):
        ask_run(admin)
    save_rule(admin, None, {"name": "all", "repositories": "*", "which": "any", "days": 0, "keep_newest": 0})
    with pytest.raises(PermissionDenied):
        ask_run(mate)
    run = ask_run(admin)
    with pytest.raises(ValidationError, match="not done"):
        ask_run(admin)
    plan_run(run)
    with pytest.raises(PermissionDenied):
        start_run(mate, run, 1)
    with pytest.raises(ValidationError):
        start_run(admin, run, 2)
    assert start_run(admin, run, 1).state == "deleting"
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        *("retention.rule", "retention.run", "retention.delete")
    ]


def test_answers_tell_no_stranger_what_is_there(team, stranger, admin) -> None:
    lay("mine", owners=[team.pk])
    rule()
    wanted = [digest_of("mine"), digest_of("config mine"), digest_of("nothing"), "registry.example/shop/api:1", "a b"]
    assert [one.answer for one in may_delete(admin, wanted)] == ["asked", "asked", *["unknown"] * 3]
    assert [one.answer for one in may_delete(stranger, wanted)] == ["unknown"] * 5
    RetentionRule.objects.all().delete()
    assert [one.answer for one in may_delete(admin, wanted[:1])] == ["free"]


@pytest.mark.parametrize("text", ["", "\x00", "sha256:" + "z" * 64, "a" * 1_000, "\ud800", "registry.example/\u202e"])
def test_hostile_words_are_unknown(text: str, admin) -> None:
    assert [one.answer for one in may_delete(admin, [text])] == ["unknown"]


def test_many_digests_cost_as_many_statements_as_one(django_assert_max_num_queries, admin) -> None:
    for number in range(30):
        lay(f"n{number}")
    rule()
    with django_assert_max_num_queries(9):
        answers = may_delete(admin, [digest_of(f"n{number}") for number in range(30)])
    assert all(one.may for one in answers)


def test_the_check_over_http(reader) -> None:
    held = lay("held")
    run(held)
    lay("free")
    rule()
    body = json.dumps({"digests": [digest_of("held"), digest_of("free"), "alpine:3"]})
    answers = reader.post(CHECK, body, content_type="application/json").json()
    assert [(one["may"], one["answer"]) for one in answers] == [(False, "held"), (True, "asked"), (False, "unknown")]
    assert answers[0]["holds"] == [{"kind": "running", "text": "It runs in 1 place."}]
    assert reader.get(CHECK, {"digest": digest_of("free")}).json()["rules"] == ["old"]
    assert reader.get(CHECK).status_code == 400


def test_runs_over_http(reader) -> None:
    lay("a")
    machine = Machine(make_token(Token.Scope.ADMIN)[1])
    said = {"name": "all", "repositories": "*", "which": "any", "days": 0, "keep_newest": 0}
    post = {"content_type": "application/json"}
    assert reader.post("/api/v1/retention/rules/", json.dumps(said), **post).status_code == 403
    made = machine.post("/api/v1/retention/rules/", json.dumps(said), **post)
    assert made.status_code == 201
    assert machine.post("/api/v1/retention/rules/", json.dumps(said), **post).status_code == 400
    url = f"/api/v1/retention/rules/{made.json()['id']}/"
    assert machine.patch(url, json.dumps({"days": 1}), **post).json()["days"] == 1
    number = machine.post("/api/v1/retention/runs/").json()["id"]
    plan_run(RetentionRun.objects.get(pk=number))
    items = reader.get(f"/api/v1/retention/runs/{number}/items/?state=listed").json()["results"]
    assert [one["repository"] for one in items] == ["registry.example/shop/api"]
    start = f"/api/v1/retention/runs/{number}/start/"
    assert machine.post(start, json.dumps({"images": 7}), **post).status_code == 400
    assert machine.post(start, json.dumps({"images": 1}), **post).json()["state"] == "deleting"
    assert machine.post(f"/api/v1/retention/runs/{number}/stop/").json()["state"] == "stopped"


def test_the_page_answers_pins_and_lists(admin, client) -> None:
    image = lay("a")
    client.force_login(admin)
    url = reverse("approved:retention")
    assert "No rule" in client.get(url).content.decode()
    assert "Nothing holds it" in client.get(url, {"digest": digest_of("a")}).content.decode()
    answer = client.post(reverse("approved:pin_new"), {"digest": digest_of("a"), "reason": "<b>proof"})
    assert answer.status_code == 302
    text = client.get(url, {"digest": f"{digest_of('a')}\nalpine:3"}).content.decode()
    assert "&lt;b&gt;proof" in text
    assert f"/images/{image.pk}/" in text
    form = {"name": "r", "repositories": "*", "which": "any", "stage": "any", "days": "0", "keep_newest": "0"}
    assert client.post(reverse("approved:rule_new"), {**form, "is_enabled": "on"}).status_code == 302
    detail = client.post(reverse("approved:run_new"))["Location"]
    assert "Looking" in client.get(detail).content.decode()
    plan_run(RetentionRun.objects.get())
    text = client.get(detail).content.decode()
    assert "1 because it is pinned" in text
    assert client.post(reverse("approved:pin_remove", args=[RetentionPin.objects.get().pk])).status_code == 302
    RetentionRun.objects.all().delete()
    run = planned()
    assert "Delete 1 image" in client.get(reverse("approved:run_detail", args=[run.pk])).content.decode()
    start = reverse("approved:run_start", args=[run.pk])
    assert client.post(start, {"images": "9"}).status_code == 422
    assert client.post(start, {"images": "1"}).status_code == 302
