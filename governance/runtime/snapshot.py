"""The shape in which an agent tells what runs: a numbered snapshot of everything that one engine or API server runs.

Texts are as the agent wrote them; `governance.runtime.record` makes them fit for the database.
"""

from __future__ import annotations

import msgspec


class Sender(msgspec.Struct, frozen=True):
    """The agent: `name` is that of its source on the host or cluster, `instance` differs in each of its processes.

    `interval` is how many seconds pass until its next word, at most.
    """

    name: str
    instance: str
    version: str = ""
    interval: int = 60


class Place(msgspec.Struct, frozen=True):
    """The cluster or host: `uid` never changes and no other has it."""

    uid: str
    kind: str = "host"
    name: str = ""
    environment: str = ""


class Engine(msgspec.Struct, frozen=True):
    """What runs the containers, and on what."""

    name: str = ""
    version: str = ""
    store: str = ""
    rootless: bool | None = None
    system: str = ""
    kernel: str = ""
    architecture: str = ""


class ImageSaid(msgspec.Struct, frozen=True):
    """What a runtime says of an image: every digest as its kind, as far as the runtime tells them apart.

    `repo_digests` are `repository@sha256:...` of a manifest or an index. `diff_ids` are the layers, bottom first.
    """

    key: str
    config_digest: str = ""
    manifest_digest: str = ""
    repo_digests: tuple[str, ...] = ()
    os: str = ""
    architecture: str = ""
    variant: str = ""
    created: str = ""
    size: int = 0
    diff_ids: tuple[str, ...] = ()


class Container(msgspec.Struct, frozen=True):
    """Containers of one workload that run one image in one way; `key` names the image among the snapshot's.

    `image` is the image as it was asked for, `image_id` the runtime's own identifier as written, `started_at` when the
    oldest of the `instances` was started, RFC 3339.
    """

    key: str
    name: str
    kind: str = "Container"
    namespace: str = ""
    container: str = ""
    part: str = "main"
    image: str = ""
    image_id: str = ""
    labels: dict[str, str] = {}
    instances: int = 1
    user: str = ""
    privileged: bool | None = None
    runtime: str = ""
    runtime_class: str = ""
    rootless: bool | None = None
    started_at: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """Everything that runs at `taken_at` (RFC 3339). `contents` is a hash of it that the agent chose.

    `containers` is None where nothing changed since the snapshot with the same `contents`.
    """

    agent: Sender
    cluster: Place
    number: int
    taken_at: str
    contents: str = ""
    engine: Engine = Engine()
    note: str = ""
    images: tuple[ImageSaid, ...] = ()
    containers: tuple[Container, ...] | None = None
