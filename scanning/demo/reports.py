"""Every report of the demo's eight weeks, in the order of their making."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from governance.findings.models import Scan
from scanning.demo import grype, trivy
from scanning.demo.dice import roll
from scanning.demo.fleet import HOST
from scanning.demo.images import ARM, Built, build_all

CI, REGISTRY, RUNTIME = Scan.Stage.CI, Scan.Stage.REGISTRY, Scan.Stage.RUNTIME
REGISTRY_DAYS = range(-50, 0, 7)
RUNTIME_DAYS = (-21, -7)
CLUSTER = "prod-eu"
# Days between a build and its roll-out.
ROLL_OUT = 1
YESTERDAY = -1
FAILED_ONLY = "export-0.9"
EXPERIMENTS = "data/experiments"


@dataclass(frozen=True, slots=True)
class Report:
    """One report to come: when, where, and how to write it (only when it is needed)."""

    at: datetime
    stage: str
    write: Callable[[], bytes]


def reports(today: datetime) -> list[Report]:
    """All reports, oldest first; `today` is midnight, and nothing lies in the future."""
    images = build_all(today)
    found = [_ci(image) for image in images if image.day >= -60 and FAILED_ONLY not in image.tags]
    found += [scan for day in REGISTRY_DAYS for image in newest(images, day) for scan in _registry(image, day, today)]
    found += [_runtime(image, day, today) for day in RUNTIME_DAYS for image in running(images, day)]
    found.sort(key=lambda report: report.at)
    return [*found, *_oddities(images, today)]


def newest(images: list[Built], day: int) -> list[Built]:
    """The newest image of each repository and platform on a day."""
    found = {(image.recipe.repository, image.architecture): image for image in images if image.day < day}
    return [image for image in found.values() if image.recipe.repository != EXPERIMENTS]


def running(images: list[Built], day: int) -> list[Built]:
    """What the cluster runs on a day."""
    return [image for image in newest(images, day - ROLL_OUT) if image.recipe.runs and image.architecture != ARM]


def _ci(image: Built) -> Report:
    at = image.created + timedelta(minutes=4)
    return Report(at, CI, partial(trivy.image_report, image, image.day, at, pushed=False))


def _registry(image: Built, day: int, today: datetime) -> list[Report]:
    minutes = roll(120, image.recipe.repository, image.architecture, "registry")
    at = today + timedelta(days=day, hours=2, minutes=minutes)
    # The archive was never built by our CI and is too old for anybody's schedule: one scan.
    if image.recipe.distro and image.recipe.distro.end_of_life:
        scan = Report(at, REGISTRY, partial(trivy.image_report, image, day, at, pushed=True))
        return [scan] if day == REGISTRY_DAYS[-1] else []
    return [Report(at, REGISTRY, partial(grype.image_report, image, day, at))]


def _runtime(image: Built, day: int, today: datetime) -> Report:
    at = today + timedelta(days=day, hours=4, minutes=roll(50, image.recipe.repository, "runtime"))
    return Report(at, RUNTIME, partial(trivy.image_report, image, day, at, pushed=True))


def _oddities(images: list[Built], today: datetime) -> list[Report]:
    """What a real fleet has too: a cluster scan with a failure, a nameless report, one that was cut off."""
    at = today - timedelta(hours=3)
    failed = [image for image in images if FAILED_ONLY in image.tags]
    seen = running(images, YESTERDAY)
    cut = trivy.image_report(images[0], YESTERDAY, at, pushed=False)[:2_000]
    return [
        Report(at, CI, partial(trivy.nameless_report, f"{HOST}/data/experiments:notebook", at)),
        Report(at, RUNTIME, partial(trivy.cluster_report, CLUSTER, seen, failed, YESTERDAY)),
        Report(at, CI, lambda: cut),
    ]
