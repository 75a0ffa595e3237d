"""Each kind of event: what it hints at, and what it leaves aside."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from governance.findings.report import ReportError
from scanning.hooks import HOOKS, find
from scanning.hooks.hints import MOST_HINTS, Binding, Heard, Hint, checked
from scanning.parsers.document import open_document
from tests.make import digest_of

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DIGEST = digest_of("manifest")
ECR_HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def heard(kind: str, event: Any, host: str = "registry.example", prefix: str = "") -> Heard:
    """The event as the queue takes it."""
    hook = find(kind)
    assert hook is not None
    return checked(hook.read(open_document(json.dumps(event).encode())), Binding(host, prefix))


def target(**more: Any) -> dict[str, Any]:
    return {"mediaType": MANIFEST, "repository": "shop/api", **more}


def event(action: str = "push", **more: Any) -> dict[str, Any]:
    return {"id": "1", "action": action, "timestamp": "2026-08-20T09:00:00Z", "target": target(**more)}


def harbor(kind: str, **data: Any) -> dict[str, Any]:
    said = {"resources": [{"digest": DIGEST, "tag": "1.0"}], "repository": {"repo_full_name": "shop/api"}, **data}
    return {"type": kind, "occur_at": 1787218375, "event_data": said}


def ecr(**detail: Any) -> dict[str, Any]:
    said = {"result": "SUCCESS", "repository-name": "shop/api", "action-type": "PUSH", "image-tag": "1.0", **detail}
    head = {"detail-type": "ECR Image Action", "source": "aws.ecr", "account": "123456789012", "region": "eu-west-1"}
    return {**head, "detail": said}


def package(**more: Any) -> dict[str, Any]:
    version = {"version": DIGEST, "package_url": "ghcr.io/Shop/Api:1.0", "container_metadata": {"tag": {"name": "1.0"}}}
    return {"action": "published", "package": {"package_type": "CONTAINER", "package_version": version, **more}}


def jfrog(**data: Any) -> dict[str, Any]:
    said = {"repo_key": "docker-local", "path": "shop/api/1.0/manifest.json", "sha256": DIGEST[7:], "tag": "1.0"}
    return {"domain": "docker", "event_type": "pushed", "data": {**said, **data}}


def pubsub(**said: str) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(said).encode()).decode()
    return {"message": {"data": data, "messageId": "1", "publishTime": "2026-08-20T09:00:00Z"}, "subscription": "s"}


PUSHES = [
    ("registry", {"events": [event(tag="1.0", digest=DIGEST)]}, "registry.example", Hint("shop/api", "1.0", DIGEST)),
    ("gitlab", {"events": [event(tag="1.0")]}, "registry.example", Hint("shop/api", "1.0")),
    ("harbor", harbor("PUSH_ARTIFACT"), "registry.example", Hint("shop/api", "1.0", DIGEST)),
    (
        "harbor",
        {"specversion": "1.0", "type": "harbor.artifact.pushed", "data": harbor("")["event_data"]},
        "registry.example",
        Hint("shop/api", "1.0", DIGEST),
    ),
    (
        "dockerhub",
        {"push_data": {"tag": "1.0"}, "repository": {"repo_name": "shop/api"}, "callback_url": "http://127.0.0.1/"},
        "docker.io",
        Hint("shop/api", "1.0"),
    ),
    (
        "quay",
        {"repository": "shop/api", "docker_url": "x", "updated_tags": ["1.0"]},
        "registry.example",
        Hint("shop/api", "1.0"),
    ),
    (
        "quay",
        {"repository": "shop/api", "docker_url": "x", "updated_tags": {"1.0": "f00"}},
        "registry.example",
        Hint("shop/api", "1.0"),
    ),
    ("github", package(), "ghcr.io", Hint("shop/api", "1.0", DIGEST)),
    ("acr", event(tag="1.0") | {"request": {"host": "shop.azurecr.io"}}, "shop.azurecr.io", Hint("shop/api", "1.0")),
    ("ecr", ecr(**{"image-digest": DIGEST}), ECR_HOST, Hint("shop/api", "1.0", DIGEST)),
    (
        "gar",
        pubsub(action="INSERT", digest=f"eu-docker.pkg.dev/p/r/api@{DIGEST}", tag="eu-docker.pkg.dev/p/r/api:1.0"),
        "eu-docker.pkg.dev",
        Hint("p/r/api", "1.0", DIGEST),
    ),
    ("artifactory", jfrog(), "jfrog.example", Hint("docker-local/shop/api", "1.0", DIGEST)),
    ("artifactory", jfrog(), "docker-local.jfrog.example", Hint("shop/api", "1.0", DIGEST)),
    (
        "artifactory",
        {**jfrog(), **jfrog().pop("data"), "data": None},
        "j.example",
        Hint("docker-local/shop/api", "1.0", DIGEST),
    ),
]


@pytest.mark.parametrize(("kind", "written", "host", "hint"), PUSHES)
def test_a_push(kind: str, written: Any, host: str, hint: Hint) -> None:
    assert heard(kind, written, host).hints == (hint,)


DELETIONS = [
    ("registry", {"events": [event("delete", digest=DIGEST)]}, "registry.example"),
    (
        "registry",
        {"events": [{"action": "delete", "target": {"repository": "shop/api", "digest": ""}}]},
        "registry.example",
    ),
    ("harbor", harbor("DELETE_ARTIFACT"), "registry.example"),
    ("acr", event("delete") | {"request": {"host": "shop.azurecr.io"}}, "shop.azurecr.io"),
    ("ecr", ecr(**{"action-type": "DELETE"}), ECR_HOST),
    ("gar", pubsub(action="DELETE", tag="eu-docker.pkg.dev/shop/api:1.0"), "eu-docker.pkg.dev"),
    ("artifactory", {**jfrog(), "event_type": "deleted"}, "docker-local.example"),
]


@pytest.mark.parametrize(("kind", "written", "host"), DELETIONS)
def test_a_deletion_is_said_and_no_more(kind: str, written: Any, host: str) -> None:
    (hint,) = heard(kind, written, host).hints
    assert (hint.repository, hint.gone) == ("shop/api", True)


SCANS = [
    ("harbor", harbor("SCANNING_COMPLETED"), "registry.example", True),
    ("harbor", harbor("SCANNING_COMPLETED", scan={"scan_type": "sbom"}), "registry.example", False),
    (
        "quay",
        {"repository": "shop/api", "docker_url": "x", "tags": ["1.0"], "vulnerability": {"id": "CVE-2099-0001"}},
        "registry.example",
        True,
    ),
    (
        "ecr",
        {
            **ecr(**{"repository-name": "arn:aws:ecr:eu-west-1:123456789012:repository/shop/api"}),
            "detail-type": "Inspector2 Scan",
        },
        ECR_HOST,
        True,
    ),
]


@pytest.mark.parametrize(("kind", "written", "host", "scanned"), SCANS)
def test_a_scan_that_is_over(kind: str, written: Any, host: str, scanned: bool) -> None:
    (hint,) = heard(kind, written, host).hints
    assert (hint.repository, hint.scanned) == ("shop/api", scanned)


ASIDE = [
    ("registry", {"events": [event("pull", tag="1.0"), event(mediaType="application/octet-stream")]}),
    ("harbor", harbor("QUOTA_EXCEED")),
    ("github", {"zen": "Keep it logically awesome.", "hook_id": 1}),
    ("github", package(package_type="npm")),
    ("acr", {"id": "1", "action": "ping"}),
    ("acr", {"id": "1", "action": "chart_push", "target": {"repository": "shop/chart"}}),
    ("ecr", ecr(result="FAILURE")),
    ("quay", {"repository": "shop/api", "docker_url": "x", "message": "mirrored"}),
    ("registry", {"events": [event(tag="sha256-" + "1" * 64 + ".sig")]}),
    ("registry", {"events": [event(repository="../../etc", tag="1.0")]}),
    ("registry", {"events": [event(repository="other/api", tag="1.0")]}),
    ("acr", event(tag="1.0") | {"request": {"host": "other.azurecr.io"}}),
    ("gar", pubsub(action="INSERT", tag="other.example/shop/api:1.0")),
]


@pytest.mark.parametrize(("kind", "written"), ASIDE)
def test_what_says_nothing_is_left_aside_with_a_reason(kind: str, written: Any) -> None:
    host = {"github": "ghcr.io", "ecr": ECR_HOST}.get(kind, "registry.example")
    found = heard(kind, written, host, "shop")
    assert found.hints == ()
    assert found.notes


def test_a_tag_that_is_a_digest_is_none() -> None:
    written = harbor("PUSH_ARTIFACT", resources=[{"digest": DIGEST, "tag": DIGEST}])
    assert heard("harbor", written).hints == (Hint("shop/api", "", DIGEST),)


def test_what_is_attached_to_an_image_leads_to_the_image() -> None:
    written = {"events": [event(tag=f"sha256-{DIGEST[7:]}{ending}") for ending in ("", ".att", ".sbom")]}
    assert heard("registry", written).hints == (Hint("shop/api", "", DIGEST),)


def test_a_flood_in_one_event_is_cut() -> None:
    found = heard("registry", {"events": [event(tag=f"t{number}") for number in range(MOST_HINTS + 5)]})
    assert len(found.hints) == MOST_HINTS
    assert "only the first" in found.notes[0]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.NAME)
@pytest.mark.parametrize("written", [{}, [], None, 7, "x", {"events": 7}, {"message": {"data": "%%%"}}, {"type": []}])
def test_nonsense_is_refused_with_a_sentence(hook: Any, written: Any) -> None:
    with pytest.raises(ReportError):
        hook.read(open_document(json.dumps(written).encode()))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.NAME)
def test_a_sample_is_understood_and_the_settings_hold_what_must_be_pasted(hook: Any) -> None:
    host = hook.HOST or (ECR_HOST if hook.NAME == "ecr" else "registry.example")
    assert heard(hook.NAME, hook.sample(host, "shop/api", "1.0"), host).hints == (Hint("shop/api", "1.0"),)
    pasted = " ".join(text for _, text in hook.settings("https://pw.example/webhooks/x/y/", "s3cret"))
    assert "https://pw.example/webhooks/x/y/" in pasted
    assert ("s3cret" in pasted) is (hook.SCHEME not in ("path", "google"))
