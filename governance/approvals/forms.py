"""Requests, decisions and comments: the shape of what people type; the rules are in `life.py`."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.accounts.models import Team, User
from governance.approvals.life import STEPS
from governance.approvals.models import ApprovedBase
from governance.web.forms import HouseForm

MOST = 100_000
STEP_WORDS = {
    "in_review": "Take into review",
    "approved": "Approve",
    "declined": "Decline",
    "deprecated": "Deprecate",
    "sunset": "Set its end",
    "banned": "Ban",
}


def number(label: str, text: str = "") -> forms.IntegerField:
    """Empty asks for nothing."""
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=MOST, help_text=text)


def day(label: str, text: str = "") -> forms.DateField:
    """A day, picked."""
    return forms.DateField(label=label, required=False, widget=forms.DateInput({"type": "date"}), help_text=text)


class TermsForm(HouseForm):
    """What is asked for, and on what terms."""

    pattern = forms.CharField(
        max_length=200, required=False, help_text="3.20*, >=3.18 <3.22, a digest, or * for every tag."
    )
    platforms = forms.CharField(max_length=400, required=False, help_text="linux/amd64, …; empty is every platform.")
    family = forms.CharField(max_length=60, required=False, help_text="alpine, debian, distroless, java, …")
    purpose = forms.CharField(max_length=500, required=False)
    max_age = number("Oldest, in days")
    max_critical = number("Most critical findings")
    max_high = number("Most high findings")
    grace = number("Grace, in days", "From the first scan that named a fix.")
    outdated_days = number("Outdated, in days", "How long content stays approved that its tag has left; empty: always.")
    must_be_signed = forms.BooleanField(required=False, label="Signed")
    must_not_be_root = forms.BooleanField(required=False, label="Not root")
    must_be_kept = forms.BooleanField(required=False, label="From the kept copy")
    breach = forms.ChoiceField(choices=[("warn", "Warn"), ("deny", "Deny")], label="What breaks its terms")
    review_months = forms.IntegerField(label="Review every … months", required=False, min_value=1, max_value=120)
    documentation = forms.CharField(max_length=500, required=False, help_text="An address that explains how to use it.")
    replacement = forms.CharField(max_length=400, required=False, help_text="What to use instead one day.")
    reason = forms.CharField(max_length=500)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs["class"] = "form-check-input"

    def clean_platforms(self) -> list[str]:
        """Parted by commas."""
        return [word.strip() for word in self.cleaned_data["platforms"].split(",") if word.strip()]


class RequestForm(TermsForm):
    """A request: which base, and for which team."""

    base = forms.CharField(max_length=400, help_text="registry/repository:tag, as in a FROM line.")
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="No team")
    field_order = ["base", "pattern", "team", "reason"]

    def __init__(self, *args: Any, asker: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        team = self.fields["team"]
        assert isinstance(team, forms.ModelChoiceField)  # noqa: S101 (narrows the type)
        team.queryset = Team.objects.all() if asker.is_admin else asker.teams.order_by("name")
        if not asker.is_admin:
            team.required, team.empty_label = True, None


class StepForm(HouseForm):
    """A decision out of those that may follow."""

    to = forms.ChoiceField(label="Decision")
    reason = forms.CharField(max_length=500, required=False, help_text="Everybody who uses the base reads it.")
    comment = forms.CharField(max_length=4_000, required=False, widget=forms.Textarea({"rows": 3}))
    replacement = forms.CharField(max_length=400, required=False, help_text="What to use instead.")
    deprecated_on = day("Deprecated from", "Empty: today.")
    sunset_on = day("Ends on", "From this day on it is refused.")

    def __init__(self, *args: Any, entry: ApprovedBase, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {**STEP_WORDS, "approved": "Approve again" if entry.state == "approved" else "Approve"}
        field = self.fields["to"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (narrows the type)
        field.choices = [(state, words[state]) for state in STEPS[entry.state]]


class CommentForm(HouseForm):
    """Something to say."""

    comment = forms.CharField(max_length=4_000, widget=forms.Textarea({"rows": 3}))
