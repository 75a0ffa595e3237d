"""The approved list, what became of its bases upstream, our own copies of them, and what may be deleted."""

from governance.approvals.models.base import SEVERITIES, ApprovalStep, ApprovedBase, ApprovedBaseQuerySet
from governance.approvals.models.copies import CopyPlace, KeptCopy, KeptCopyQuerySet
from governance.approvals.models.retention import RetentionItem, RetentionPin, RetentionRule, RetentionRun
from governance.approvals.models.upstream import UpstreamAlarm, Watch, WatchQuerySet

__all__ = [
    "SEVERITIES",
    "ApprovalStep",
    "ApprovedBase",
    "ApprovedBaseQuerySet",
    "CopyPlace",
    "KeptCopy",
    "KeptCopyQuerySet",
    "RetentionItem",
    "RetentionPin",
    "RetentionRule",
    "RetentionRun",
    "UpstreamAlarm",
    "Watch",
    "WatchQuerySet",
]
