"""A crawl against a small registry: what it finds, what it asks for, what it cannot be made to do, where it goes on."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.utils import timezone

from governance.findings.models import Scan
from governance.findings.state import settle
from governance.images.claims import Claim, record_claims
from governance.images.models import BaseEdge, Event, Image, Manifest, Placement, Repository, Tag
from governance.web.addresses import Allowed
from scanning import crawl
from scanning.connections import crawl_now, save_connection
from scanning.crawl_lease import Lease, claim
from scanning.deliveries import claim as claim_delivery
from scanning.ingest import process
from scanning.models import Connection, Delivery, RepositoryCrawl, TagMark
from tests.make import deliver, make_report
from tests.registry import Built, Shelf, make_artifact, make_built, make_index, make_layer, reply, sha256, shelved

pytestmark = pytest.mark.django_db
NAME = "shop/api"
A, B, C = make_layer(a="a"), make_layer(b="b"), make_layer(c="c")


class Place:
    """A registry double and the connection to it."""

    def __init__(self, shelf: Shelf, port: int) -> None:
        self.shelf, self.host = shelf, f"127.0.0.1:{port}"
        self.row = save_connection(None, None, {"base_url": f"http://{self.host}", "is_insecure": True})

    def crawl(self) -> None:
        """All of it, now."""
        self.shelf.asked.clear()
        crawl_now(None, self.row)
        while crawl.work(only=self.row.pk):
            pass
        self.row.refresh_from_db()

    @property
    def one(self) -> RepositoryCrawl:
        return RepositoryCrawl.objects.get(name=NAME)


@pytest.fixture
def place(settings: Any) -> Iterator[Place]:
    shelf = Shelf()
    with shelved(shelf) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        yield Place(shelf, port)


def history(tag: str) -> list[tuple[str, bool]]:
    """The config digests that the tag pointed to, and whether it still does."""
    rows = Tag.objects.filter(name=tag).order_by("since", "pk").select_related("image")
    return [(row.image.config_digest or "", row.until is None) for row in rows]


def taken(table: Any) -> Lease:
    lease = claim(table)
    assert lease
    return lease


def inventory() -> set[tuple[str, str]]:
    """(config digest, platform)"""
    return {(row.config_digest or "", row.platform) for row in Image.objects.present()}


# What is found


def test_images_tags_and_layers_are_what_the_registry_holds(place: Place) -> None:
    old, new = make_built(A), make_built(A, B)
    place.shelf.push(NAME, old, "1")
    place.shelf.push(NAME, new, "2", "latest")
    place.crawl()
    assert inventory() == {(old.config, "linux/amd64"), (new.config, "linux/amd64")}
    assert history("1") == [(old.config, True)]
    assert history("latest") == [(new.config, True)]
    image = Image.objects.get(config_digest=new.config)
    assert image.reference == f"{place.host}/{NAME}:2"
    assert image.top_layer is not None
    assert image.top_layer.depth == 2
    assert image.built_at is not None
    assert Manifest.objects.get(image=image).kind == "manifest"
    assert (place.one.tags_total, place.one.tags_done, place.one.error, place.one.unread) == (3, 3, "", 0)
    assert place.one.success_at is not None
    settle(1_000)
    image.refresh_from_db()
    assert image.base is not None
    assert image.base.config_digest == old.config


def test_an_index_is_its_platforms_and_an_attestation_is_none(place: Place) -> None:
    amd, arm = make_built(A), make_built(B, arch="arm64")
    statement = json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "https://slsa.dev/provenance/v1",
            "subject": [],
            "predicate": {
                "buildDefinition": {
                    "resolvedDependencies": [
                        {"uri": "pkg:docker/debian@12-slim?platform=linux%2Famd64", "digest": {"sha256": "9" * 64}},
                        {"uri": "pkg:docker/docker/dockerfile@1", "digest": {"sha256": "8" * 64}},
                        {"uri": "https://github.com/shop/api"},
                    ]
                }
            },
        }
    ).encode()
    attestation = make_artifact(
        statement,
        "application/vnd.in-toto+json",
        "application/vnd.docker.attestation.manifest.v1+json",
        annotations={"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"},
    )
    place.shelf.push(NAME, attestation)
    notes = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": amd.digest,
    }
    entries = [
        amd.descriptor(platform={"os": "linux", "architecture": "amd64"}),
        arm.descriptor(platform={"os": "linux", "architecture": "arm64"}),
        attestation.descriptor(platform={"os": "unknown", "architecture": "unknown"}, annotations=notes),
    ]
    index = place.shelf.push(NAME, make_index(amd, arm, entries=entries), "1")
    place.crawl()
    assert inventory() == {(amd.config, "linux/amd64"), (arm.config, "linux/arm64")}
    assert {row.platform for row in Tag.objects.filter(name="1", until=None)} == {"linux/amd64", "linux/arm64"}
    assert {row.kind for row in Manifest.objects.all() if row.digest == index.digest} == {"index"}
    edge = BaseEdge.objects.get()
    assert (edge.image.config_digest, edge.rung) == (amd.config, BaseEdge.Rung.PROVENANCE)
    assert (edge.name, edge.digest) == ("docker.io/library/debian:12-slim", "sha256:" + "9" * 64)
    assert not Delivery.objects.exists()


def test_bases_that_annotations_and_labels_name_are_claims(place: Place) -> None:
    names = {"org.opencontainers.image.base.name": "debian:12", "org.opencontainers.image.base.digest": sha256(b"x")}
    place.shelf.push(NAME, make_built(A, annotations=names), "1")
    place.shelf.push(NAME, make_built(B, labels={"org.opencontainers.image.base.name": "alpine:3"}), "2")
    place.crawl()
    assert {(edge.rung, edge.name) for edge in BaseEdge.objects.all()} == {
        (BaseEdge.Rung.ANNOTATION, "docker.io/library/debian:12"),
        (BaseEdge.Rung.LABEL, "docker.io/library/alpine:3"),
    }


def test_a_digest_of_builders_own_last_step_is_no_base(place: Place) -> None:
    annotations = {f"org.opencontainers.image.base.{word}": "" for word in ("name", "digest")}
    annotations["org.opencontainers.image.base.digest"] = sha256(b"step")
    for tag, comment in (("steps", "FROM 884f027100a1"), ("whole", "FROM registry.example/base/os:12")):
        built = make_built(make_layer(tag=tag), annotations=annotations, comment=comment)
        place.shelf.push(NAME, built, tag)
    place.crawl()
    assert [edge.image.reference.rpartition(":")[2] for edge in BaseEdge.objects.select_related("image")] == ["whole"]


def test_what_a_crawl_adds_to_an_image_that_was_reported_before_counts(place: Place) -> None:
    base, app = make_built(A), make_built(A, B)
    for tag, built in (("1", app), ("base", base)):
        deliver(make_report(f"ci.example/x:{tag}", config=built.config, RepoDigests=[f"ci.example/x@{built.digest}"]))
    settle(1_000)
    for tag, built in (("1", app), ("base", base)):
        place.shelf.push(NAME, built, tag)
    place.crawl()
    settle(1_000)
    assert Image.objects.get(config_digest=app.config).base.config_digest == base.config


def test_a_tag_on_an_image_that_is_known_already_is_what_others_name(place: Place) -> None:
    base, app = make_built(A), make_built(A, B)
    place.shelf.push(NAME, base, "12")
    place.shelf.push("shop/app", app, "1")
    place.crawl()
    row = Image.objects.get(config_digest=app.config)
    record_claims(row.pk, [Claim(BaseEdge.Rung.DECLARED, f"{place.host}/{NAME}:stable")], timezone.now())
    settle(1_000)
    assert not BaseEdge.objects.filter(agreement="confirmed").exists()
    place.shelf.push(NAME, base, "stable")
    place.crawl()
    settle(1_000)
    assert BaseEdge.objects.get(agreement="confirmed").name == f"{place.host}/{NAME}:stable"


def test_what_is_no_image_is_no_image(place: Place) -> None:
    chart = make_artifact(b"tgz", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/vnd.cncf.helm")
    place.shelf.push(NAME, chart, "1")
    place.shelf.push(
        NAME, Built(b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+json"), "old"
    )
    place.crawl()
    assert not Image.objects.exists()
    assert not Repository.objects.exists()
    marks = {row.name: (row.kind, bool(row.error)) for row in TagMark.objects.all()}
    assert marks == {"1": ("artifact", False), "old": ("schema1", True)}
    place.crawl()
    assert place.shelf.counted("GET", "/manifests/") == 0


def test_what_is_attached_is_delivered_once(place: Place) -> None:
    built = place.shelf.push(NAME, make_built(A), "1", "2")
    report = make_report(f"{NAME}:1")
    trivy = json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1",
            "subject": [{"name": NAME, "digest": {"sha256": built.digest[7:]}}],
            "predicate": {"scanner": {"uri": "pkg:github/aquasecurity/trivy@0.70", "result": report}, "metadata": {}},
        }
    ).encode()
    envelope = json.dumps(
        {"payloadType": "application/vnd.in-toto+json", "payload": base64.b64encode(trivy).decode(), "signatures": []}
    ).encode()
    attested = make_artifact(envelope, "application/vnd.dsse.envelope.v1+json", "")
    place.shelf.push(NAME, attested, built.digest.replace(":", "-") + ".att")
    spdx = json.dumps({"spdxVersion": "SPDX-2.3", "name": "x", "packages": []}).encode()
    sbom = place.shelf.push(NAME, make_artifact(spdx, "application/spdx+json", "application/spdx+json", built))
    index = make_index(entries=[sbom.descriptor(artifactType="application/spdx+json")])
    place.shelf.push(NAME, index, built.digest.replace(":", "-"))
    for _ in range(2):
        place.crawl()
        TagMark.objects.update(digest=None)
    rows = Delivery.objects.order_by("pk")
    assert {(row.stage, row.image, row.source) for row in rows} == {
        ("registry", f"{place.host}/{NAME}@{built.digest}", f"registry:{place.row.pk}")
    }
    assert {bytes(row.body_sha256) for row in rows} == {bytes.fromhex(sha256(one)[7:]) for one in (envelope, spdx)}
    assert len(rows) == 2
    while held := claim_delivery():
        process(held)
    assert Image.objects.present().count() == 1
    assert Scan.objects.filter(stage="registry", image__config_digest=built.config).exists()


def test_referrers_by_the_api_are_delivered_too_and_later_ones_found(place: Place) -> None:
    place.shelf.referrers = True
    built = place.shelf.push(NAME, make_built(A), "1")
    place.crawl()
    assert not Delivery.objects.exists()
    place.shelf.push(NAME, make_artifact(b'{"a": 1}', "application/spdx+json", "application/spdx+json", built))
    place.crawl()
    assert not Delivery.objects.exists()
    TagMark.objects.update(attached_at=timezone.now() - timedelta(days=2))
    place.crawl()
    assert Delivery.objects.count() == 1


def test_a_report_that_came_before_is_of_the_same_image(place: Place) -> None:
    built = make_built(A, created="2026-05-01T10:00:00Z")
    deliver(make_report(f"{place.host}/{NAME}:1", config=built.config), stage="ci")
    deliver(make_report(f"{place.host}/{NAME}:2"), stage="ci")
    place.shelf.push(NAME, built, "1", "2")
    place.crawl()
    image = Image.objects.present().get()
    assert image.config_digest == built.config
    assert Scan.objects.filter(image=image).count() == 2
    assert {row.until for row in Tag.objects.filter(image=image)} == {None}
    assert Tag.objects.count() == 2
    assert not Event.objects.filter(kind="repointed").exists()


def test_a_team_owns_what_is_found_first(place: Place, team: Any) -> None:
    save_connection(None, place.row, {"team": team})
    place.shelf.push(NAME, make_built(A), "1")
    place.crawl()
    assert Repository.objects.get().owner == team
    assert Image.objects.get().owners == [team.pk]


# What changes


def test_only_what_changed_is_fetched(place: Place) -> None:
    for number in range(20):
        place.shelf.push(NAME, make_built(A, make_layer(n=str(number))), str(number))
    place.crawl()
    assert place.shelf.counted("GET", "/manifests/") == 20
    changed = place.shelf.push(NAME, make_built(C), "7")
    place.crawl()
    assert place.shelf.counted("HEAD", "/manifests/") == 21
    assert place.shelf.counted("GET", "/manifests/") == 1
    assert [config for config, now in history("7") if now] == [changed.config]


def test_a_repointed_tag_is_history_and_an_event(place: Place) -> None:
    old, new = make_built(A), make_built(B)
    place.shelf.push(NAME, old, "1")
    place.crawl()
    place.shelf.push(NAME, new, "1")
    place.crawl()
    place.crawl()
    assert history("1") == [(old.config, False), (new.config, True)]
    event = Event.objects.get(kind="repointed")
    assert event.image.config_digest == old.config
    assert Placement.objects.filter(gone_at=None).count() == 2


def test_a_platform_that_was_taken_out_is_no_longer_named(place: Place) -> None:
    amd, arm = make_built(A), make_built(B, arch="arm64")
    place.shelf.push(NAME, make_index(amd, arm), "1")
    place.crawl()
    place.shelf.push(NAME, make_index(amd), "1")
    place.crawl()
    assert [(row.image.config_digest, row.until is None) for row in Tag.objects.order_by("pk")] == [
        (amd.config, True),
        (arm.config, False),
    ]
    place.shelf.push(NAME, make_artifact(b"x", "text/plain", "application/x"), "1")
    place.crawl()
    assert not Tag.objects.filter(until=None).exists()


def test_a_vanished_tag_ends_and_comes_back_as_another_stretch(place: Place) -> None:
    built = place.shelf.push(NAME, make_built(A), "1", "2")
    place.crawl()
    del place.shelf.tags[NAME]["1"]
    place.crawl()
    place.crawl()
    assert history("1") == [(built.config, False)]
    assert Event.objects.filter(kind="vanished").count() == 1
    place.shelf.tags[NAME]["1"] = built.digest
    place.crawl()
    assert history("1") == [(built.config, False), (built.config, True)]


def test_an_image_is_gone_once_neither_a_tag_nor_its_digest_is_there(place: Place) -> None:
    built = place.shelf.push(NAME, make_built(A), "1")
    place.shelf.push(NAME, make_built(B), "2")
    place.crawl()
    del place.shelf.tags[NAME]["1"]
    place.crawl()
    assert Placement.objects.filter(gone_at=None).count() == 2
    del place.shelf.manifests[NAME][built.digest]
    place.crawl()
    place.crawl()
    gone = Placement.objects.get(gone_at__isnull=False)
    assert gone.image.config_digest == built.config
    assert Event.objects.get(kind="gone").image == gone.image
    place.shelf.push(NAME, built, "1")
    place.crawl()
    assert not Placement.objects.filter(gone_at__isnull=False).exists()


def test_a_repository_that_is_not_listed_and_not_there_is_gone(place: Place) -> None:
    place.shelf.push(NAME, make_built(A), "1")
    place.shelf.push("shop/web", make_built(B), "1")
    place.crawl()
    gone = place.shelf.tags.pop(NAME), place.shelf.manifests.pop(NAME)
    place.crawl()
    assert place.one.gone_at is not None
    assert Tag.objects.get(until=None).repository.name == "shop/web"
    assert Placement.objects.filter(gone_at=None).count() == 1
    place.shelf.tags[NAME], place.shelf.manifests[NAME] = gone
    place.crawl()
    assert place.one.gone_at is None
    assert Tag.objects.filter(until=None).count() == 2


def test_a_404_alone_proves_nothing(place: Place) -> None:
    save_connection(None, place.row, {"repositories": NAME})
    place.shelf.push(NAME, make_built(A), "1")
    place.crawl()
    place.shelf.tags.pop(NAME)
    place.crawl()
    assert "not there, or not to be seen" in place.one.error
    assert history("1") == [(make_built(A).config, True)]
    assert place.shelf.counted("GET", "_catalog") == 0


def test_a_scan_of_an_image_that_was_never_pushed_does_not_stay(place: Place) -> None:
    built = place.shelf.push(NAME, make_built(A), "1")
    place.crawl()
    local = make_built(B)
    deliver(make_report(f"{place.host}/{NAME}:1", config=local.config, at=timezone.now().isoformat()), stage="ci")
    assert history("1") == [(built.config, True), (local.config, True)]
    place.crawl()
    assert history("1") == [(built.config, True), (local.config, False)]


def test_patterns_choose_repositories_and_tags(place: Place) -> None:
    for name in (NAME, "shop/tmp", "pay/api"):
        place.shelf.push(name, make_built(A), "v1", "dev")
    save_connection(None, place.row, {"repositories": "shop/*\n!*/tmp", "tags": "v*"})
    place.crawl()
    assert [str(row.repository) for row in Tag.objects.all()] == [f"{place.host}/{NAME}"]
    assert Tag.objects.get().name == "v1"


# What goes wrong


def test_one_tag_that_cannot_be_read_stops_no_other(place: Place) -> None:
    good, bad = make_built(A), make_built(B)
    place.shelf.push(NAME, good, "good", "z")
    place.shelf.push(NAME, bad, "bad")
    config = place.shelf.blobs[bad.config]
    place.shelf.blobs[bad.config] = b"{}"
    place.crawl()
    assert inventory() == {(good.config, "linux/amd64")}
    assert (place.one.unread, place.one.error) == (1, "")
    assert "other content" in TagMark.objects.get(name="bad").error
    place.shelf.blobs[bad.config] = config
    place.crawl()
    assert place.one.unread == 0
    assert Image.objects.count() == 2


def test_a_busy_host_is_left_alone_and_taken_up_where_it_was(place: Place) -> None:
    for number in range(20):
        place.shelf.push(NAME, make_built(make_layer(n=str(number))), f"{number:02}")

    def busy(request: BaseHTTPRequestHandler) -> bool:
        if "/manifests/15" not in request.path:
            return False
        reply(request, b"", 429, Retry_After="90")
        return True

    place.shelf.instead = busy
    place.crawl()
    row = place.one
    assert row.watermark == "07"
    assert "too many requests" in row.error
    paused = Connection.objects.get().paused_until
    assert paused is not None
    assert 80 < (paused - timezone.now()).total_seconds() < 100
    assert claim("scanning_repositorycrawl") is None
    place.shelf.instead = lambda _: False
    place.crawl()
    assert Tag.objects.count() == 20
    assert (place.one.error, place.one.watermark) == ("", "")
    assert place.shelf.counted("HEAD", "/manifests/0") == 2


def test_a_registry_that_is_down_is_said_and_tried_again(place: Place) -> None:
    place.shelf.push(NAME, make_built(A), "1")
    place.crawl()
    place.shelf.instead = lambda request: bool(reply(request, b"<h1>no</h1>", 502)) or True
    place.crawl()
    assert "502" in place.row.error
    assert "502" in place.one.error
    assert history("1")[-1][1]
    place.shelf.instead = lambda _: False
    place.crawl()
    assert (place.row.error, place.one.error) == ("", "")


def test_nobody_crawls_a_switched_off_connection(place: Place) -> None:
    place.shelf.push(NAME, make_built(A), "1")
    save_connection(None, place.row, {"is_enabled": False})
    place.crawl()
    assert not RepositoryCrawl.objects.exists()


def test_two_repositories_of_a_registry_are_crawled_at_a_time(place: Place) -> None:
    for number in range(4):
        place.shelf.push(f"shop/{number}", make_built(A), "1")
    lease = taken("scanning_connection")
    crawl.list_repositories(lease)
    leases = [claim("scanning_repositorycrawl") for _ in range(3)]
    assert [lease is not None for lease in leases] == [True, True, False]


def test_whoever_lost_the_lease_writes_nothing(place: Place) -> None:
    place.shelf.push(NAME, make_built(A), "1")
    listing = taken("scanning_connection")
    crawl.list_repositories(listing)
    lost = taken("scanning_repositorycrawl")
    RepositoryCrawl.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert claim("scanning_repositorycrawl")
    crawl.crawl_repository(lost, time.monotonic() + 5)
    assert not Image.objects.exists()


def test_a_turn_ends_and_another_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        place.shelf.push(NAME, make_built(make_layer(n=str(number))), f"{number:02}")
    listing = taken("scanning_connection")
    crawl.list_repositories(listing)
    for done in (8, 16):
        lease = taken("scanning_repositorycrawl")
        crawl.crawl_repository(lease, time.monotonic() - 1)
        assert place.one.tags_done == done
    place.crawl()
    assert Tag.objects.count() == 20
