"""Deletion from a real registry: what is listed goes, what the guard holds stays, whatever is killed or lied about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from governance.accounts.models import AuditEntry
from governance.approvals.models import RetentionItem, RetentionRule, RetentionRun
from governance.approvals.retention import ask_run, pin, save_rule, start_run
from governance.images.models import Image, Manifest, Placement
from governance.web.addresses import Allowed
from scanning import retention
from scanning.connections import save_connection
from scanning.models import Connection, RepositoryCrawl
from tests.registry import Built, make_built, make_index, make_layer
from tests.scanning.real_registry import BASIC, PASSWORD, USER, RealRegistry, running

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def row(registry: RealRegistry, settings: Any) -> Connection:
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([registry.host])
    said = {"base_url": registry.base, "is_insecure": True, "username": USER, "may_delete": True}
    return save_connection(None, None, said, PASSWORD)


def crawled(row: Connection) -> None:
    call_command("crawl", row.registry.host)


def listed(name: str) -> RetentionRun:
    """A dry run over one repository, as the worker makes it."""
    said = {"name": "all", "repositories": f"*/{name}", "which": "superseded", "days": 0, "keep_newest": 0}
    if not RetentionRule.objects.exists():
        save_rule(None, None, said)
    run = ask_run(None)
    assert retention.work(5) == 1
    run.refresh_from_db()
    return run


def begun(run: RetentionRun) -> RetentionRun:
    """Let it delete, and work until it has nothing to do."""
    start_run(None, run, run.items.filter(state="listed").values("image").distinct().count())
    retention.work(5)
    run.refresh_from_db()
    return run


def is_there(registry: RealRegistry, name: str, built: Built) -> bool:
    url = f"{registry.base}/v2/{name}/manifests/{built.digest}"
    answer, _ = registry.client.fetch("GET", url, headers={**BASIC, "Accept": built.media_type})
    return answer.status == 200


def history(registry: RealRegistry, row: Connection, name: str) -> tuple[Built, Built, Built, Built]:
    """One tag that was two platforms, then one image, then another that stands on a base."""
    amd, arm = (make_built(make_layer(app=f"{name} {arch}"), arch=arch) for arch in ("amd64", "arm64"))
    index = make_index(amd, arm)
    second = make_built(make_layer(app=f"{name} 2"))
    third = make_built(make_layer(app=f"{name} 3"))
    for built in (index, second, third):
        registry.push(name, built, "1.0")
        crawled(row)
    return index, amd, second, third


def test_what_is_listed_goes_and_nothing_else(registry: RealRegistry, row: Connection) -> None:
    index, amd, second, third = history(registry, row, "shop/go")
    pin(None, second.digest, "evidence")
    run = listed("shop/go")
    assert (run.images, run.held) == (2, {"pinned": 1})
    assert is_there(registry, "shop/go", index), "a dry run deletes nothing"
    begun(run)
    assert run.state == "done"
    assert not is_there(registry, "shop/go", index)
    assert not is_there(registry, "shop/go", amd)
    assert is_there(registry, "shop/go", second)
    assert is_there(registry, "shop/go", third)
    gone = Image.objects.get(config_digest=amd.config)
    assert Placement.objects.get(image=gone).gone_at is not None
    entry = AuditEntry.objects.get(action="retention.deleted")
    assert f"{registry.host}/shop/go@{amd.digest}" in entry.after["deleted"]
    assert AuditEntry.objects.get(action="retention.done").after["deleted"] == 2
    crawled(row)
    RetentionRule.objects.update(name="again")
    assert listed("shop/go").images == 0, "what is gone is not asked for again"


def test_what_is_held_by_the_time_it_would_go_stays(registry: RealRegistry, row: Connection) -> None:
    index, *_ = history(registry, row, "shop/race")
    run = listed("shop/race")
    assert run.images == 3
    arm = index.children[1]
    pin(None, arm.digest, "somebody needs it after all")
    begun(run)
    assert is_there(registry, "shop/race", index), "its index is held with it"
    holds = dict(run.items.values_list("image__config_digest", "hold"))
    assert holds[arm.config] == "pinned"
    assert sorted(holds.values()) == ["", "index", "pinned"]


def lie() -> None:
    """The newest image's digest is said to be the one before's, and no longer its own."""
    newest, before = Image.objects.order_by("-pk")[:2]
    Manifest.objects.filter(image=before).delete()
    Manifest.objects.filter(image=newest).update(image=before)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda: Connection.objects.update(may_delete=False), "switched off"),
        (lambda: Connection.objects.update(tags="v*"), "some tags only"),
        (lambda: RepositoryCrawl.objects.update(unread=1), "could not be read"),
        (lambda: RepositoryCrawl.objects.update(success_at=timezone.now() - timedelta(days=9)), "too long ago"),
        (lambda: Connection.objects.update(is_enabled=False), "not connected"),
        # Somebody reported a digest of another's image as one of this image's.
        (lie, "another image"),
    ],
)
def test_nothing_goes_where_not_everything_is_known(change: Any, why: str, registry: RealRegistry, row: Any) -> None:
    name = f"shop/{''.join(letter for letter in why if letter.isalpha())}"
    *_, second, third = history(registry, row, name)
    RetentionRule.objects.all().delete()
    run = listed(name)
    change()
    begun(run)
    assert is_there(registry, name, second)
    assert is_there(registry, name, third)
    failed = run.items.filter(state="failed")
    assert failed.exists()
    assert all(why in item.why for item in failed)


def test_a_worker_killed_between_two_manifests_goes_on(registry: RealRegistry, row: Connection, monkeypatch) -> None:
    index, amd, *_ = history(registry, row, "shop/killed")
    run = listed("shop/killed")
    start_run(None, run, 3)
    deleted: list[str] = []

    def die(point: str, about: str = "") -> None:
        deleted.append(about)
        if point == "retention.before_delete" and len(deleted) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(retention, "reach", die)
    with pytest.raises(KeyboardInterrupt):
        retention.work(5)
    monkeypatch.undo()
    assert RetentionItem.objects.filter(state="deleted").count() == 0
    assert retention.work(1) == 0, "the lease of the one that died still holds"
    RetentionRun.objects.update(lease_until=timezone.now())
    retention.work(5)
    run.refresh_from_db()
    assert run.state == "done"
    assert not is_there(registry, "shop/killed", index)
    lines = AuditEntry.objects.get(action="retention.deleted").after["deleted"]
    assert {line.partition("@")[2] for line in lines} >= {index.digest, amd.digest}


def test_a_registry_that_refuses_is_said(registry: RealRegistry, row: Connection, monkeypatch) -> None:
    history(registry, row, "shop/limited")
    run = listed("shop/limited")
    Connection.objects.update(base_url="http://127.0.0.1:9")
    begun(run)
    assert run.state == "deleting"
    assert run.error
    assert run.next_at > timezone.now()
    assert run.items.filter(state="listed").count() == 3
