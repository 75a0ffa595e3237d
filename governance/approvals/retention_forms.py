"""Retention: the shape of what people type; the rules are in `retention.py`."""

from __future__ import annotations

from django import forms

from governance.approvals.models import RetentionRule
from governance.web.forms import HouseForm

MOST_ASKED = 50


class AskForm(HouseForm):
    """Digests or references, one a line."""

    digest = forms.CharField(
        max_length=20_000,
        required=False,
        label="Digests or references",
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text="One a line: sha256:…, or registry/repository:tag.",
    )

    def clean_digest(self) -> list[str]:
        """Each once, at most 50."""
        lines = dict.fromkeys(line.strip() for line in self.cleaned_data["digest"].splitlines() if line.strip())
        if len(lines) > MOST_ASKED:
            raise forms.ValidationError(f"At most {MOST_ASKED} at a time; the API takes more.")
        return list(lines)


class PinForm(HouseForm):
    """That a digest stays."""

    digest = forms.CharField(max_length=200, help_text="Of an index, a manifest or a configuration.")
    reason = forms.CharField(max_length=500, help_text="Whoever wants the room reads it.")
    until = forms.DateField(
        required=False, widget=forms.DateInput({"type": "date"}), help_text="The last day; empty: for ever."
    )


class RuleForm(HouseForm):
    """What need not be kept."""

    name = forms.CharField(max_length=100)
    repositories = forms.CharField(
        max_length=60_000,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text="registry.example/shop/*, one a line; ! before one leaves out.",
    )
    which = forms.ChoiceField(choices=RetentionRule.Which, label="Images of which")
    stage = forms.ChoiceField(choices=RetentionRule.Stage, label="And that came")
    days = forms.IntegerField(min_value=0, max_value=36_500, initial=90, label="For … days")
    keep_newest = forms.IntegerField(
        min_value=0, max_value=36_500, initial=5, label="Keep the newest", help_text="So many in each repository."
    )
    is_enabled = forms.BooleanField(
        required=False, initial=True, label="In force", widget=forms.CheckboxInput({"class": "form-check-input"})
    )


class StartForm(HouseForm):
    """The number that was seen, typed: there is no way back."""

    images = forms.IntegerField(label="Images to delete", min_value=0, help_text="Type the number of images above.")
