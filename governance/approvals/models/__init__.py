"""The approved list, what became of its bases upstream, and our own copies of them."""

from governance.approvals.models.base import SEVERITIES, ApprovalStep, ApprovedBase, ApprovedBaseQuerySet
from governance.approvals.models.copies import CopyPlace, KeptCopy, KeptCopyQuerySet
from governance.approvals.models.upstream import UpstreamAlarm, Watch, WatchQuerySet

__all__ = [
    "SEVERITIES",
    "ApprovalStep",
    "ApprovedBase",
    "ApprovedBaseQuerySet",
    "CopyPlace",
    "KeptCopy",
    "KeptCopyQuerySet",
    "UpstreamAlarm",
    "Watch",
    "WatchQuerySet",
]
