"""A repository changes hands, and its images with it."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied

from governance.accounts.models import AuditEntry, Team, User
from governance.images.models import Event, Image, Repository
from governance.images.ownership import give_repository
from tests.make import make_image

pytestmark = pytest.mark.django_db


def test_images_go_with_their_repository(admin: User, team: Team, stranger: User) -> None:
    image, other = make_image(team=team), Team.objects.get(name="payments")
    stays = make_image("registry.example/shop/other:1", team)
    repository = Repository.objects.get(pk=image.repository_id)
    assert give_repository(admin, repository, other, "reorganisation") == 1
    assert Image.objects.visible_to(stranger).get() == image
    assert Image.objects.get(pk=stays.pk).owners == [team.pk]
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.reason, entry.team_id) == ("repository.owner", "reorganisation", other.pk)
    assert (entry.before, entry.after) == ({"owner": "shop"}, {"owner": "payments", "images": 1})
    event = Event.objects.get(image=image)
    assert (event.kind, event.text) == ("owned", "registry.example/shop/api: from shop to payments")


def test_the_same_owner_again_writes_nothing(admin: User, team: Team) -> None:
    repository = Repository.objects.get(pk=make_image(team=team).repository_id)
    before = AuditEntry.objects.count()
    assert give_repository(admin, repository, team) is None
    assert AuditEntry.objects.count() == before
    assert give_repository(admin, repository, None) == 1
    assert give_repository(admin, repository, None) is None
    assert Image.objects.get().owners == []


def test_only_administrators_give_repositories_away(team: Team, owner: User, stranger: User) -> None:
    repository = Repository.objects.get(pk=make_image(team=team).repository_id)
    for viewer in (owner, stranger):
        with pytest.raises(PermissionDenied):
            give_repository(viewer, repository, Team.objects.get(name="payments"))
    assert Repository.objects.get(pk=repository.pk).owner == team
