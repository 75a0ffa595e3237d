"""Crawling a real registry: exact inventory, history and lineage; killed anywhere, it goes on without gap or double."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from governance.findings.state import settle
from governance.images.models import BaseEdge, Event, Image, Manifest, Placement, Tag
from governance.web.addresses import Allowed
from scanning.connections import save_connection
from scanning.models import Connection, Delivery, RepositoryCrawl, TagMark
from tests.registry import make_artifact, make_built, make_index, make_layer
from tests.scanning.real_registry import PASSWORD, USER, RealRegistry, running

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
OS, RUN = make_layer(etc__os_release="ID=debian"), make_layer(usr__bin__python="x")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def row(registry: RealRegistry, settings: Any) -> Connection:
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([registry.host])
    said = {"base_url": registry.base, "is_insecure": True, "username": USER}
    return save_connection(None, None, said, PASSWORD)


def crawl_it(row: Connection) -> None:
    call_command("crawl", row.registry.host)


def pointed(repository: str, tag: str) -> list[tuple[str, str, bool]]:
    """(config digest, platform, still) in the order of time."""
    rows = Tag.objects.filter(repository__name=repository, name=tag).select_related("image").order_by("since", "pk")
    return [(one.image.config_digest or "", one.platform, one.until is None) for one in rows]


def test_inventory_history_and_lineage_are_exact(registry: RealRegistry, row: Connection, capsys: Any) -> None:
    base = registry.push("base/os", make_built(OS, created="2026-01-01T00:00:00Z"), "12", "latest")
    run = registry.push("base/python", make_built(OS, RUN, created="2026-02-01T00:00:00Z"), "3.12")
    apps = [make_built(OS, RUN, make_layer(app=str(n)), created=f"2026-03-0{n}T00:00:00Z") for n in (1, 2)]
    registry.push("shop/api", apps[0], "1.0")
    squashed = make_built(
        make_layer(all="x"),
        annotations={
            "org.opencontainers.image.base.name": f"{registry.host}/base/os:12",
            "org.opencontainers.image.base.digest": base.digest,
        },
    )
    registry.push("shop/squashed", squashed, "1")
    arm = make_built(OS, RUN, make_layer(app="arm"), arch="arm64")
    index = registry.push("shop/multi", make_index(apps[1], arm), "1", "1.0")
    gone = registry.push("shop/gone", make_built(make_layer(g="1")), "old", "older")
    registry.push("charts/api", make_artifact(b"tgz", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", ""), "1")
    crawl_it(row)
    images = {one.config_digest: one for one in Image.objects.present()}
    assert set(images) == {one.config for one in (base, run, *apps, squashed, arm, gone)}
    assert pointed("base/os", "12") == pointed("base/os", "latest") == [(base.config, "linux/amd64", True)]
    assert sorted(pointed("shop/multi", "1")) == sorted(
        [(apps[1].config, "linux/amd64", True), (arm.config, "linux/arm64", True)]
    )
    kinds = {one.digest: one.kind for one in Manifest.objects.all()}
    assert kinds[index.digest] == "index"
    assert kinds[arm.digest] == "manifest"
    settle(1_000)
    bases = {one.config_digest: one.base and one.base.config_digest for one in Image.objects.present()}
    assert bases[run.config] == base.config
    assert bases[apps[0].config] == run.config
    assert bases[apps[1].config] == run.config
    assert bases[squashed.config] == base.config
    assert BaseEdge.objects.get().image.config_digest == squashed.config
    assert "could not" not in capsys.readouterr().out

    # A tag moves on, another is deleted with its manifest; the same again changes nothing.
    registry.push("shop/api", apps[1], "1.0")
    registry.delete("shop/gone", gone.digest)
    crawl_it(row)
    crawl_it(row)
    assert pointed("shop/api", "1.0") == [(apps[0].config, "linux/amd64", False), (apps[1].config, "linux/amd64", True)]
    assert pointed("shop/gone", "old") == [(gone.config, "linux/amd64", False)]
    assert [one.image.config_digest for one in Placement.objects.exclude(gone_at=None)] == [gone.config]
    told = sorted((one.kind, one.image.config_digest) for one in Event.objects.all())
    assert told == sorted([("repointed", apps[0].config), *[("vanished", gone.config)] * 2, ("gone", gone.config)])
    assert not RepositoryCrawl.objects.exclude(error="").exists()


def state() -> Any:
    """All that a crawl leaves, by what it is: comparable between two runs."""
    placements = Placement.objects.values_list("repository__name", "image__config_digest", "gone_at")
    tags = Tag.objects.values_list("repository__name", "name", "platform", "image__config_digest")
    marks = TagMark.objects.values_list("crawl__name", "name", "digest", "kind")
    layers = Image.objects.values_list("config_digest", "top_layer__depth", "size", "os", "architecture")
    bodies = Delivery.objects.values_list("image", "body_sha256")
    found = (placements, tags, marks, layers, bodies)
    return [sorted(map(str, rows)) for rows in found], Event.objects.count(), BaseEdge.objects.count()


POINTS = [
    *("crawl.before_record/07", "crawl.before_commit/07", "crawl.after_record/07", "crawl.before_commit/12"),
    *("crawl.after_batch", "crawl.before_finish", "crawl.after_close", "crawl.before_record/sha256"),
]


def test_killed_anywhere_it_goes_on_without_gaps_or_doubles(
    registry: RealRegistry, row: Connection, tmp_path: Path
) -> None:
    name = "many/tags"
    save_connection(None, row, {"repositories": name})
    for number in range(20):
        built = registry.push(name, make_built(OS, make_layer(n=str(number))), f"{number:02}")
    spdx = make_artifact(b'{"spdxVersion": "SPDX-2.3"}', "application/spdx+json", "application/spdx+json")
    registry.push(name, spdx)
    attached = make_index(entries=[spdx.descriptor(artifactType="application/spdx+json")])
    registry.push(name, attached, built.digest.replace(":", "-"))
    crawl_it(row)
    expected = state()
    assert len(expected[0][1]) == 20
    assert len(expected[0][4]) == 1
    for point in POINTS:
        forget(row)
        about = f"{point}" if "/" in point else f"{point}/{name}"
        if point.endswith("sha256"):
            about = f"crawl.before_record/{built.digest.replace(':', '-')}"
        marker = tmp_path / "once"
        marker.write_text("")
        assert killed(row, f"{about}:kill@{marker}", registry) == -signal.SIGKILL, point
        assert not marker.exists(), point
        RepositoryCrawl.objects.update(lease_until=row.created_at)
        Connection.objects.update(lease_until=row.created_at)
        crawl_it(row)
        assert state() == expected, point


def forget(row: Connection) -> None:
    """As before the first crawl."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE images_image, images_tag, images_placement, images_manifest, images_event, images_baseedge,"
            " scanning_repositorycrawl, scanning_tagmark, scanning_delivery, images_repository CASCADE"
        )


def killed(row: Connection, point: str, registry: RealRegistry) -> int:
    """Crawl in a process of its own that a failpoint kills; returns its exit code."""
    database = connection.settings_dict
    url = f"postgresql:///{database['NAME']}?host={database['HOST']}&user={database['USER']}&port={database['PORT']}"
    environment = {**os.environ, "PW_FAILPOINT": point, "OUTBOUND_ALLOWED_HOSTS": registry.host, "DATABASE_URL": url}
    command = [sys.executable, "manage.py", "crawl", row.registry.host]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode
