"""Figures by day: whole and by team, written again as often as one likes, and the line of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from governance.accounts.models import Team
from governance.images.models import Image
from governance.overview.days import note_day, trend
from governance.overview.models import Day
from tests.make import make_image, make_user

pytestmark = pytest.mark.django_db


def test_a_day_holds_what_runs_or_is_current_for_all_and_by_team(team: Team) -> None:
    first = make_image("registry.example/shop/api:1", team)
    make_image("registry.example/shop/web:1", team)
    make_image("registry.example/other/x:1")
    Image.objects.filter(pk=first.pk).update(running=3, verdict="fail", risk=40)
    for _ in range(2):
        note_day()
    whole, shop = Day.objects.get(team=None), Day.objects.get(team=team)
    assert (whole.images, whole.running, whole.risk_running, whole.failing) == (3, 1, 40, 1)
    assert (shop.images, shop.running, shop.risk_running) == (2, 1, 40)
    Image.objects.filter(pk=first.pk).update(running=0, superseded=True)
    note_day()
    assert Day.objects.get(team=None).images == 2


def test_the_line_is_of_what_runs_where_anybody_tells_and_stays_in_its_frame(team: Team, client: Client) -> None:
    today = timezone.now().date()
    rest = {"images": 5, "failing": 0, "exploited": 0, "fixable": 0}
    for days, risk, owner in ((10, 80, team), (0, 20, team), (10, 500, None), (95, 900, team)):
        day = today - timedelta(days=days)
        Day.objects.create(day=day, team=owner, running=1, risk_running=risk, risk=risk * 2, **rest)
    mine = trend({team.pk})
    assert (mine.running, [point.risk for point in mine.points], mine.change) == (True, [80, 20], -60)
    assert mine.line == "0.00,5.00 100.00,76.25"
    assert [point.risk for point in trend(None).points] == [500]
    assert trend(set()).points == []
    make_image(team=team)
    client.force_login(make_user(team=team))
    page = client.get("/").content.decode()
    assert "Risk of what runs" in page
    assert mine.line in page
    assert "500 on" not in page
