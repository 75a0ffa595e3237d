"""What the fleet came to, day by day: numbers that nothing else remembers."""

from __future__ import annotations

from django.db import models

from governance.accounts.models import Team


class Day(models.Model):
    """A team's figures of a day, or all together's (no team), of images that run or that a tag still names."""

    day = models.DateField()
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="+")
    images = models.IntegerField()
    running = models.IntegerField()
    # Sums of the risk of the images that run, and of all.
    risk_running = models.BigIntegerField()
    risk = models.BigIntegerField()
    failing = models.IntegerField()
    exploited = models.IntegerField()
    fixable = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "day"], name="one_day", nulls_distinct=False)]
