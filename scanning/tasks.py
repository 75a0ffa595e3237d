"""What Celery runs. Each may run twice, late or not at all without harm."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from governance.approvals import watch_plan
from governance.findings import enrichment, life, split, state, weigh
from governance.findings.osv import rematch as osv_rematch
from governance.overview.days import note_day
from governance.policy.work import prune_grounds, settle_verdicts
from governance.runtime.counts import prune_stopped, settle_running
from governance.runtime.owners import apply_rules
from scanning import copies as copying
from scanning import crawl as crawling
from scanning import deliveries, hearing, looks, pool, posting, refresh, retention, scan_plan, scans
from scanning import upstream as watching
from scanning.agents import prune_snapshots
from scanning.hints import hint
from scanning.slots import take_slot

SCAN_SECONDS = settings.SCANNER_SECONDS + 240


@shared_task(ignore_result=True)
def work_off() -> None:
    """Process what is due."""
    pool.work()


@shared_task(ignore_result=True)
def prune() -> None:
    """Drop old bodies, splits and reasons that are no image's, applied snapshots, and what stopped long ago."""
    if take_slot("prune", 3600):
        deliveries.prune()
        split.prune_splits()
        prune_grounds()
        prune_snapshots()
        prune_stopped()
        posting.prune()


@shared_task(ignore_result=True)
def brief() -> None:
    """Digests whose hour has come, and what cannot wait for them."""
    posting.plan()
    if take_slot("alarm", 300):
        posting.alarm()
    posting.carry_out()


@shared_task(ignore_result=True)
def own() -> None:
    """Repositories that came since, and what now runs elsewhere, by the owner rules."""
    if take_slot("own", 60):
        apply_rules()


@shared_task(ignore_result=True)
def listen() -> None:
    """Who sent reports, and who fell silent."""
    if take_slot("listen", 60):
        hearing.listen()


@shared_task(ignore_result=True)
def follow_clock() -> None:
    """Images whose state changes because time passes."""
    if take_slot("follow clock", 900):
        life.follow_dates()
        state.follow_clock()
        note_day()


@shared_task(ignore_result=True)
def settle() -> None:
    """Counters of images whose alias groups changed, where the worker that learned it did not get to the end."""
    state.settle(most=1_000)
    weigh.settle_weights()
    enrichment.look_again()
    settle_running()


@shared_task(ignore_result=True)
def feeds() -> None:
    """Newer copies of the feeds whose time has come, or that somebody asked for."""
    refresh.refresh_due()


@shared_task(ignore_result=True)
def rematch() -> None:
    """Images whose packages or advisories changed, for one turn."""
    if take_slot("rematch", 30) and osv_rematch.work_off():
        state.settle(most=1_000)


@shared_task(ignore_result=True)
def judge() -> None:
    """Verdicts on images of which something changed, then the round that is open, for one turn."""
    settle_verdicts()


@shared_task(ignore_result=True)
def crawl() -> None:
    """Registries whose time has come, or that somebody asked for."""
    crawling.work()


@shared_task(ignore_result=True)
def look() -> None:
    """Where events hinted to."""
    looks.work()


@shared_task(
    ignore_result=True, soft_time_limit=settings.SCANNER_SECONDS + 120, time_limit=settings.SCANNER_SECONDS + 150
)
def scan() -> None:
    """Have one image scanned where it lies, and ring again for the next."""
    if scans.work():
        hint("scan")


@shared_task(ignore_result=True)
def plan_scans() -> None:
    """What is to be scanned next."""
    if take_slot("plan scans", scan_plan.EVERY):
        scan_plan.plan()


@shared_task(ignore_result=True, soft_time_limit=copying.LONGEST, time_limit=copying.LONGEST + 30)
def copy() -> None:
    """Make, verify or restore one kept copy, and ring again for the next."""
    if copying.work():
        hint("copy")


@shared_task(ignore_result=True)
def retain() -> None:
    """Dry runs that wait to be listed, and deletion that was allowed."""
    retention.work()


@shared_task(ignore_result=True)
def plan_watches() -> None:
    """What is to be watched upstream."""
    if take_slot("plan watches", 300):
        watch_plan.plan()


@shared_task(ignore_result=True)
def watch() -> None:
    """Look at bases where they come from."""
    if watching.work():
        hint("watch")
