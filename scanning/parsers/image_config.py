"""The OCI image configuration (image-spec `config.md`): platform, layers, history."""

from __future__ import annotations

import re

import msgspec

from governance.findings.report import ConfigFacts
from scanning.parsers.scalars import time_text

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".json")
INTERMEDIATE = re.compile(r"FROM [0-9a-f]{12}")


class Step(msgspec.Struct, gc=False):
    """One entry of `history`."""

    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class RootFs(msgspec.Struct, gc=False):
    """`rootfs`: the diffIDs, bottom first."""

    diff_ids: list[str] | None = None


class Run(msgspec.Struct, gc=False, rename="pascal"):
    """`config`: how it is to be run. `Healthcheck` is Docker's, not OCI's."""

    user: str | None = None
    entrypoint: list[str] | str | None = None
    cmd: list[str] | str | None = None
    env: list[str] | None = None
    exposed_ports: dict[str, msgspec.Raw] | None = None
    healthcheck: dict[str, msgspec.Raw] | None = None
    labels: dict[str, str | None] | None = None


class ImageConfig(msgspec.Struct, gc=False):
    """The members of an image configuration that say what was built."""

    os: str | None = None
    architecture: str | None = None
    variant: str | None = None
    created: str | None = None
    history: list[Step] | None = None
    rootfs: RootFs | None = None
    config: Run | None = None

    @property
    def facts(self) -> ConfigFacts | None:
        """How it is to be run and how it was built; None where neither is given."""
        if self.config is None and not self.history:
            return None
        run = self.config or Run()
        return ConfigFacts(
            user=run.user or "",
            entrypoint=_words(run.entrypoint),
            command=_words(run.cmd),
            env=tuple(pair.partition("=")[0] for pair in run.env or ()),
            ports=tuple(run.exposed_ports or ()),
            healthcheck=_is_checked(run.healthcheck),
            labels=tuple((name, value or "") for name, value in (run.labels or {}).items()),
            steps=tuple((step.created_by or "", bool(step.empty_layer)) for step in self.history or ()),
        )

    @property
    def is_of_steps(self) -> bool:
        """Buildah built each instruction on the image of the one before (`--layers`, Podman's way).

        What it then notes as the digest of the base is that of the last such image: in the comment it is named by its
        ID, a base by its name.
        """
        return bool(self.history and INTERMEDIATE.fullmatch(self.history[-1].comment or ""))

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """The layers, bottom first."""
        return tuple((self.rootfs and self.rootfs.diff_ids) or ())

    @property
    def created_at(self) -> str:
        """When it was built, "" where the config leaves it at zero."""
        return time_text(self.created)

    def history_of(self, diff_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Return the command of each layer; nothing where history and layers do not match one to one."""
        steps = tuple(step.created_by or "" for step in self.history or () if not step.empty_layer)
        return steps if len(steps) == len(diff_ids) else ()


def _words(written: list[str] | str | None) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(written or ())


def _is_checked(healthcheck: dict[str, msgspec.Raw] | None) -> bool:
    """`HEALTHCHECK NONE` switches an inherited one off."""
    test = (healthcheck or {}).get("Test")
    return test is not None and b'"NONE"' not in bytes(test) and bytes(test) not in (b"null", b"[]")


def digest_part(reference: str) -> str:
    """Return what stands behind the @ of `repository@sha256:...`."""
    return reference.rpartition("@")[2]


def config_digest(image_id: str, repo_digests: tuple[str, ...]) -> str:
    """Return the image ID if it can be a config digest.

    With Docker's containerd image store the ID is that of the manifest or index; it then is one of the repo digests.
    """
    return "" if image_id in map(digest_part, repo_digests) else image_id


def is_reference(name: str) -> bool:
    """Say whether it can be an image's name, not the path of an archive or a directory."""
    return bool(name) and name[0] not in "./~" and "\\" not in name and not name.lower().endswith(ARCHIVES)


def with_algorithm(digest: str) -> str:
    """Return a digest with its algorithm: some tools write the 64 hex digits of a SHA-256 alone."""
    return f"sha256:{digest}" if re.fullmatch(r"[0-9a-fA-F]{64}", digest) else digest
