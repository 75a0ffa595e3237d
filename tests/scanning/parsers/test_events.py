"""Webhook payloads: which images they speak of, and nothing else."""

import pytest

from governance.findings.report import Kind, Outcome

D2 = f"sha256:{'2' * 64}"
IMAGE = "registry.example/shop/api"


@pytest.mark.parametrize(
    ("name", "known", "references", "digests"),
    [
        ("harbor_event/push.json", "harbor-event", {f"{IMAGE}:1.4.2"}, {f"{IMAGE}@{D2}"}),
        # A tag that is a digest is none.
        ("harbor_event/cloudevent.json", "harbor-event", {IMAGE}, {f"{IMAGE}@{D2}"}),
        # A blob is no image.
        ("registry_event/push.json", "registry-event", {f"{IMAGE}:1.4.2", "shop/api:1.4.2"}, {f"{IMAGE}@{D2}"}),
        ("registry_event/azure.json", "registry-event", {f"{IMAGE}:1.4.2", "shop/api:1.4.2"}, {f"{IMAGE}@{D2}"}),
        ("dockerhub_event/push.json", "dockerhub-event", {"shop/api:1.4.2"}, set()),
        ("github_event/published.json", "github-event", {"ghcr.io/Shop/api:1.4.2"}, {f"ghcr.io/Shop/api@{D2}"}),
        ("clair_event/page.json", "clair-event", set(), {D2}),
        (
            "stackrox_event/alert.json",
            "stackrox-event",
            {f"{IMAGE}:1.4.2", "registry.example/shop/sidecar:1"},
            {f"{IMAGE}@{D2}"},
        ),
        (
            "admission_event/deployment.json",
            "admission-event",
            {"busybox", f"{IMAGE}:1.4.2", f"{IMAGE}@{D2}"},
            {f"{IMAGE}@{D2}"},
        ),
        ("admission_event/imagereview.json", "admission-event", {f"{IMAGE}:1.4.2"}, set()),
    ],
)
def test_an_event_names_images_and_states_nothing(read, name, known, references, digests):
    report = read(name)
    images = [scan.image for scan in report.images]
    assert (report.format, report.kind, report.entries) == (known, Kind.EVENT, 0)
    assert {scan.outcome for scan in report.images} == {Outcome.UNASSESSED}
    assert {reference for image in images for reference in image.references} == references
    assert {word for image in images for word in (*image.repo_digests, image.manifest_digest)} - {""} == digests


def test_other_packages_of_github_are_no_images(read, sample):
    event = sample("github_event/published.json")
    event["registry_package"] |= {"ecosystem": "npm", "package_type": "npm"}
    assert (read(event).images, read(event).notes) == ((), ("the package is no container image",))


def test_an_untagged_container_of_github_has_no_tag(read, sample):
    event = sample("github_event/published.json")
    version = event["registry_package"]["package_version"]
    version["package_url"], version["container_metadata"]["tag"]["name"] = "ghcr.io/Shop/api:", ""
    assert read(event).images[0].image.references == ("ghcr.io/Shop/api",)


def test_harbors_address_may_have_no_tag(read, sample):
    event = sample("harbor_event/push.json")
    event["event_data"]["resources"][0] = {"digest": D2, "resource_url": "registry.example:5000/shop/api"}
    assert read(event).images[0].image.references == ("registry.example:5000/shop/api",)
