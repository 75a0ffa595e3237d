"""Kept copies between two real registries: whole, by every platform, restored bit for bit, resumed wherever killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from governance.approvals.copies import current_place, restore_copy, retry_copy, want_copy
from governance.approvals.models import KeptCopy
from governance.web.addresses import Allowed
from scanning import copies, failpoints
from scanning.connections import save_connection
from scanning.models import Connection
from scanning.pushing import save_push
from scanning.registries.values import ACCEPT
from tests.parts import need
from tests.registry import Built, make_artifact, make_built, make_index, make_layer
from tests.scanning.real_registry import BASIC, PASSWORD, USER, RealRegistry, running

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
LAYERS = [make_layer(etc__os_release="ID=debian"), make_layer(big=os.urandom(300_000).hex())]
SPDX = "application/spdx+json"


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealRegistry, RealRegistry]]:
    with running(tmp_path_factory.mktemp("up")) as upstream, running(tmp_path_factory.mktemp("own")) as own:
        yield upstream, own


@pytest.fixture
def rows(registries: tuple[RealRegistry, RealRegistry], settings: Any) -> list[Connection]:
    """Both connected; copies are kept in the second one below kept/."""
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([one.host for one in registries])
    found = []
    for one in registries:
        said = {"base_url": one.base, "is_insecure": True, "username": USER, "is_enabled": False}
        found.append(save_connection(None, None, said, PASSWORD))
    save_push(None, found[1], {"keeps": True, "path": "kept"})
    return found


def make_base(word: str) -> tuple[Built, dict[str, Built]]:
    """An index of two platforms, an SBOM attached to it and a signature to one image; all by the tags that name it."""
    images = [make_built(*LAYERS, make_layer(word=word, arch=arch), arch=arch) for arch in ("amd64", "arm64")]
    index = make_index(*images)
    sbom = make_artifact(json.dumps({"spdxVersion": "SPDX-2.3", "name": word}).encode(), SPDX, SPDX, index)
    signature = make_artifact(word.encode(), "application/vnd.dev.cosign.simplesigning.v1+json", "")
    listing = make_index(sbom, entries=[sbom.descriptor(artifactType=SPDX)])
    tags = {
        "3.20": index,
        index.digest.replace(":", "-"): listing,
        images[1].digest.replace(":", "-") + ".sig": signature,
    }
    return index, tags


def publish(registry: RealRegistry, name: str, tags: dict[str, Built]) -> None:
    for tag, built in tags.items():
        registry.push(name, built, tag)


def wanted(registry: RealRegistry, name: str, index: Built) -> KeptCopy:
    place = current_place()
    assert place
    row = want_copy(place, f"{registry.host}/{name}", "3.20", index.digest)
    assert row
    return row


def run(row: KeptCopy) -> KeptCopy:
    """The job that is due, to its end."""
    KeptCopy.objects.filter(pk=row.pk).update(next_at=timezone.now(), lease_until=None)
    while copies.work(row.pk):
        pass
    row.refresh_from_db()
    return row


def pulled(host: str, reference: str, to: Path, *more: str) -> set[str]:
    """All that skopeo pulls, by file name: blobs by their digest, checked by skopeo itself."""
    (skopeo,) = need("skopeo")
    command = [skopeo, "copy", *more, "--src-tls-verify=false", "--src-creds", f"{USER}:{PASSWORD}"]
    subprocess.run([*command, f"docker://{host}/{reference}", f"dir:{to}"], check=True, capture_output=True)
    return {one.name for one in to.iterdir()} - {"version"}


def test_a_copy_is_whole_and_pulled_by_every_platform(registries: Any, rows: Any, tmp_path: Path) -> None:
    upstream, own = registries
    index, tags = make_base("whole")
    publish(upstream, "base/os", tags)
    row = run(wanted(upstream, "base/os", index))
    assert (row.state, row.error, row.job) == ("kept", "", "verify")
    assert row.platforms == ["linux/amd64", "linux/arm64"]
    assert set(row.digests) >= {
        index.digest,
        *(one.digest for one in index.children),
        *(one.digest for one in tags.values()),
    }
    assert row.internal == f"{own.host}/kept/{upstream.host.replace(':', '-')}/base/os:3.20@{index.digest}"
    assert row.attached == 2
    assert row.done == row.total > 300_000

    by_digest = f"{row.place}@{index.digest}"
    everything = pulled(own.host, by_digest, tmp_path / "all", "--all", "--preserve-digests")
    assert everything == pulled(upstream.host, f"base/os@{index.digest}", tmp_path / "up", "--all")
    for arch in ("amd64", "arm64"):
        assert len(pulled(own.host, by_digest, tmp_path / arch, "--override-arch", arch)) == 5
    for tag in tags:
        both = [tmp_path / side / tag for side in ("a", "b")]
        for folder, host, name in zip(both, (upstream.host, own.host), ("base/os", row.place), strict=True):
            folder.mkdir(parents=True)
            pulled(host, f"{name}:{tag}", folder, "--all")
        assert (both[0] / "manifest.json").read_bytes() == (both[1] / "manifest.json").read_bytes()


def forget(registry: RealRegistry, name: str, tags: dict[str, Built]) -> None:
    """Nothing of it is there any more."""
    for built in tags.values():
        for one in (built, *built.children):
            with suppress(AssertionError):
                registry.delete(name, one.digest)


def held(registry: RealRegistry, name: str, tags: dict[str, Built]) -> dict[str, bytes]:
    """The bytes that the registry gives for each tag."""
    found = {}
    for tag in tags:
        answer, body = registry.client.fetch(
            "GET", f"{registry.base}/v2/{name}/manifests/{tag}", headers={**BASIC, "Accept": ACCEPT}
        )
        found[tag] = body if answer.status == 200 else b""
    return found


def test_it_is_put_back_bit_for_bit(registries: Any, rows: Any, tmp_path: Path) -> None:
    upstream, _ = registries
    index, tags = make_base("back")
    publish(upstream, "base/back", tags)
    before = held(upstream, "base/back", tags)
    row = run(wanted(upstream, "base/back", index))
    forget(upstream, "base/back", tags)
    assert set(held(upstream, "base/back", tags).values()) == {b""}
    restore_copy(None, row, "upstream deleted it")
    row = run(row)
    assert "no push account" in row.error
    assert row.state == "kept"
    save_push(None, rows[0], {})
    restore_copy(None, row, "upstream deleted it")
    row = run(row)
    assert (row.error, row.state, row.job) == ("", "kept", "verify")
    assert row.restored_at
    assert held(upstream, "base/back", tags) == before
    pulled(upstream.host, "base/back:3.20", tmp_path / "all", "--all")
    # Moved on upstream, and put back over it.
    other, _ = make_base("other")
    upstream.push("base/back", other, "3.20")
    restore_copy(None, row, "the tag was taken over")
    run(row)
    assert held(upstream, "base/back", tags) == before


def test_what_is_lost_or_changed_where_it_is_kept_is_seen(registries: Any, rows: Any) -> None:
    upstream, own = registries
    index, tags = make_base("lost")
    publish(upstream, "base/lost", tags)
    row = run(wanted(upstream, "base/lost", index))
    blob = own.root / "data/docker/registry/v2/blobs/sha256"
    layer = next(iter(index.children[0].blobs))
    place = blob / layer[7:9] / layer[7:] / "data"
    whole = place.read_bytes()
    place.write_bytes(whole[:-1] + b"?")
    retry_copy(None, row)
    row = run(row)
    assert (row.state, row.is_kept) == ("differs", False)
    assert layer in row.error
    place.write_bytes(whole)
    own.delete(row.place, index.children[1].digest)
    retry_copy(None, row)
    assert run(row).state == "kept"  # copied again from upstream, what lacked alone
    own.delete(row.place, tags[index.digest.replace(":", "-")].digest)
    KeptCopy.objects.filter(pk=row.pk).update(read_at=None)
    assert run(row).state == "missing"
    with pytest.raises(ValidationError, match="not whole"):
        restore_copy(None, row, "")


POINTS = ["before_blob", "in_blob", "before_manifest/INDEX", "before_tag/3.20", "before_read", "before_commit"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_goes_on_and_is_kept_only_whole(registries: Any, rows: Any, point: str) -> None:
    upstream, own = registries
    index, tags = make_base(point)
    name = f"base/{point.partition('/')[0].replace('_', '-')}"
    publish(upstream, name, tags)
    row = wanted(upstream, name, index)
    assert killed(row, f"copy.{point.replace('INDEX', index.digest)}") == signal.SIGKILL
    row.refresh_from_db()
    assert (row.state, row.copied_at, row.is_kept) == ("copying", None, False)
    row = run(row)
    assert (row.state, row.error) == ("kept", "")
    assert held(own, row.place, tags) == held(upstream, name, tags)


def killed(row: KeptCopy, point: str) -> int:
    """Copy in a process that a failpoint kills; returns the signal that ended it."""
    child = os.fork()
    if not child:
        # As after any fork: the parent's connection is the parent's.
        connection.connection = None
        failpoints.POINTS[point] = ("kill", "")
        with suppress(BaseException):
            copies.work(row.pk)
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])
