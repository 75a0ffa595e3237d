"""Checks of an image that failed or warned become rows of their scan."""

from __future__ import annotations

from governance.findings.models import CheckResult
from governance.findings.report import ImageScan
from governance.images.clean import clean_text


def store_checks(scan: int, found: ImageScan) -> None:
    """Keep what failed or warned."""
    rows = [
        CheckResult(
            scan_id=scan,
            kind=clean_text(check.kind, 20),
            check_id=clean_text(check.id, 200),
            result=str(check.result),
            title=clean_text(check.title, 512),
            severity=int(check.severity),
            target=clean_text(check.target, 500),
        )
        for check in found.checks[:10_000]
        if check.result in ("fail", "warn")
    ]
    if rows:
        CheckResult.objects.bulk_create(rows, batch_size=1000)
