"""Looking where events hinted to: a push appears, a deletion is looked for, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.images.models import Image, Tag
from governance.web.addresses import Allowed
from scanning import crawl, looks
from scanning.connections import save_connection
from scanning.deliveries import claim as claim_delivery
from scanning.ingest import process
from scanning.models import Connection, RepositoryCrawl
from scanning.models_hooks import Look, WebhookSource
from scanning.models_scans import ScanJob
from scanning.webhook_sources import Wanted, add_source
from tests.registry import Built, Shelf, make_built, make_layer, reply, shelved

pytestmark = pytest.mark.django_db


class Place:
    """A registry double, connected, whose events are taken."""

    def __init__(self, shelf: Shelf, port: int) -> None:
        self.shelf, self.host = shelf, f"127.0.0.1:{port}"
        self.row = save_connection(None, None, {"base_url": f"http://{self.host}", "is_insecure": True})
        Connection.objects.update(next_at=timezone.now() + timedelta(hours=1))
        self.source, self.secret = add_source(None, Wanted("registry", "shop", self.host))

    def push(self, tag: str, word: str = "", name: str = "shop/api") -> Built:
        return self.shelf.push(name, make_built(make_layer(a=word or tag)), tag)

    def say(self, action: str = "push", name: str = "shop/api", **target: str) -> None:
        """An event, stored and read."""
        media = {"mediaType": "application/vnd.oci.image.manifest.v1+json"} if action == "push" else {}
        event = {"action": action, "id": str(timezone.now()), "target": {**media, "repository": name, **target}}
        body = json.dumps({"events": [event]})
        headers = {"Authorization": f"Bearer {self.secret}"}
        assert Client().post("/webhooks/registry/shop/", body, "application/json", headers=headers).status_code == 200
        while held := claim_delivery():
            process(held)


@pytest.fixture
def place(settings: Any) -> Iterator[Place]:
    shelf = Shelf()
    with shelved(shelf) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        yield Place(shelf, port)


def test_a_push_appears_by_asking_for_that_tag_alone(place: Place) -> None:
    for number in range(20):
        place.push(f"old{number}")
    built = place.push("1.0")
    place.say(tag="1.0", digest="sha256:" + "6" * 64)
    assert not Image.objects.exists()
    assert looks.work() == 1
    image = Image.objects.get()
    # The digest of the event was a lie; what counts is what the registry says.
    assert image.config_digest == built.config
    assert Tag.objects.get().name == "1.0"
    assert not Look.objects.exists()
    assert place.shelf.counted("GET", "/manifests/") == 1
    row = RepositoryCrawl.objects.get()
    assert (row.lease_owner, row.watermark, row.name) == (None, "", "shop/api")


def test_a_tag_that_moved_is_followed(place: Place) -> None:
    for word in ("one", "two"):
        place.push("1.0", word)
        place.say(tag="1.0")
        looks.work()
    assert Tag.objects.filter(until=None).count() == 1
    assert Tag.objects.count() == 2


def test_a_deletion_leads_to_the_listing(place: Place) -> None:
    place.push("1.0")
    place.push("2.0")
    place.say(tag="1.0")
    looks.work()
    while crawl.work():
        pass
    assert Tag.objects.filter(until=None).count() == 2
    # A lie first: it is all still there.
    place.say("delete", tag="2.0")
    looks.work()
    while crawl.work():
        pass
    assert Tag.objects.filter(until=None).count() == 2
    del place.shelf.tags["shop/api"]["2.0"]
    place.say("delete", tag="2.0")
    looks.work()
    while crawl.work():
        pass
    assert list(Tag.objects.filter(until=None).values_list("name", flat=True)) == ["1.0"]


def test_what_is_left_out_of_the_crawl_stays_out(place: Place) -> None:
    Connection.objects.update(repositories="other/*", tags="!dev-*")
    place.push("1.0")
    place.push("dev-1", name="other/api")
    place.say(tag="1.0")
    place.say(name="other/api", tag="dev-1")
    assert looks.work() == 2
    assert not Image.objects.exists()
    assert not place.shelf.asked


def test_without_a_connection_nothing_is_asked(place: Place) -> None:
    place.row.delete()
    place.say(tag="1.0")
    assert looks.work() == 1
    assert not place.shelf.asked
    assert not Look.objects.exists()


def test_what_is_being_crawled_is_looked_at_afterwards(place: Place) -> None:
    place.push("1.0")
    later = timezone.now() + timedelta(minutes=1)
    RepositoryCrawl.objects.create(connection=place.row, name="shop/api", lease_until=later, lease_owner="0" * 32)
    place.say(tag="1.0")
    assert looks.work(0.5) == 1
    look = Look.objects.get()
    assert (look.attempts, look.lease_owner) == (0, None)
    assert look.next_attempt_at > timezone.now()
    RepositoryCrawl.objects.update(lease_until=None, lease_owner=None)
    Look.objects.update(next_attempt_at=timezone.now())
    looks.work()
    assert Image.objects.count() == 1


def test_wanted_again_while_somebody_looks_it_is_looked_at_again(place: Place, monkeypatch: Any) -> None:
    place.push("1.0", "one")
    place.say(tag="1.0")
    pushed: list[int] = []

    def meanwhile(point: str, about: str = "") -> None:
        if not pushed:
            pushed.append(1)
            place.push("1.0", "two")
            place.say(tag="1.0")

    monkeypatch.setattr(looks, "reach", meanwhile)
    looks.work()
    assert Image.objects.count() == 2
    assert not Look.objects.exists()


def test_a_worker_that_dies_leaves_it_for_the_next(place: Place, monkeypatch: Any) -> None:
    place.push("1.0")
    place.say(tag="1.0")

    def die(point: str, about: str = "") -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(looks, "reach", die)
    with pytest.raises(KeyboardInterrupt):
        looks.work()
    monkeypatch.setattr(looks, "reach", lambda *_: None)
    assert looks.work() == 0
    Look.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    looks.work()
    assert (Image.objects.count(), Tag.objects.count(), Look.objects.count()) == (1, 1, 0)


def test_a_registry_that_is_away_is_asked_again_and_then_left_to_the_crawl(place: Place) -> None:
    def broken(request: BaseHTTPRequestHandler) -> bool:
        reply(request, b"", status=502)
        return True

    place.shelf.instead = broken
    place.say(tag="1.0")
    for number in range(1, looks.ATTEMPTS):
        assert looks.work() == 1
        look = Look.objects.get()
        assert (look.attempts, bool(look.error)) == (number, True)
        Look.objects.update(next_attempt_at=timezone.now())
    looks.work()
    assert not Look.objects.exists()
    assert WebhookSource.objects.count() == 1


def test_a_finished_scan_is_fetched_not_asked_for(place: Place) -> None:
    place.push("1.0")
    place.say(tag="1.0")
    looks.work()
    Connection.objects.update(kind="harbor")
    source, secret = add_source(None, Wanted("harbor", "shop", place.host))
    said = {"resources": [{"tag": "1.0", "digest": place.shelf.tags["shop/api"]["1.0"]}]}
    event = {
        "type": "SCANNING_COMPLETED",
        "occur_at": 1787218375,
        "event_data": {**said, "repository": {"repo_full_name": "shop/api"}},
    }
    for number in range(2):
        body = json.dumps({**event, "occur_at": 1787218375 + number})
        headers = {"Authorization": f"Bearer {secret}"}
        assert Client().post(f"/webhooks/{source}/", body, "application/json", headers=headers).status_code == 200
    while held := claim_delivery():
        process(held)
    job = ScanJob.objects.get()
    assert (job.why, job.remote_ref, job.scanner) == ("event", "after -", "harbor")
