"""What configuration and package list show of an image; and what is no statement."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from governance.findings.state import settle
from governance.images.models import BaseEdge, Image
from tests.make import deliver, digest_of, make_report

pytestmark = pytest.mark.django_db
LAYERS = [digest_of("layer 1")]


def image_of(*packages: str, config: dict[str, Any] | None = None, **metadata: Any) -> Image:
    """The image of a report with this config and these packages (none: not listed)."""
    run = {} if config is None else {"ImageConfig": {"os": "linux", "config": config}}
    report = make_report(config=digest_of("config"), vulnerabilities=[], DiffIDs=LAYERS, **run, **metadata)
    if packages:
        report["Results"][0]["Packages"] = [
            {"Name": name, "Version": "1", "Identifier": {"PURL": f"pkg:deb/debian/{name}@1"}} for name in packages
        ]
    deliver(report)
    settle()
    return Image.objects.present().get()


@pytest.mark.parametrize(
    ("config", "traits"),
    [
        ({}, {"root-implicit"}),
        ({"User": "0:0"}, {"root"}),
        ({"User": "root"}, {"root"}),
        ({"User": "nobody"}, set()),
        ({"User": "1000", "Healthcheck": {"Test": ["CMD", "true"]}}, {"healthcheck"}),
        ({"User": "1000", "Healthcheck": {"Test": ["NONE"]}}, set()),
        ({"User": "1000", "ExposedPorts": {"8080/tcp": {}}}, {"ports"}),
        ({"User": "1000", "Env": ["PATH=/bin", "DB_PASSWORD=never kept"]}, {"secret-env"}),
        ({"User": "1000", "Env": ["SECRETARY=x", "TOKENIZERS_PARALLELISM=1"]}, set()),
        ({"User": None, "Env": None, "Labels": None, "Cmd": "sh", "Entrypoint": None}, {"root-implicit"}),
    ],
)
def test_the_configuration_shows(config, traits) -> None:
    assert set(image_of(config=config).traits) == traits


def test_values_of_the_environment_are_not_kept() -> None:
    assert image_of(config={"Env": ["DB_PASSWORD=never kept"]}).config.env == ["DB_PASSWORD"]


@pytest.mark.parametrize(
    ("packages", "traits"),
    [
        (("bash", "apt", "libc6"), set()),
        (("libc6", "apt"), {"no-shell"}),
        (("libc6",), {"no-shell", "no-package-manager", "distroless"}),
    ],
)
def test_the_package_list_shows(packages, traits) -> None:
    assert set(image_of(*packages).traits) == traits


def test_without_configuration_and_list_nothing_is_stated() -> None:
    image = image_of()
    assert image.traits == []
    assert not hasattr(image, "config")


def test_a_label_states_a_base() -> None:
    labels = {
        "org.opencontainers.image.base.name": "registry.example/os:1",
        "org.opencontainers.image.source": "https://example.com/x",
        "io.buildpacks.lifecycle.metadata": '{"runImage": {"reference": "registry.example/run:2"}}',
        "maintainer": "nobody",
    }
    image = image_of(config={"Labels": labels})
    assert set(BaseEdge.objects.values_list("name", "rung")) == {
        ("registry.example/os:1", BaseEdge.Rung.LABEL),
        ("registry.example/run:2", BaseEdge.Rung.LABEL),
    }
    assert image.config.labels == {"base.name": "registry.example/os:1", "source": "https://example.com/x"}


def history(*commands: str) -> list[dict[str, Any]]:
    return [{"created_by": command, "empty_layer": number > 0} for number, command in enumerate(commands)]


def parent() -> None:
    config = {"history": history("ADD rootfs"), "config": {}}
    deliver(make_report("registry.example/os:1", digest_of("os"), [], DiffIDs=LAYERS, ImageConfig=config))


def child() -> None:
    config = {"history": history("ADD rootfs", "ENV A=1"), "config": {}}
    deliver(make_report("registry.example/app:1", digest_of("app"), [], DiffIDs=LAYERS, ImageConfig=config))


def copy() -> None:
    config = {"history": history("ADD something else", "ENV A=2"), "config": {}}
    deliver(make_report("registry.example/copy:1", digest_of("copy"), [], DiffIDs=LAYERS, ImageConfig=config))


@pytest.mark.parametrize("order", list(permutations([parent, child, copy])))
def test_a_child_that_changed_only_its_configuration_is_told_from_the_same_content(order) -> None:
    for arrive in order:
        arrive()
    settle()
    bases = {image.config_digest: image.base for image in Image.objects.present().select_related("base")}
    assert bases[digest_of("app")].config_digest == digest_of("os")
    assert bases[digest_of("os")] is None
    assert bases[digest_of("copy")] is None


def test_lists_are_filtered_by_it_and_pages_say_it(client, admin, reader) -> None:
    image = image_of("libc6", config={"User": "0"})
    other = "registry.example/other:1"
    deliver(make_report(other, config=digest_of("other"), vulnerabilities=[]))
    rows = reader.get("/api/v1/images/?trait=distroless").json()["results"]
    assert [(row["id"], sorted(row["traits"])) for row in rows] == [(image.pk, sorted(image.traits))]
    client.force_login(admin)
    page = client.get("/images/?trait=root").content.decode()
    assert "shop/api" in page
    assert "other:1" not in page
    assert "Runs as root" in client.get(f"/images/{image.pk}/").content.decode()
