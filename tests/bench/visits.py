"""People with a session each, and the pages that they may all see: for users.py, which asks from outside."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from governance.accounts.models import Membership, Team
from tests.bench.pages import addresses, chosen


def measure(amount: str) -> dict[str, Any]:
    """Session cookies (half of administrators, half of members of one team) and paths."""
    image = chosen()
    team = Team.objects.get(pk=image.owners[0])
    cookies = []
    for number in range(int(amount)):
        person = get_user_model().objects.create(
            username=f"person {number}", password="!", **({"role": "admin"} if number % 2 else {})
        )
        Membership.objects.create(user=person, team=team)
        client = Client(SERVER_NAME="localhost")
        client.force_login(person)
        cookies.append(client.cookies[settings.SESSION_COOKIE_NAME].OutputString(attrs=[]))
    paths = []
    for name, words, query in addresses(image, team):
        try:
            path = reverse(name, args=words)
        except NoReverseMatch:
            continue
        paths.append(f"{path}?{query}" if query else path)
    return {"cookies": cookies, "paths": paths}
