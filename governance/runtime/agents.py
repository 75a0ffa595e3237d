"""What people decide about agents."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.models import User
from governance.runtime.counts import recount
from governance.runtime.models import Agent, Running, Workload
from governance.runtime.record import images_of


@transaction.atomic
def retire(viewer: User, agent: Agent) -> None:
    """It will not come back: what it told of has stopped, when it was heard last. If it is heard again, it is back.

    Raises PermissionDenied for everybody but administrators: a silent agent is a question, and this answers it.
    """
    if not viewer.is_admin:
        raise PermissionDenied("only administrators say that an agent is gone")
    Agent.objects.filter(pk=agent.pk).update(retired_at=timezone.now(), silent_since=F("last_heard"), contents="")
    live = Running.objects.filter(agent=agent, stopped_at=None)
    live.update(stopped_at=agent.last_heard, last_seen=agent.taken_at)
    Workload.objects.filter(agent=agent, stopped_at=None).update(stopped_at=agent.last_heard)
    recount(images_of(agent))
    after = {"last_heard": agent.last_heard.isoformat()}
    audit(viewer, "agent.retire", f"agent {agent} of {agent.cluster}", team=agent.cluster.team_id, after=after)
