"""Images on images, for tests: layers, names and findings as scans would tell of them."""

from __future__ import annotations

from typing import Any

from governance.accounts.models import Team
from governance.findings.state import settle
from governance.images.models import Image
from tests.make import deliver, digest_of, make_report, make_token, make_vulnerability


def layers_of(*words: str) -> list[str]:
    """Diff IDs that are always the same for the words."""
    return [digest_of(f"layer {word}") for word in words]


def make_tree_image(
    name: str, layers: list[str], names: tuple[str, ...] = (), team: Team | None = None, day: int = 1, **fields: Any
) -> Image:
    """Trivy's report of `registry.example/NAME` on these layers with these vulnerabilities, owned by `team`.

    `key` tells two images of one name apart, `package` says where the vulnerabilities lie.
    """
    reference = f"registry.example/{name}" if ":" in name else f"registry.example/{name}:1"
    config = digest_of(fields.pop("key", name))
    package = fields.pop("package", "openssl")
    severity = fields.pop("severity", "HIGH")
    found = [make_vulnerability(word, package, Severity=severity) for word in names]
    at = f"2026-08-{day:02}T09:00:00Z"
    viewer = make_token(team=team)[0] if team else None
    image_config = {"architecture": "amd64", "os": "linux", "created": at}
    report = make_report(reference, config, found, at=at, DiffIDs=layers, ImageConfig=image_config, **fields)
    deliver(report, viewer=viewer)
    return Image.objects.present().get(config_digest=config)


def settled(*images: Image) -> tuple[Image, ...]:
    """The images as they are once all that waits is done."""
    settle(1_000)
    # What is built on an image is counted by whoever settles next.
    settle(1_000)
    for image in images:
        image.refresh_from_db()
    return images
