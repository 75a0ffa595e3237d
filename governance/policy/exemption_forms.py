"""Exemptions: the shape of what people type, and how the list is narrowed; the rules are in `exemptions.py`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone

from governance.accounts.models import Team
from governance.accounts.scope import Viewer, administers, edited_teams
from governance.images.models import Image, Repository
from governance.policy.exemptions import Wanted
from governance.policy.models_exemption import Exemption
from governance.web.forms import HouseForm

USUAL_DAYS = 90


class AskForm(HouseForm):
    """What is asked for; where it may hold follows from the image it began with."""

    vulnerability = forms.CharField(max_length=100, help_text="By any of its names; what is meant is all of them.")
    package = forms.CharField(max_length=300, required=False, help_text="Empty: every package that has it.")
    scope = forms.ChoiceField(label="For")
    kind = forms.ChoiceField(choices=Exemption.Kind, label="What is said")
    justification = forms.ChoiceField(
        choices=[("", "Why it is not affected"), *Exemption.Justification.choices],
        required=False,
        help_text="Needed where it is not affected.",
    )
    reason = forms.CharField(max_length=1_000, widget=forms.Textarea({"rows": 3}))
    expires_on = forms.DateField(label="Counts again on", widget=forms.DateInput({"type": "date"}))
    image = forms.IntegerField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, viewer: Viewer, about: Image | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.about = about
        self.things = scopes_of(viewer, about)
        field = self.fields["scope"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (narrows the type)
        field.choices = [(word, text) for word, (text, _) in self.things.items()]
        today = timezone.now().date()
        self.fields["expires_on"].initial = today + timedelta(days=min(USUAL_DAYS, settings.EXEMPTION_DAYS))
        self.fields["expires_on"].help_text = f"At most {settings.EXEMPTION_DAYS} days from today."

    def wanted(self) -> Wanted:
        """As the service takes it."""
        said = self.cleaned_data
        names = ("vulnerability", "package", "kind", "justification", "reason", "expires_on")
        scope = said["scope"].partition(":")[0]
        thing = self.things[said["scope"]][1]
        return Wanted(scope=scope, thing=thing, **{name: said[name] for name in names})


def scopes_of(viewer: Viewer, image: Image | None) -> dict[str, tuple[str, Image | Repository | Team | None]]:
    """{word: (for people, what it names)} of what the viewer may ask for, the narrowest first."""
    found: dict[str, tuple[str, Image | Repository | Team | None]] = {}
    if image is not None:
        found["image"] = (f"This image alone: {image}", image)
        if image.repository:
            found["repository"] = (f"Every image of {image.repository}", image.repository)
            if image.descendants:
                found[f"base:{image.repository_id}"] = (
                    f"{image.repository} and everything built on it",
                    image.repository,
                )
        if image.base and image.base.repository:
            found[f"base:{image.base.repository_id}"] = (
                f"The base {image.base.repository} and everything built on it",
                image.base.repository,
            )
    theirs = edited_teams(viewer)
    teams = Team.objects.filter(pk__in=image.owners) if image is not None else Team.objects.order_by("name")[:200]
    for team in teams:
        if theirs is None or team.pk in theirs:
            found[f"team:{team.pk}"] = (f"All images of team {team.name}", team)
    if administers(viewer):
        found["everywhere"] = ("Every image of the fleet", None)
    return found


class DecideForm(HouseForm):
    """Grant or decline."""

    answer = forms.CharField(
        max_length=1_000, required=False, widget=forms.Textarea({"rows": 2}), help_text="Needed to decline."
    )


class RevokeForm(HouseForm):
    """Why it ends."""

    answer = forms.CharField(max_length=1_000, label="Why it ends", widget=forms.Textarea({"rows": 2}))
