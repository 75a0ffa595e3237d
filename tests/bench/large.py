"""One report of 30 MB with 17,000 findings: `accept` in one process, `process` in another, as web and worker do."""

from __future__ import annotations

import io
import resource
import sys
from typing import Any

from scanning.body import receive
from scanning.deliveries import Envelope, accept, claim
from scanning.ingest import process
from scanning.models import Delivery
from tests.bench.cost import milliseconds
from tests.bench.documents import LARGE, for_image, report


def peak_megabytes() -> float:
    """Most memory this process ever had (Linux counts kilobytes, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(step: str, number: str) -> dict[str, Any]:
    """One step for the `number`th image; its findings are new for the first and known for the others."""
    if step == "accept":
        body = for_image(report(LARGE), int(number))
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
