"""One large report: `accept` in one process, `process` in another, as web and worker do.

Trivy's of 30 MB with 17,000 findings, or Grype's of 3 MB.
"""

from __future__ import annotations

import io
import resource
import sys
from typing import Any

import orjson

from scanning.body import receive
from scanning.deliveries import Envelope, accept, claim
from scanning.ingest import process
from scanning.models import Delivery
from tests.bench.cost import milliseconds
from tests.bench.documents import LARGE, digest, for_image, report
from tests.bench.formats import grown
from tests.fuzz.seeds import seeds_by_parser


def peak_megabytes() -> float:
    """Most memory this process ever had (Linux counts kilobytes, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def body_of(kind: str, image: int) -> bytes:
    """The report of an image; the findings are the same for each."""
    if kind == "trivy":
        return for_image(report(LARGE), image)
    sample = next(seed for seed in seeds_by_parser()["grype"] if seed.name == "data/grype/image.json")
    document = orjson.loads(grown(sample, 3_000_000))
    document["source"]["target"] = {
        "userInput": f"registry.bench.example/team/app:{image}",
        "imageID": digest(f"config {image}"),
    }
    return orjson.dumps(document)


def measure(step: str, number: str, kind: str) -> dict[str, Any]:
    """One step for the `number`th image; its findings are new for the first and known for the others."""
    if step == "accept":
        body = body_of(kind, int(number))
        seconds = milliseconds(lambda: accept(receive(io.BytesIO(body)), Envelope(), ring=False)) / 1000
        return {"bytes": len(body), "seconds": seconds}
    before = peak_megabytes()
    held = claim()
    assert held
    seconds = milliseconds(lambda: process(held)) / 1000
    delivery = Delivery.objects.get(pk=held.id)
    assert delivery.state == Delivery.State.DONE, delivery.error
    return {
        "seconds": seconds,
        "idle_megabytes": before,
        "peak_megabytes": peak_megabytes(),
        "findings": (delivery.result or {})["findings"],
    }
