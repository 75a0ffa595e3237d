"""Sign-in, tokens, people and teams: the shape of what people type; the rules are in the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm

from governance.accounts.models import Membership, Team, Token, User
from governance.web.forms import HouseForm


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


class TokenForm(HouseForm):
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
    repository = forms.CharField(
        max_length=255,
        required=False,
        help_text="The only one it may send reports of, like registry.example/shop/api; with /* all below.",
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


def teams_for(maker: User) -> Any:
    """The teams that a person may make tokens for."""
    if maker.is_admin:
        return Team.objects.all()
    return Team.objects.filter(membership__user=maker, membership__role=Membership.Role.ADMIN)


class PersonForm(HouseForm):
    """Somebody new."""

    username = forms.CharField(
        max_length=150, label="Sign-in name", help_text="Letters, digits and . @ + - _; it stays as it is."
    )
    name = forms.CharField(max_length=150, required=False, help_text="As colleagues know them.")
    email = forms.EmailField(required=False, label="E-mail")
    role = forms.ChoiceField(
        choices=User.Role.choices,
        initial=User.Role.MEMBER,
        help_text="Administrators change everything, auditors read everything, members see what their teams own.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields:
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}


class RoleForm(HouseForm):
    """What somebody may do everywhere."""

    role = forms.ChoiceField(choices=User.Role.choices)


class OwnPasswordForm(PasswordChangeForm):
    """The old password, and a new one twice."""

    error_messages = {
        "password_incorrect": "That is not your password.",
        "password_mismatch": "The two are not the same.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {"old_password": "Password now", "new_password1": "New password", "new_password2": "And once more"}
        for name, label in words.items():
            field = self.fields[name]
            field.label, field.help_text = label, ""
            field.widget.attrs["class"] = "form-control"
            field.widget.attrs.pop("autofocus", None)
        self.fields["new_password1"].help_text = "At least 12 characters, and none of the common ones."


class TeamForm(HouseForm):
    """A team's name."""

    name = forms.CharField(
        max_length=100,
        help_text="As people call it, for example “payments”.",
        widget=forms.TextInput({"spellcheck": "false"}),
    )


class MemberForm(HouseForm):
    """Somebody for a team."""

    username = forms.CharField(
        max_length=150,
        label="Sign-in name",
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(
        choices=Membership.Role.choices,
        help_text="Team administrators choose the team's members and make its tokens.",
    )
