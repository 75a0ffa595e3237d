"""What an image's state means and what to do about it, in sentences; a clean image has nothing to explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from governance.findings.models import Scan
from governance.images.models import Image
from governance.web.templatetags.portwarden import STAGE_NAMES, ago, count

State = Image.State


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know of the image. `state` gives the mark, `words` its name."""

    state: str
    words: str
    meaning: str
    remedy: str


def standing_of(image: Image, current: Sequence[Scan]) -> list[Note]:
    """The image's state, and what its findings alone would hide: an old system, scans that failed or are old."""
    assessed = [scan for scan in current if scan.outcome == Scan.Outcome.ASSESSED]
    return [
        *_unseen(image, current),
        *_ended(image, assessed),
        *_failed(image, assessed),
        *_stale(image, assessed),
        *_aside(image),
    ]


def _unseen(image: Image, current: Sequence[Scan]) -> Iterator[Note]:
    """No scan looked at its packages."""
    if image.state == State.UNKNOWN:
        listed = sorted({scan.scanner for scan in current if scan.outcome == Scan.Outcome.UNASSESSED})
        said = f"; {' and '.join(listed)} told what is in it, no more" if listed else ""
        yield Note(
            image.state,
            "Never scanned",
            f"no scanner has looked for vulnerabilities in this image{said}",
            "Scan it and send the report: nobody knows whether it has any",
        )
    elif image.state == State.UNSUPPORTED:
        scanners = sorted({scan.scanner for scan in current if scan.outcome == Scan.Outcome.UNSUPPORTED})
        system = " ".join(filter(None, (image.distro, image.distro_version)))
        yield Note(
            image.state,
            "System not supported",
            f"{' and '.join(scanners) or 'the scanner'} looked, but has no advisories for"
            f" {system or 'a system that it did not recognise'}; that nothing was found means nothing",
            "Scan it with a scanner that supports the system, or build it on a supported base",
        )


def _ended(image: Image, assessed: Sequence[Scan]) -> Iterator[Note]:
    """Nobody writes advisories for its system any more."""
    if image.end_of_life:
        system = " ".join(filter(None, (image.distro, image.distro_version))) or "its system"
        found = "" if image.findings_total else "; that nothing was found does not mean that nothing is there"
        yield Note(
            State.END_OF_LIFE,
            "End of life",
            f"{system} is past its end of life: no fixes and few advisories come any more{found if assessed else ''}",
            "Move it to a supported release",
        )


def _failed(image: Image, assessed: Sequence[Scan]) -> Iterator[Note]:
    """The newest scan at a place failed; what is shown is older."""
    if not image.failed_stages:
        return
    failed = Scan.objects.filter(image=image, outcome=Scan.Outcome.FAILED).order_by("-scanned_at").first()
    places = " and ".join(STAGE_NAMES.get(stage, stage) for stage in image.failed_stages)
    said = f": {failed.scanner} says “{failed.error}”" if failed and failed.error else ""
    shown = f"what is shown was found {ago(_newest(assessed))}" if assessed else "nothing else is known of it"
    yield Note(
        State.FAILED, "Scan failed", f"the last scan at {places} failed{said}; {shown}", "Mend the cause and scan again"
    )


def _stale(image: Image, assessed: Sequence[Scan]) -> Iterator[Note]:
    """Every scan that looked is too long ago."""
    if not assessed or max(map(fresh_until, assessed)) >= timezone.now():
        return
    newest = max(assessed, key=lambda scan: scan.scanned_at)
    days = settings.STALE_DAYS_AT[newest.stage]
    yield Note(
        State.STALE,
        "Scan stale",
        f"the last scan that looked for vulnerabilities was {ago(newest.scanned_at)} at {STAGE_NAMES[newest.stage]},"
        f" where one counts for {days} days; what was published since is not in it",
        "Scan it again",
    )


def _aside(image: Image) -> Iterator[Note]:
    """Something was found, and none of it counts."""
    if image.state == State.SUPPRESSED:
        by_vex = len(image.finding_set.by_vex) if image.finding_set else 0
        by = "VEX" if by_vex == image.suppressed else "ignore rules or VEX"
        yield Note(
            image.state,
            "All set aside",
            f"scanners found {count(image.suppressed)} and all were set aside by {by}"
            f"{f', {count(by_vex)} of them by VEX' if 0 < by_vex < image.suppressed else ''}: not affected is"
            " somebody's word, not a scan without findings",
            "Look at them under “set aside” and whether the reasons still hold",
        )


def fresh_until(scan: Scan) -> datetime:
    """When the scan becomes stale."""
    return scan.scanned_at + timedelta(days=settings.STALE_DAYS_AT[scan.stage])


def _newest(scans: Sequence[Scan]) -> datetime:
    return max(scan.scanned_at for scan in scans)
