"""One image, many names: whatever arrives first, it ends on one record."""

from itertools import permutations

import pytest

from governance.images.models import Event, Image, Manifest, Tag
from tests.make import deliver, digest_of, make_report

pytestmark = pytest.mark.django_db
CONFIG, MANIFEST, INDEX = digest_of("config"), digest_of("manifest"), digest_of("index")
NAME = "registry.example/shop/api"


def ci() -> None:
    """Before the push: only the config digest is known."""
    deliver(make_report(f"{NAME}:1.0", config=CONFIG, at="2026-08-20T09:00:00Z"), stage="ci")


def registry() -> None:
    """From the registry: config digest, the platform manifest and the index the tag resolves to."""
    names = [f"{NAME}@{INDEX}", f"{NAME}@{MANIFEST}"]
    report = make_report(f"{NAME}:1.0", config=CONFIG, RepoDigests=names, at="2026-08-20T10:00:00Z")
    deliver(report, stage="registry")


def runtime() -> None:
    """A cluster: only what it was asked to run, by index digest."""
    report = make_report(f"{NAME}@{INDEX}", at="2026-08-20T11:00:00Z")
    deliver(report, stage="runtime")


def manifest_only() -> None:
    """A registry scanner that knows the platform manifest and nothing else."""
    deliver(make_report(f"{NAME}@{MANIFEST}", at="2026-08-20T10:30:00Z"), stage="registry")


def state() -> dict[str, object]:
    """Everything that must not depend on the order."""
    image = Image.objects.present().get()
    return {
        "config": image.config_digest,
        "reference": image.reference,
        "state": image.state,
        "high": image.high,
        "places": (image.ci_at, image.registry_at, image.runtime_at),
        "digests": set(Manifest.objects.filter(image=image).values_list("digest", flat=True)),
        "scans": sorted(image.scans.values_list("stage", "scanned_at", "is_current")),
        "tags": sorted(Tag.objects.filter(image=image).values_list("name", "since", "until")),
    }


@pytest.mark.parametrize("order", list(permutations([ci, registry, runtime, manifest_only])))
def test_config_manifest_and_index_end_on_one_image_in_every_order(order) -> None:
    for arrive in order:
        arrive()
    found = state()
    assert found["config"] == CONFIG
    assert found["digests"] == {MANIFEST, INDEX}
    assert found["reference"] == f"{NAME}:1.0"
    assert len(found["scans"]) == 4
    assert None not in found["places"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_scan_that_knew_only_the_tag_moves_to_the_image(order) -> None:
    arrivals = [
        lambda: deliver(make_report(f"{NAME}:1.0", at="2026-08-20T12:00:00Z"), stage="registry"),
        lambda: deliver(make_report(f"{NAME}:1.0", config=CONFIG, at="2026-08-20T09:00:00Z")),
        lambda: deliver(make_report(f"{NAME}:1.0", config=digest_of("later"), at="2026-08-21T09:00:00Z")),
    ]
    for number in order:
        arrivals[number]()
    images = {image.config_digest: image for image in Image.objects.present()}
    assert set(images) == {CONFIG, digest_of("later")}
    assert images[CONFIG].scans.count() == 2


def test_a_name_alone_makes_an_unidentified_image() -> None:
    deliver(make_report("registry.example/old/app:7"))
    image = Image.objects.get()
    assert not image.is_identified
    assert image.reference == "registry.example/old/app:7"


def test_a_merged_record_leads_to_the_one_that_stayed() -> None:
    runtime()
    lonely = Image.objects.get()
    ci()
    registry()
    lonely.refresh_from_db()
    stayed = Image.objects.present().get()
    assert lonely.pk == stayed.pk or lonely.merged_into_id == stayed.pk
    merged = Image.objects.exclude(merged_into=None).get()
    assert merged.merged_into_id == stayed.pk
    assert Event.objects.filter(image=stayed, kind="merged").exists()


def test_two_platforms_of_one_index_stay_two_images() -> None:
    for arch in ("amd64", "arm64"):
        layers = {"ImageConfig": {"os": "linux", "architecture": arch}, "RepoDigests": [f"{NAME}@{INDEX}"]}
        deliver(make_report(f"{NAME}:1.0", config=digest_of(arch), **layers))
    assert sorted(Image.objects.present().values_list("architecture", flat=True)) == ["amd64", "arm64"]
    assert set(Manifest.objects.values_list("kind", flat=True)) == {"index"}
    assert Tag.objects.filter(until=None).count() == 2


def test_an_image_id_that_is_really_the_index_digest_is_no_config_digest() -> None:
    # Docker with the containerd image store: ImageID is the digest of what was pulled.
    deliver(make_report(f"{NAME}:1.0", config=INDEX, at="2026-08-20T08:00:00Z"))
    registry()
    image = Image.objects.present().get()
    assert image.config_digest == CONFIG
    assert INDEX in set(Manifest.objects.filter(image=image).values_list("digest", flat=True))


def test_a_misnamed_image_id_after_the_truth_changes_nothing() -> None:
    registry()
    deliver(make_report(f"{NAME}:1.0", config=INDEX, at="2026-08-20T12:00:00Z"), stage="runtime")
    assert Image.objects.present().get().config_digest == CONFIG


def test_a_tag_that_moves_keeps_its_history() -> None:
    for day, word in ((20, "a"), (22, "b"), (21, "a")):
        deliver(make_report(f"{NAME}:latest", config=digest_of(word), at=f"2026-08-{day}T09:00:00Z"))
    rows = list(Tag.objects.order_by("since").values_list("image__config_digest", "since__day", "until__day"))
    assert rows == [(digest_of("a"), 20, 22), (digest_of("b"), 22, None)]


def test_platforms_spelt_differently_under_one_config_digest_are_one_image() -> None:
    for number, architecture in enumerate(("amd64", "x86_64", "nonsense", "amd64")):
        config = {"os": "linux", "architecture": architecture}
        report = make_report(f"{NAME}:1.0", config=CONFIG, ImageConfig=config, at=f"2026-08-2{number}T09:00:00Z")
        assert deliver(report).state == "done"
    assert Image.objects.get().architecture == "amd64"
