"""Bases watched in a real registry: vanished and re-pointed are two alarms within one look; a kept copy ends both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from governance.approvals import watch_plan
from governance.approvals.copies import restore_copy
from governance.approvals.facts import Line, judge_all
from governance.approvals.life import Step, request_base, take_step
from governance.approvals.models import ApprovedBase, KeptCopy, UpstreamAlarm, Watch
from governance.images.models import Event, Tag
from governance.images.reference import parse_reference
from scanning import upstream
from scanning.pushing import save_push
from tests.scanning.test_copies_real import forget, held, make_base, publish, pulled, registries, rows, run

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
__all__ = ["registries", "rows"]


def poll() -> None:
    """One look at everything."""
    watch_plan.plan()
    Watch.objects.update(next_at=timezone.now())
    while upstream.work():
        pass


def approved(name: str, pattern: str) -> ApprovedBase:
    entry = request_base(None, name, pattern, None, "needed")
    take_step(None, entry, Step("in_review"))
    return take_step(None, entry, Step("approved", "looked at"))


def verdict(reference: str, days: int = 0) -> str:
    parsed = parse_reference(reference)
    assert parsed
    return judge_all([Line(parsed)], timezone.now().date() + timedelta(days=days))[0].verdict


def alarms() -> list[tuple[str, bool]]:
    return [(one.kind, one.ended_at is None) for one in UpstreamAlarm.objects.order_by("pk")]


def test_the_life_of_a_base_that_upstream_takes_away(registries: Any, rows: Any, tmp_path: Any) -> None:
    upstream_registry, own = registries
    index, tags = make_base("life")
    publish(upstream_registry, "base/life", tags)
    before = held(upstream_registry, "base/life", tags)
    name = f"{upstream_registry.host}/base/life"
    entry = approved(name, "3.20*")
    # The entry is a pattern and nobody ever reported a tag: the registry's list is asked.
    poll()
    poll()
    assert {str(one): one.state for one in Watch.objects.all()} == {name: "fine", f"{name}:3.20": "fine"}
    assert {one.image.platform for one in Tag.objects.filter(name="3.20", until=None)} == {"linux/amd64", "linux/arm64"}
    copy = run(KeptCopy.objects.get())
    assert (copy.state, copy.tag, copy.digest) == ("kept", "3.20", index.digest)
    assert verdict(f"{name}:3.20") == "allow"
    assert alarms() == []

    forget(upstream_registry, "base/life", tags)
    poll()
    assert alarms() == [("vanished", True)]
    alarm = UpstreamAlarm.objects.get()
    assert "has vanished" in alarm.text
    assert Watch.objects.get(tag="3.20").state == "vanished"
    assert Event.objects.filter(kind="base_gone").count() == 2
    for arch in ("amd64", "arm64"):
        where = f"{copy.place}@{index.digest}"
        assert len(pulled(own.host, where, tmp_path / arch, "--override-arch", arch)) == 5
    # Two looks at the same trouble are one alarm, and the content stays approved.
    poll()
    assert alarms() == [("vanished", True)]
    assert verdict(f"{name}@{index.digest}") == "allow"

    save_push(None, rows[0], {})
    restore_copy(None, copy, "upstream deleted it")
    run(copy)
    poll()
    assert alarms() == [("vanished", False)]
    assert held(upstream_registry, "base/life", tags) == before

    other, _ = make_base("other life")
    publish(upstream_registry, "base/life", {"3.20": other})
    poll()
    assert alarms() == [("vanished", False), ("repointed", True)]
    moved = UpstreamAlarm.objects.get(kind="repointed")
    assert (moved.before, moved.now) == (index.digest, other.digest)
    # Moving breaks no child before the stated time: content that the tag left stays approved for 30 days.
    assert [verdict(f"{name}@{index.digest}", days) for days in (0, 30, 31)] == ["allow", "allow", "deny"]
    assert verdict(f"{name}@{other.digest}") == "allow"
    assert set(KeptCopy.objects.values_list("digest", flat=True)) == {index.digest, other.digest}

    restore_copy(None, copy, "the tag was taken over")
    run(copy)
    poll()
    assert alarms() == [("vanished", False), ("repointed", False)]
    assert held(upstream_registry, "base/life", tags) == before
    assert entry.state == "approved"
