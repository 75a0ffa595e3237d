"""Recipes become images: layers that children share with their base, configuration, manifest, digests that fit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scanning.demo.dice import roll, sha256
from scanning.demo.fleet import HOST, RECIPES, Distro, Recipe
from scanning.demo.sources import Source, sources

ARM = "arm64"
BUILD_HOUR = timedelta(hours=9)


@dataclass(frozen=True, slots=True)
class Shipped:
    """A package in an image: the release of its source, the layer that brought it, the file that proves it."""

    source: Source
    number: int
    name: str
    version: str
    path: str
    layer: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer by the digest of its content and by that of its compressed blob."""

    command: str
    diff_id: str
    blob: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Built:
    """One platform image."""

    recipe: Recipe
    day: int
    tags: tuple[str, ...]
    created: datetime
    architecture: str
    distro: Distro | None
    layers: tuple[Layer, ...]
    packages: tuple[Shipped, ...]
    base: Built | None

    @property
    def name(self) -> str:
        """`host/repository`."""
        return f"{HOST}/{self.recipe.repository}"

    @property
    def references(self) -> list[str]:
        """Every `host/repository:tag`."""
        return [f"{self.name}:{tag}" for tag in self.tags]

    @property
    def labels(self) -> dict[str, str]:
        """The usual annotations; the base is named where one was used."""
        words = {
            "created": rfc3339(self.created),
            "revision": sha256(f"commit {self.recipe.repository} {self.day}")[7:47],
            "source": f"https://git.demo.example/{self.recipe.repository}",
            "title": self.recipe.repository,
            "version": self.tags[0],
        }
        if self.base:
            words |= {"base.name": self.base.references[0], "base.digest": self.base.published}
        return {f"org.opencontainers.image.{name}": words[name] for name in sorted(words)}

    @property
    def config_object(self) -> dict[str, object]:
        """The image configuration (OCI image-spec `config.md`)."""
        history = [{"created": rfc3339(layer.at), "created_by": layer.command} for layer in self.layers]
        environment = {
            "created": rfc3339(self.created),
            "created_by": f"ENV VERSION={self.tags[0]}",
            "empty_layer": True,
        }
        return {
            "architecture": self.architecture,
            "config": {"Env": [f"VERSION={self.tags[0]}"], "Labels": self.labels, "User": "65532"},
            "created": rfc3339(self.created),
            "history": [*history, environment],
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in self.layers]},
            **({"variant": "v8"} if self.architecture == ARM else {}),
        }

    @property
    def config(self) -> bytes:
        """The bytes that the config digest is of."""
        return json.dumps(self.config_object, separators=(",", ":")).encode()

    @property
    def config_digest(self) -> str:
        """What Docker calls the image ID."""
        return _digest(self.config)

    @property
    def manifest(self) -> bytes:
        """The platform manifest."""
        described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": self.config_digest}
        layers = [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.blob, "size": layer.size}
            for layer in self.layers
        ]
        body = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {**described, "size": len(self.config)},
            "layers": layers,
        }
        return json.dumps(body, separators=(",", ":")).encode()

    @property
    def published(self) -> str:
        """The digest that the tag points to: the index's for an image of two platforms, else the manifest's."""
        if self.recipe.arm:
            return sha256(f"index {self.recipe.repository} {self.day} {rfc3339(self.created)}")
        return _digest(self.manifest)

    @property
    def repo_digests(self) -> list[str]:
        """As a scanner that pulled it by tag writes it."""
        return [f"{self.name}@{self.published}"]

    @property
    def manifest_digest(self) -> str:
        """The platform manifest's."""
        return _digest(self.manifest)

    @property
    def size(self) -> int:
        """Bytes of all layers, compressed."""
        return sum(layer.size for layer in self.layers)


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def rfc3339(at: datetime) -> str:
    """As Go programs write a time in UTC."""
    return at.isoformat().replace("+00:00", "Z")


def build_all(today: datetime) -> list[Built]:
    """Every image of the fleet, bases first; `today` is midnight of the day that the recipes count from."""
    done: list[Built] = []
    for recipe in RECIPES:
        for day, tags in recipe.builds.items():
            base = _base_of(recipe, day, done)
            done.append(_build(recipe, day, tuple(tags.split()), base, today))
            if recipe.arm:
                done.append(_build(recipe, day, tuple(tags.split()), base, today, ARM))
    return done


def _base_of(recipe: Recipe, day: int, done: list[Built]) -> Built | None:
    """The newest build of the parent that was out then, as far behind as the recipe is."""
    builds = [image for image in done if image.recipe.repository == recipe.parent]
    if not builds:
        return None
    return max((image for image in builds if image.day <= day - recipe.behind), key=_day_of, default=builds[0])


def _day_of(image: Built) -> int:
    return image.day


def _build(
    recipe: Recipe, day: int, tags: tuple[str, ...], base: Built | None, today: datetime, architecture: str = "amd64"
) -> Built:
    created = today + timedelta(days=day) + BUILD_HOUR + timedelta(minutes=roll(50, recipe.repository, day))
    distro = recipe.distro or (base.distro if base else None)
    if distro and not distro.version:
        distro = replace(distro, version=tags[0])
    layers = list(base.layers) if base else []
    packages = list(base.packages) if base else []
    for step in recipe.steps:
        identity = f"{recipe.repository} {step.command} {day} {architecture} {rfc3339(created)}"
        megabytes = step.megabytes * 1_000_000 + roll(900_000, identity)
        layers.append(Layer(step.command, sha256(f"layer {identity}"), sha256(f"blob {identity}"), megabytes, created))
        packages += [
            shipped
            for name in step.sources.split()
            for shipped in _install(sources()[name], day, len(layers) - 1, distro)
        ]
    return Built(recipe, day, tags, created, architecture, distro, tuple(layers), tuple(packages), base)


def _install(source: Source, day: int, layer: int, distro: Distro | None) -> list[Shipped]:
    """What one source installs; a distribution past its end of life has what was there first."""
    number = 0 if distro and distro.end_of_life else source.version_at(day)
    version = written(source.versions[number][1], distro)
    return [
        Shipped(source, number, name, version, _path(source.kind, name, version), layer) for name in source.installed
    ]


def written(version: str, distro: Distro | None) -> str:
    """A version as the distribution writes it: Ubuntu takes Debian's packages and adds its own suffix."""
    return version.replace("+deb12u", "ubuntu0.") if distro and distro.family == "ubuntu" else version


def _path(kind: str, name: str, version: str) -> str:
    """Where a library lies; distributions keep one database, so their packages have no path."""
    artifact = name.rpartition(":")[2]
    return {
        "npm": f"app/node_modules/{name}/package.json",
        "pypi": f"usr/local/lib/python3.12/site-packages/{name}-{version}.dist-info/METADATA",
        "maven": f"app/lib/{artifact}-{version}.jar",
        "golang": "usr/bin/gateway",
    }.get(kind, "")
