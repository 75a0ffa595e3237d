"""What hosts, clusters, projects and accounts were found to be: runs of benchmarks and their results."""

from __future__ import annotations

from django.db import models

from governance.accounts.models import Team, Token
from governance.accounts.scope import Viewer, teams_of


class BenchmarkRunQuerySet(models.QuerySet["BenchmarkRun"]):
    """Runs by who may see them."""

    def visible_to(self, viewer: Viewer) -> BenchmarkRunQuerySet:
        """Everything for administrators and auditors, else what the viewer's teams sent."""
        teams = teams_of(viewer)
        return self if teams is None else self.filter(team__in=teams)

    def current(self) -> BenchmarkRunQuerySet:
        """The newest run of each benchmark on each subject."""
        return self.filter(is_current=True)


class BenchmarkRun(models.Model):
    """One benchmark of one subject at one time. It speaks only for its own key; older runs are its history."""

    class Kind(models.TextChoices):
        """What was looked at."""

        HOST = "host", "Host"
        CLUSTER = "cluster", "Cluster"
        PROJECT = "project", "Project"
        ACCOUNT = "account", "Account"

    # SHA-256, cut to 16 bytes, of what makes two runs two looks at the same: see `benchmarks.key_of`.
    key = models.BinaryField(max_length=16)
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="benchmark_runs")
    # What sent it: the only thing to call a subject by that nobody named.
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="benchmark_runs")
    # The delivery it came in; a number and no foreign key, because governance does not know scanning.
    delivery = models.BigIntegerField()
    is_demo = models.BooleanField(default=False)

    tool = models.CharField(max_length=40)
    tool_version = models.CharField(max_length=60, blank=True)
    subject_kind = models.CharField(max_length=10, choices=Kind)
    subject = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    is_current = models.BooleanField(default=False)

    passed = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    warned = models.IntegerField(default=0)
    noted = models.IntegerField(default=0)
    # Results beyond what a run keeps.
    left_out = models.IntegerField(default=0)

    # The run before it in time, and what changed since: results that are worse, and better, than they were there.
    previous = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    newly_failing = models.IntegerField(default=0)
    fixed = models.IntegerField(default=0)

    objects = BenchmarkRunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(is_current=True), name="one_current_benchmark_run"
            ),
            models.UniqueConstraint(fields=["delivery", "key"], name="one_benchmark_run_of_a_delivery"),
        ]
        indexes = [
            models.Index(fields=["key", "-at", "-id"], name="benchmark_run_history"),
            models.Index(fields=["-at", "-id"], name="benchmark_run_newest"),
            models.Index(
                fields=["-failed", "-warned", "-id"],
                name="benchmark_run_worst",
                condition=models.Q(is_current=True),
            ),
        ]

    def __str__(self) -> str:
        return self.subject or self.unnamed

    @property
    def unnamed(self) -> str:
        """What to call a subject that neither the report nor its sender named."""
        sender = f"token {self.token.name}" if self.token else "command line"
        return f"unnamed {self.subject_kind} ({sender})"

    @property
    def total(self) -> int:
        """Results of any kind."""
        return self.passed + self.failed + self.warned + self.noted


class BenchmarkResult(models.Model):
    """One check of a run, whatever came of it."""

    class Result(models.TextChoices):
        """As `findings.report.Result`."""

        FAIL = "fail", "Fail"
        WARN = "warn", "Warn"
        INFO = "info", "Info"
        PASS = "pass", "Pass"

    class Change(models.TextChoices):
        """Against the run before."""

        FAILING = "failing", "Newly failing"
        FIXED = "fixed", "Fixed"

    run = models.ForeignKey(BenchmarkRun, models.CASCADE, related_name="results", db_index=False)
    check_id = models.CharField(max_length=200)
    title = models.CharField(max_length=512, blank=True)
    result = models.CharField(max_length=5, choices=Result)
    severity = models.SmallIntegerField(default=0)
    target = models.CharField(max_length=500, blank=True)
    # Ten times how bad the result is, plus its severity: the order in which people read them.
    rank = models.SmallIntegerField()
    # Set only where the run before said something else: what changed, and what it said ("" for nothing).
    change = models.CharField(max_length=7, choices=Change, blank=True)
    before = models.CharField(max_length=5, choices=Result, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["run", "-rank", "id"], name="benchmark_result_worst"),
            models.Index(fields=["check_id", "run"], name="benchmark_result_check"),
            models.Index(
                fields=["run", "change", "-rank"], name="benchmark_result_change", condition=~models.Q(change="")
            ),
        ]
