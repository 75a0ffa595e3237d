"""`manage.py upstream`: look at every base that is approved or in use where it comes from, now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models.functions import Now

from governance.approvals import watch_plan
from governance.approvals.models import UpstreamAlarm, Watch
from scanning import upstream


class Command(BaseCommand):
    """One line for each base; exit code 1 while an alarm is open."""

    help = "Look at bases where they come from"

    def handle(self, *args: Any, **options: Any) -> None:
        """Plan, look, say."""
        watch_plan.plan()
        Watch.objects.update(next_at=Now())
        while upstream.work():
            pass
        for row in Watch.objects.order_by("name", "tag", "digest"):
            self.stdout.write(f"{row.get_state_display()}\t{row}\t{row.why}")
        if alarms := UpstreamAlarm.objects.filter(ended_at=None).count():
            raise CommandError(f"{alarms} alarms are open")
