"""The command: in once, out without a trace."""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import transaction

from governance.accounts.models import AuditEntry, Membership, Team, User
from governance.findings.models import Scan
from governance.images.models import Image, Repository, VerdictWork
from governance.runtime.drift import moved_on
from governance.runtime.models import Agent, Running
from scanning.agents import AGENT
from scanning.body import receive
from scanning.deliveries import Envelope, accept, claim
from scanning.demo import load as loading
from scanning.demo.load import load, started
from scanning.demo.remove import remove
from scanning.demo.reports import reports
from scanning.ingest import process
from scanning.models import Delivery

REAL = Path(__file__).parents[2] / "data" / "trivy" / "image.json"


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def fleet(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, set[str]]]:
    """A real report, then the demo fleet; gives the rows as they were before the fleet came."""
    with django_db_blocker.unblock(), undone():
        send(REAL.read_bytes())
        before = rows()
        assert load() == len(reports(started()))
        yield before


def send(body: bytes, **said: Any) -> Delivery:
    pk, _ = accept(receive(io.BytesIO(body)), Envelope(**said), ring=False)
    held = claim(pk)
    assert held
    process(held)
    return Delivery.objects.get(pk=pk)


def rows() -> dict[str, set[str]]:
    """Every row of every table of ours but the audit trail, which forgets nothing, and the line of what is judged next.

    That line holds numbers of images, also of those that are gone: whoever judges finds nothing there.
    """
    ours = [app.get_models() for app in apps.get_app_configs() if app.name.startswith(("governance.", "scanning"))]
    models = [model for found in ours for model in found if model not in (AuditEntry, VerdictWork)]
    return {model._meta.label: {repr(row) for row in model.objects.values_list()} for model in models}


def test_it_shows_every_state_and_owner(fleet: dict[str, set[str]]) -> None:
    images = Image.objects.present().filter(is_demo=True)
    states = Counter(images.values_list("state", flat=True))
    assert set(states) == set(Image.State.values)
    assert states["vulnerable"] > 40
    assert {len(owners) for owners in images.values_list("owners", flat=True)} == {1}
    assert images.filter(placeholder__isnull=False).count() == 1
    assert images.filter(distro="debian", end_of_life=True, state=Image.State.END_OF_LIFE).count() == 1


def test_it_runs_in_clusters_of_which_one_is_silent(fleet: dict[str, set[str]]) -> None:
    agents = {agent.cluster.name: agent.state for agent in Agent.objects.select_related("cluster")}
    assert agents == {"prod-eu": "heard", "staging": "silent", "batch-1": "heard"}
    running = Running.objects.select_related("image", "workload")
    assert not running.filter(image=None).exists()
    assert all(row.image.config_digest for row in running)
    assert {row.sandbox for row in running.now()} >= {"gvisor", "kata", "none", "unknown"}
    images = Image.objects.filter(is_demo=True)
    assert images.filter(running__gt=0).count() > 8
    assert images.filter(running=0).exists()
    assert [row.workload.name for row in running.now().filter(moved_on())] == ["checkout-canary"]


def test_it_has_scans_of_both_scanners_at_all_three_places(fleet: dict[str, set[str]]) -> None:
    keys = set(Scan.objects.looks().filter(image__is_demo=True).values_list("scanner", "stage"))
    assert keys == {("trivy", "ci"), ("grype", "registry"), ("trivy", "registry"), ("trivy", "runtime")}
    assert Delivery.objects.filter(is_demo=True, state=Delivery.State.QUARANTINED).count() == 1
    checkout = Image.objects.filter(repository__name="shop/checkout")
    assert checkout.filter(ci_at=None).count() == 0
    assert Image.objects.filter(repository__name="data/warehouse-sync").exclude(runtime_at=None).count() == 0


def test_its_images_stand_on_each_other(fleet: dict[str, set[str]]) -> None:
    tops = Image.objects.filter(is_demo=True, top_layer__isnull=False)
    bases = set(tops.values_list("top_layer", flat=True))
    app = tops.filter(repository__name="shop/checkout").order_by("-built_at")[0]
    node, found = app.top_layer.parent, 0
    while node:
        found += node.pk in bases
        node = node.parent
    assert found == 2


def test_loading_again_changes_nothing(fleet: dict[str, set[str]]) -> None:
    before = rows()
    assert load() == 0
    assert rows() == before


def test_removing_leaves_exactly_what_was_there(fleet: dict[str, set[str]]) -> None:
    with undone():
        assert remove()["images"] > 50
        assert rows() == fleet
        assert not any(remove().values())


def test_what_is_real_stays_where_it_lies_in_the_fleet(fleet: dict[str, set[str]]) -> None:
    with undone():
        demo = Image.objects.filter(repository__name="shop/checkout").order_by("-built_at")[0]
        sent = send(reports(started())[0].write()[:-1] + b" }", image=demo.reference, stage="registry")
        real = Scan.objects.get(delivery=sent.pk)
        Membership.objects.create(user=User.objects.create_user("ada"), team=Team.objects.get(name="data"))
        remove()
        kept = Image.objects.get(pk=real.image_id)
        assert (kept.is_demo, kept.ci_at, kept.scans.count()) == (False, None, 1)
        assert kept.registry_at
        assert not Repository.objects.get(name="shop/checkout").is_demo
        assert not Repository.objects.filter(name="shop/storefront").exists()
        assert set(Team.objects.values_list("name", flat=True)) == {"platform", "shop", "data"}


@pytest.mark.django_db
def test_a_load_that_was_cut_off_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "reports", lambda today: reports(today)[:20])
    assert load() == 20
    monkeypatch.setattr(loading, "reports", lambda today: reports(today)[:30])
    assert load() == 30
    done = Delivery.objects.filter(is_demo=True, state=Delivery.State.DONE)
    assert done.exclude(source__startswith=AGENT).count() == 30
    assert Scan.objects.looks().count() == 30


@pytest.mark.django_db
def test_the_command_says_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "reports", lambda today: reports(today)[:3])
    monkeypatch.setattr(loading, "load_runtime", lambda today: None)
    out = io.StringIO()
    for action in ("load", "load", "remove", "remove"):
        call_command("demo", action, stdout=out, skip_checks=True)
    said = out.getvalue().splitlines()
    assert said[:2] == ["demo fleet loaded (3 reports)", "the demo fleet is already there"]
    assert said[2].startswith("demo fleet removed: 3 images")
    assert said[3] == "there is no demo fleet"
