"""Subscribing: the shape of what people type; the rules are in the services."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms

from governance.accounts.forms import teams_for
from governance.accounts.models import Team, User
from governance.briefings.models import Subscription
from governance.briefings.services import Wish
from governance.web.forms import HouseForm


class WishForm(HouseForm):
    """When, and what in a quiet week."""

    weekday = forms.TypedChoiceField(choices=Subscription.WEEKDAYS, coerce=int, initial=0, label="Day")
    hour = forms.TypedChoiceField(
        choices=[(hour, f"{hour:02}:00") for hour in range(24)], coerce=int, initial=8, label="Hour"
    )
    timezone = forms.CharField(
        max_length=64,
        initial="UTC",
        help_text="As in Europe/Berlin; day and hour follow its summer time.",
        widget=forms.TextInput(
            {"list": "timezones", "autocomplete": "off", "spellcheck": "false", "data-timezone": ""}
        ),
    )
    when_quiet = forms.ChoiceField(
        choices=Subscription.Quiet.choices,
        label="In a week without changes",
        help_text="One line says that all is well.",
    )
    alerts = forms.BooleanField(
        required=False,
        initial=True,
        label="Alerts at once",
        help_text="When a base vanishes, or what runs becomes known to be exploited.",
        widget=forms.CheckboxInput({"class": "form-check-input"}),
    )

    def wish(self, is_active: bool = True) -> Wish:
        """What was typed."""
        said = self.cleaned_data
        names = ("weekday", "hour", "timezone", "when_quiet", "alerts")
        return Wish(**{name: said[name] for name in names}, is_active=is_active)


class TeamsForm(HouseForm):
    """Of something that is about a team's things; only administrators may say everything."""

    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Everything (the security team)")

    def __init__(self, *args: Any, viewer: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        team = self.fields["team"]
        assert isinstance(team, forms.ModelChoiceField)  # noqa: S101 (narrows the type)
        team.queryset = teams_for(viewer)
        if not viewer.is_admin:
            team.required, team.empty_label = True, None


class MailboxForm(TeamsForm, WishForm):
    """An address, and whose things it is about."""

    address = forms.EmailField(help_text="A mailbox that several people read.", widget=forms.EmailInput())
    field_order = ["address", "team"]


def timezones() -> list[str]:
    """What the form proposes: places, without the historic spellings."""
    return sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix", "right"))
    )
