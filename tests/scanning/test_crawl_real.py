"""A real registry with sign-in and notifications, images built by real tools: exact inventory, history and lineage.

Crawled or told of by events, and with the crawler killed anywhere: without gaps, without doubles.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from governance.findings.state import settle
from governance.images.models import BaseEdge, Event, Image, Manifest, Placement, Tag
from governance.web.addresses import Allowed
from scanning import looks
from scanning.connections import save_connection
from scanning.crawl import work as crawl_work
from scanning.deliveries import claim as claim_delivery
from scanning.ingest import process
from scanning.models import Connection, Delivery, RepositoryCrawl, TagMark
from scanning.models_hooks import Look
from scanning.webhook_sources import Wanted, add_source
from tests.parts import free_port, short_directory
from tests.registry import make_artifact, make_built, make_index, make_layer
from tests.scanning.real_images import BUILT_ON, UNSURE, Tools, build_all, truth
from tests.scanning.real_registry import PASSWORD, USER, RealRegistry, running

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
CHART = make_artifact(b"tgz", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "")


@dataclass
class Shelf:
    """Images that were built once: the registry's directory, the port that their annotations name, what they are."""

    root: Path
    port: int
    tools: Tools
    truth: dict[str, dict[str, str]]

    @contextmanager
    def opened(self, name: str, notify: tuple[str, str] | None = None) -> Iterator[RealRegistry]:
        """A copy of it runs."""
        data = self.root / name
        shutil.copytree(self.root / "built", data)
        with running(self.root, self.port, data, notify) as registry:
            yield registry


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    root, port = tmp_path_factory.mktemp("shelf"), free_port()
    with short_directory() as run:
        tools = Tools(root, run)
        with running(root, port, root / "built") as registry:
            build_all(tools, registry.host)
            registry.push("charts/api", CHART, "1")
            known = truth(registry)
        yield Shelf(root, port, tools, known)


def connect(port: int, settings: Any) -> Connection:
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
    said = {"base_url": f"http://127.0.0.1:{port}", "is_insecure": True, "username": USER}
    return save_connection(None, None, said, PASSWORD)


def crawl_it(row: Connection) -> None:
    call_command("crawl", row.registry.host)
    assert not RepositoryCrawl.objects.exclude(error="").exists()


def tags_now() -> dict[str, dict[str, str]]:
    """As `truth`, as we know it."""
    found: dict[str, dict[str, str]] = {}
    for one in Tag.objects.filter(until=None).select_related("image", "repository"):
        # A tag of one image has no platform of its own, one of an index has.
        found.setdefault(f"{one.repository.name}:{one.name}", {})[one.image.platform] = one.image.config_digest or ""
    return found


def lineage() -> dict[str, tuple[str | None, bool, str]]:
    """Of every image the config digest of its base, whether that is sure, and the base's name where it is no image."""
    rows = Image.objects.present().select_related("base")
    return {row.config_digest: (row.base and row.base.config_digest, row.base_is_sure, row.base_name) for row in rows}


def assert_exact(built: dict[str, dict[str, str]]) -> None:
    """Inventory, tags and lineage are those of the truth, no more and no less."""
    settle(1_000)
    assert tags_now() == built
    assert Image.objects.present().count() == len({config for one in built.values() for config in one.values()})
    placed = {(one.repository.name, one.image.config_digest) for one in Placement.objects.filter(gone_at=None)}
    assert placed == {(name.partition(":")[0], config) for name, one in built.items() for config in one.values()}
    found = lineage()
    for reference, base in BUILT_ON.items():
        for platform, config in built.get(reference, {}).items():
            expected = (built[base][platform], reference not in UNSURE, "") if base else (None, False, "")
            assert found[config] == expected, (reference, platform)


def move(shelf: Shelf, registry: RealRegistry) -> dict[str, dict[str, str]]:
    """A tag moves on, another is deleted with its manifest; returns what is true now."""
    shelf.tools.copy(f"{registry.host}/shop/api:1.1", f"{registry.host}/shop/api:1.0")
    shelf.tools.delete(f"{registry.host}/shop/gone:old")
    left = {name: images for name, images in shelf.truth.items() if not name.startswith("shop/gone")}
    return left | {"shop/api:1.0": shelf.truth["shop/api:1.1"]}


def assert_moved(shelf: Shelf, built: dict[str, dict[str, str]]) -> None:
    """As `assert_exact` with what is left, and the history says what was."""
    gone = shelf.truth["shop/gone:old"]["linux/amd64"]
    settle(1_000)
    assert tags_now() == built
    before, after = (shelf.truth[f"shop/api:{tag}"]["linux/amd64"] for tag in ("1.0", "1.1"))
    history = Tag.objects.filter(repository__name="shop/api", name="1.0").order_by("since", "pk")
    assert [(one.image.config_digest, one.until is None) for one in history] == [(before, False), (after, True)]
    ended = Tag.objects.exclude(until=None).order_by("name", "since")
    assert [(one.name, one.image.config_digest) for one in ended] == [("1.0", before), ("old", gone), ("older", gone)]
    assert [one.image.config_digest for one in Placement.objects.exclude(gone_at=None)] == [gone]
    told = sorted((one.kind, one.image.config_digest) for one in Event.objects.all())
    assert told == sorted([("repointed", before), *[("vanished", gone)] * 2, ("gone", gone)])
    assert Image.objects.present().count() == len({one for images in shelf.truth.values() for one in images.values()})


def test_a_crawl_gives_exactly_what_is_there(shelf: Shelf, settings: Any, capsys: Any) -> None:
    row = connect(shelf.port, settings)
    with shelf.opened("crawled") as registry:
        crawl_it(row)
        assert_exact(shelf.truth)
        index, _ = registry.manifest("shop/multi", "1")
        assert {one.kind for one in Manifest.objects.all() if one.digest == index} == {"index"}
        assert TagMark.objects.get(crawl__name="charts/api").kind == "artifact"
        built = move(shelf, registry)
        crawl_it(row)
        crawl_it(row)
        assert_moved(shelf, built)
        assert "could not" not in capsys.readouterr().out


def is_quiet() -> bool:
    """Nothing that was told waits to be looked at."""
    return not Look.objects.exists() and not Delivery.objects.exclude(state="done").exists()


def work_until(reached: Any, seconds: float = 60.0) -> float:
    """Do what workers do until something is so; returns the seconds that took."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < seconds
        while held := claim_delivery():
            process(held)
        if not looks.work(1.0) and not crawl_work(1.0):
            time.sleep(0.05)
    return time.monotonic() - began


def test_events_give_exactly_what_is_there(shelf: Shelf, settings: Any, live_server: Any) -> None:
    row, source = connect(shelf.port, settings), free_port()
    # Nothing is listed by itself: only what events lead to is asked for.
    Connection.objects.update(next_at=row.created_at.replace(year=2200))
    secret = add_source(None, Wanted("registry", "shop", f"127.0.0.1:{shelf.port}"))[1]
    address = f"{live_server.url}/webhooks/registry/shop/"
    (shelf.root / "told").mkdir()
    with (
        running(shelf.root, source, shelf.root / "built"),
        running(shelf.root, shelf.port, shelf.root / "told", (address, secret)) as registry,
    ):
        for reference in shelf.truth:
            shelf.tools.copy(f"127.0.0.1:{source}/{reference}", f"{registry.host}/{reference}")
        registry.push("charts/api", CHART, "1")
        work_until(lambda: is_quiet() and tags_now() == shelf.truth)
        assert_exact(shelf.truth)
        built = move(shelf, registry)
        work_until(lambda: is_quiet() and tags_now() == built and Event.objects.filter(kind="gone").exists())
        assert_moved(shelf, built)
        # The crawl that reconciles finds nothing to add.
        before = state()
        crawl_it(row)
        assert_same(state(), before, "crawled after all events")


def state() -> list[tuple[str, Any]]:
    """All that a crawl leaves, by what it is: comparable between two runs."""
    rows = {
        "placement": Placement.objects.values_list("repository__name", "image__config_digest", "gone_at"),
        "tag": Tag.objects.values_list("repository__name", "name", "platform", "image__config_digest", "until"),
        "mark": TagMark.objects.values_list("crawl__name", "name", "digest", "kind"),
        "manifest": Manifest.objects.values_list("digest", "kind", "image__config_digest"),
        "image": Image.objects.values_list("config_digest", "top_layer__depth", "size", "os", "architecture"),
        "body": Delivery.objects.exclude(image="").values_list("image", "body_sha256"),
        "edge": BaseEdge.objects.values_list("image__config_digest", "rung", "name", "digest", "agreement"),
        "event": Event.objects.values_list("kind", "image__config_digest"),
        "base": Image.objects.present().values_list(
            "config_digest", "base__config_digest", "base_is_sure", "base_name"
        ),
    }
    return sorted((name, tuple(map(str, row))) for name, found in rows.items() for row in found)


def assert_same(now: list[tuple[str, Any]], expected: list[tuple[str, Any]], when: str) -> None:
    """No gap, no double."""
    more, less = Counter(now) - Counter(expected), Counter(expected) - Counter(now)
    assert (list(more), list(less)) == ([], []), when


MANY = "many/tags"
POINTS = [
    *("crawl.listed", "crawl.before_record/07", "crawl.before_commit/07", "crawl.after_record/07"),
    *(
        "crawl.before_commit/09",
        f"crawl.after_batch/{MANY}",
        f"crawl.before_finish/{MANY}",
        f"crawl.after_close/{MANY}",
    ),
    *("crawl.before_commit/1.0", "crawl.after_record/1.0"),
]


def test_killed_anywhere_it_goes_on_without_gaps_or_doubles(shelf: Shelf, settings: Any, tmp_path: Path) -> None:
    row = connect(shelf.port, settings)
    with shelf.opened("killed") as registry:
        for number in range(10):
            built = registry.push(MANY, make_built(make_layer(n=str(number))), f"{number:02}")
        spdx = make_artifact(b'{"spdxVersion": "SPDX-2.3"}', "application/spdx+json", "application/spdx+json")
        registry.push(MANY, spdx)
        attached = built.digest.replace(":", "-")
        registry.push(MANY, make_index(entries=[spdx.descriptor(artifactType="application/spdx+json")]), attached)
        # Few are enough: two batches of tags, two platforms, and what lies below them.
        save_connection(None, row, {"repositories": "many/*\n*/multi"})
        crawl_it(row)
        expected = state()
        assert Counter(name for name, _ in expected)["mark"] == 10 + 1 + 3
        assert Counter(name for name, _ in expected)["body"] == 1
        with crawler(registry) as killed:
            began = time.monotonic()
            forget()
            assert killed("") == 0
            whole = time.monotonic() - began
            assert_same(state(), expected, "not killed")
            for point in (*POINTS, f"crawl.before_record/{attached}"):
                forget()
                marker = tmp_path / "once"
                marker.write_text("")
                assert killed(f"{point}:kill@{marker}") == -signal.SIGKILL, point
                assert not marker.exists(), point
                resume(row)
                assert_same(state(), expected, point)
            dice = random.Random(4)
            for _ in range(4):
                forget()
                seconds = dice.uniform(0.0, whole)
                killed(f"after {seconds}")
                resume(row)
                assert_same(state(), expected, f"killed after {seconds} of {whole}")


def resume(row: Connection) -> None:
    """Whoever comes once the lease has run out."""
    RepositoryCrawl.objects.update(lease_until=row.created_at)
    Connection.objects.update(lease_until=row.created_at)
    crawl_it(row)


def forget() -> None:
    """As before the first crawl."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE images_image, images_tag, images_placement, images_manifest, images_event, images_baseedge,"
            " scanning_repositorycrawl, scanning_tagmark, scanning_delivery, images_repository CASCADE"
        )


@contextmanager
def crawler(registry: RealRegistry) -> Iterator[Any]:
    """A function that crawls in a process of its own, which dies as it is told, and returns its exit code."""
    database = connection.settings_dict
    url = f"postgresql:///{database['NAME']}?host={database['HOST']}&user={database['USER']}&port={database['PORT']}"
    environment = {**os.environ, "OUTBOUND_ALLOWED_HOSTS": registry.host, "DATABASE_URL": url}
    command = [sys.executable, "-m", "tests.scanning.crawler", registry.host]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as running:

        def killed(line: str) -> int:
            assert running.stdin
            assert running.stdout
            running.stdin.write(f"{line}\n")
            running.stdin.flush()
            return int(running.stdout.readline())

        yield killed
        assert running.stdin
        running.stdin.close()
