"""Sign-in and tokens: the shape of what people type; the rules are in the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from governance.accounts.models import Membership, Team, Token, User


class SignInForm(AuthenticationForm):
    """Name and password; one answer to whatever is wrong with them."""

    error_messages = {
        "invalid_login": "This name and password do not belong together.",
        "inactive": "This name and password do not belong together.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs |= {"class": "form-control", "autocomplete": "username", "autofocus": True}
        self.fields["username"].label = "Name"
        self.fields["password"].widget.attrs |= {"class": "form-control", "autocomplete": "current-password"}


class TokenForm(forms.Form):
    """A new machine token, within what its maker may give."""

    name = forms.CharField(max_length=100, help_text="What will use it, for example “gitlab ci”.")
    scope = forms.ChoiceField(
        choices=Token.Scope.choices,
        initial=Token.Scope.INGEST,
        help_text="A CI system needs “Send reports” and nothing else.",
    )
    team = forms.ModelChoiceField(
        Team.objects.none(),
        required=False,
        empty_label="No team: all repositories",
        help_text="A team's token reads and writes that team's repositories only.",
    )
    days = forms.IntegerField(
        min_value=1, max_value=3650, initial=90, required=False, help_text="Days until it expires; empty means never."
    )

    def __init__(self, *args: Any, maker: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        team = self.fields["team"]
        assert isinstance(team, forms.ModelChoiceField)  # noqa: S101 (narrows the type)
        team.queryset = teams_for(maker)
        if not maker.is_admin:
            scopes = [choice for choice in Token.Scope.choices if choice[0] != Token.Scope.ADMIN]
            self.fields["scope"].choices = scopes  # type: ignore[attr-defined]
            team.required, team.empty_label = True, None
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-select" if name in ("scope", "team") else "form-control"


def teams_for(maker: User) -> Any:
    """The teams that a person may make tokens for."""
    if maker.is_admin:
        return Team.objects.all()
    return Team.objects.filter(membership__user=maker, membership__role=Membership.Role.ADMIN)
