"""Looking upstream: what proves that a base has vanished, and what does not; states, alarms, who is affected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.utils import timezone

from governance.accounts.models import Team
from governance.approvals import watch_plan
from governance.approvals.amiss import amiss_with_base, with_alarms
from governance.approvals.models import ApprovedBase, UpstreamAlarm, Watch
from governance.approvals.watches import affected
from governance.briefings.scope import Scope, stand_in
from governance.briefings.sections.upstream import standing
from governance.images.models import Event, Image, Tag
from governance.web.addresses import Allowed
from scanning import upstream
from scanning.connections import save_connection
from scanning.models import Connection
from tests.make import make_image
from tests.registry import Built, Shelf, make_built, make_index, make_layer, reply, shelved

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf(settings: Any) -> Iterator[tuple[Shelf, str]]:
    """An upstream that is read without signing in, and the name of its one base."""
    shelf = Shelf()
    with shelved(shelf) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        save_connection(None, None, {"base_url": f"http://127.0.0.1:{port}", "is_insecure": True})
        yield shelf, f"127.0.0.1:{port}/base/os"


def make_base(word: str) -> Built:
    return make_built(make_layer(etc__os_release="ID=debian", word=word))


def approve(name: str, pattern: str = "12") -> ApprovedBase:
    return ApprovedBase.objects.create(name=name, pattern=pattern, state="approved")


def poll() -> None:
    watch_plan.plan()
    Watch.objects.update(next_at=timezone.now())
    while upstream.work():
        pass


def answers(status: int, word: str = "", **headers: str) -> Any:
    """Say this to everything that has the word in its path."""

    def instead(request: BaseHTTPRequestHandler) -> bool:
        if word not in request.path:
            return False
        reply(request, b'{"errors":[]}', status, **headers)
        return True

    return instead


def state() -> tuple[str, list[str]]:
    kinds = UpstreamAlarm.objects.filter(ended_at=None).order_by("pk").values_list("kind", flat=True)
    return Watch.objects.get().state, list(kinds)


def test_what_cannot_be_looked_at_is_unknown_and_an_alarm_in_the_end(shelf: Any) -> None:
    double, name = shelf
    double.push("base/os", make_base("1"), "12")
    approve(name)
    poll()
    assert state() == ("fine", [])
    for status, headers in ((429, {"Retry_After": "120"}), (503, {}), (403, {})):
        double.instead = answers(status, **headers)
        poll()
        assert Watch.objects.get().state == "unknown"
    row = Watch.objects.get()
    assert (row.failures, row.seen_at is not None) == (3, True)
    assert "403" in row.why
    assert state() == ("unknown", ["unreachable"])
    double.instead = lambda _: False
    poll()
    assert state() == ("fine", [])


def test_a_registry_that_wants_to_be_left_alone_is(shelf: Any) -> None:
    double, name = shelf
    for number in range(4):
        approve(f"{name}{number}")
    double.instead = answers(429, Retry_After="3000")
    poll()
    assert set(Watch.objects.values_list("state", flat=True)) == {"unknown"}
    assert len(double.asked) == 1
    assert min(Watch.objects.values_list("next_at", flat=True)) > timezone.now() + timezone.timedelta(seconds=2_900)


def test_one_404_proves_nothing(shelf: Any) -> None:
    double, name = shelf
    double.push("base/os", make_base("1"), "12")
    approve(name)
    double.instead = answers(404)
    poll()
    assert state() == ("unknown", [])
    assert "never was when we looked" in Watch.objects.get().why
    double.instead = lambda _: False
    poll()
    # The manifest is not found, and the list of tags still names it.
    double.instead = answers(404, "/manifests/")
    poll()
    assert state() == ("unknown", [])
    double.instead = lambda _: False
    del double.tags["base/os"]["12"]
    double.push("base/os", make_base("2"), "13")
    poll()
    assert state() == ("vanished", ["vanished"])


def test_what_strangers_may_no_longer_see_has_vanished_for_them(shelf: Any) -> None:
    double, name = shelf
    double.push("base/os", make_base("1"), "12")
    approve(name)
    poll()
    # It says no to everything, and only to this.
    double.instead = answers(403)
    poll()
    assert state() == ("unknown", [])
    double.instead = answers(403, "/base/os/")
    poll()
    assert state() == ("vanished", ["vanished"])
    # With credentials it may be these that are wrong.
    Connection.objects.update(username="robot")
    row = Connection.objects.get()
    save_connection(None, row, {"username": "robot"}, "s3cret")
    poll()
    assert state()[0] == "unknown"


def test_a_digest_that_is_gone_has_vanished(shelf: Any) -> None:
    double, name = shelf
    built = double.push("base/os", make_base("1"), "12")
    approve(name, built.digest)
    poll()
    assert state() == ("fine", [])
    del double.manifests["base/os"][built.digest]
    poll()
    assert state() == ("vanished", ["vanished"])
    double.push("base/os", built)
    poll()
    assert state() == ("fine", [])


def test_end_of_life_and_deprecation_are_alarms_of_their_own(shelf: Any) -> None:
    double, name = shelf
    labels = {"org.opencontainers.image.description": "DEPRECATED; use another"}
    double.push("base/os", make_built(make_layer(etc__os_release="ID=debian"), labels=labels), "12")
    approve(name)
    poll()
    poll()
    assert state() == ("deprecated", ["deprecated"])
    Image.objects.update(end_of_life=True, end_of_life_on="2024-06-30", distro="debian", distro_version="10")
    poll()
    assert state() == ("ended", ["deprecated", "ended"])
    assert "debian 10 came to its end of life on 2024-06-30" in Watch.objects.get().why
    Image.objects.update(end_of_life=False)
    poll()
    assert state() == ("deprecated", ["deprecated"])


def test_docker_hub_says_what_is_deprecated(shelf: Any) -> None:
    double, _ = shelf
    double.push("library/os", make_base("1"), "12")
    address = Connection.objects.get().base_url
    Connection.objects.update(kind="dockerhub", api_url=address)
    approve(f"{address.removeprefix('http://')}/library/os")
    about = json.dumps({"description": "DEPRECATED; The official build of OS."}).encode()

    def hub(request: BaseHTTPRequestHandler) -> bool:
        if "/v2/repositories/library/os/" not in request.path:
            return False
        reply(request, about)
        return True

    double.instead = hub
    poll()
    assert state() == ("deprecated", ["deprecated"])
    # Asked once a day; what it said holds meanwhile.
    poll()
    assert state() == ("deprecated", ["deprecated"])
    assert double.counted("GET", "/v2/repositories/") == 1
    Watch.objects.update(looked_at=timezone.now() - timezone.timedelta(days=1))
    about = b'{"description": "The official build of OS."}'
    poll()
    assert state() == ("fine", [])


def test_bases_in_use_are_watched_and_who_is_affected_is_known(shelf: Any, team: Team) -> None:
    double, name = shelf
    base = make_base("1")
    double.push("base/os", base, "12")
    known = make_image(f"{name}:12", config=base.config)
    app = make_image("registry.example/shop/api:1", team=team)
    named = make_image("registry.example/shop/web:1", team=team)
    Image.objects.filter(pk=app.pk).update(base=known.pk, running=2)
    Image.objects.filter(pk=known.pk).update(descendants=1)
    Image.objects.filter(pk=named.pk).update(base_name=f"{name}:12")
    poll()
    row = Watch.objects.get()
    assert (row.tag, row.state, row.is_used, row.is_approved, row.owners) == ("12", "fine", True, False, [team.pk])
    assert set(affected(row)) == {app, named}
    double.push("base/os", make_base("2"), "12")
    poll()
    alarm = UpstreamAlarm.objects.get()
    assert (alarm.kind, alarm.images, alarm.running, alarm.teams) == ("repointed", 2, 1, [team.pk])
    assert Event.objects.filter(kind="base_moved").exists()
    # Nobody uses it any more: the watch stays as long as its alarm is open.
    Image.objects.update(base=None, base_name="", descendants=0)
    poll()
    assert Watch.objects.filter(tag="12").exists()
    UpstreamAlarm.objects.update(ended_at=timezone.now())
    poll()
    assert not Watch.objects.exists()


def test_an_alarm_is_theirs_whose_base_a_crawl_missed_first(shelf: Any, team: Team) -> None:
    double, name = shelf
    double.push("base/os", base := make_base("1"), "12")
    approve(name)
    poll()
    app, named = (make_image(f"registry.example/shop/{word}:1", team=team) for word in ("api", "web"))
    Image.objects.filter(pk=app.pk).update(base=Image.objects.get(config_digest=base.config), running=1)
    del double.tags["base/os"]["12"]
    double.push("base/os", make_base("2"), "13")
    # As the crawl leaves it: no tag names the base, so nobody is seen to use it.
    Tag.objects.update(until=timezone.now())
    for _ in range(2):
        poll()
        assert state() == ("vanished", ["vanished"])
        assert Watch.objects.get().owners == [team.pk]
    scope = Scope([team.pk], str(team.pk), stand_in(team), timezone.now())
    assert [fact.what for fact in standing(scope)] == [f"{name}:12 vanished upstream"]
    Image.objects.filter(pk=named.pk).update(base_name=f"{name}:12@{base.digest}")
    for one in (app, named):
        (alarm,) = amiss_with_base(with_alarms(Image.objects.all()).get(pk=one.pk))
        assert (alarm.words, alarm.look, alarm.name) == ("vanished upstream", "failed", name)
    assert amiss_with_base(with_alarms(Image.objects.all()).get(config_digest=base.config)) == []


def test_of_a_pattern_the_newest_tags_are_watched(shelf: Any, client: Any) -> None:
    double, name = shelf
    index = make_index(make_base("1"))
    double.push("base/os", index, *(f"3.{number}" for number in range(1, 21)), "4.0", "latest")
    approve(name, "3.*")
    poll()
    poll()
    tags = Watch.objects.exclude(tag="").order_by("-tag").values_list("tag", flat=True)
    assert list(tags) == ["3.20", "3.19", "3.18", "3.17", "3.16"]
    assert 'portwarden_watched_bases{state="fine"} 6.0' in client.get("/metrics").content.decode()
    # What is not approved any more is not watched any more, nor is what the demo invented.
    for change in ({"state": "banned"}, {"state": "approved", "is_demo": True}):
        ApprovedBase.objects.update(**change)
        poll()
        assert not Watch.objects.exclude(is_used=True).exists()


def test_what_is_asked_for_is_watched_while_it_is_decided(shelf: Any) -> None:
    """Without alarms and copies, so that the reviewer knows; approved, the same watch goes on."""
    double, name = shelf
    base = make_base("1")
    double.push("base/os", base, "12")
    entry = ApprovedBase.objects.create(name=name, pattern="12", state="requested")
    poll()
    row = Watch.objects.get()
    assert (row.state, row.is_asked, row.is_approved, row.is_relied_on) == ("fine", True, False, False)
    # Its content is known to the reviewer from then on.
    assert Image.objects.get().config_digest
    double.push("base/os", make_base("2"), "12")
    poll()
    del double.tags["base/os"]["12"]
    double.push("base/os", base, "13")
    poll()
    assert state() == ("vanished", [])
    ApprovedBase.objects.update(state="approved")
    poll()
    row = Watch.objects.get()
    assert (row.is_asked, row.is_approved) == (False, True)
    assert state() == ("vanished", ["vanished"])
    UpstreamAlarm.objects.all().delete()
    ApprovedBase.objects.filter(pk=entry.pk).update(state="declined")
    poll()
    assert not Watch.objects.exists()


def test_of_a_pattern_that_is_asked_for_the_newest_tags_are_watched(shelf: Any) -> None:
    double, name = shelf
    double.push("base/os", make_index(make_base("1")), "3.1", "3.2", "4.0")
    ApprovedBase.objects.create(name=name, pattern="3.*", state="in_review")
    approve(name, "3.2")
    poll()
    poll()
    found = Watch.objects.exclude(tag="").order_by("tag").values_list("tag", "is_asked", "is_approved")
    assert list(found) == [("3.1", True, False), ("3.2", True, True)]
    # Only so many requests are followed up; the newest go first.
    ApprovedBase.objects.filter(state="approved").delete()
    for number in range(3):
        ApprovedBase.objects.create(name=f"{name}{number}", pattern="1", state="requested")
    watch_plan.MOST_ASKED, most = 2, watch_plan.MOST_ASKED
    try:
        watch_plan.plan()
    finally:
        watch_plan.MOST_ASKED = most
    assert set(Watch.objects.values_list("name", flat=True)) == {f"{name}1", f"{name}2"}


def test_what_upstream_said_of_a_request_holds_until_it_is_asked_again(shelf: Any) -> None:
    double, name = shelf
    double.push("base/os", make_base("1"), "12")
    ApprovedBase.objects.create(name=name, pattern="12", state="in_review")
    poll()
    Watch.objects.update(state="deprecated", why="DEPRECATED: use 13")
    poll()
    row = Watch.objects.get()
    assert (row.state, row.why) == ("deprecated", "DEPRECATED: use 13")
