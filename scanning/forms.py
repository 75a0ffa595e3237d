"""What people say of event sources; the rules are in the services."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError

from governance.web.forms import HouseForm
from scanning.hooks import CHOICES
from scanning.webhook_sources import Wanted

PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class WebhookForm(HouseForm):
    """A new source."""

    kind = forms.ChoiceField(choices=CHOICES, label="Sends")
    name = forms.CharField(
        max_length=60,
        help_text="It stands in the address: lower-case letters, digits and hyphens, for example “shop”.",
        widget=forms.TextInput(PLAIN),
    )
    host = forms.CharField(
        max_length=255,
        required=False,
        label="Registry",
        help_text="As references name it, for example registry.example:5000. Docker Hub and GitHub need none.",
        widget=forms.TextInput(PLAIN),
    )
    below = forms.CharField(
        max_length=200,
        required=False,
        label="Repositories below",
        help_text="The project or organisation that it may speak for; empty: the whole registry.",
        widget=forms.TextInput(PLAIN),
    )
    account = forms.CharField(
        max_length=200,
        required=False,
        label="Service account",
        help_text="Google only: the e-mail address that the push subscription signs in with.",
        widget=forms.TextInput(PLAIN),
    )

    def wanted(self) -> Wanted:
        """What was said."""
        said = self.cleaned_data
        return Wanted(said["kind"], said["name"], said["host"], said["below"], said["account"])

    def refuse(self, error: ValidationError) -> None:
        """A form has a `prefix` of its own, so the field has another name."""
        wrong = getattr(error, "error_dict", {})
        if "prefix" in wrong:
            wrong["below"] = wrong.pop("prefix")
        super().refuse(error)


class SampleForm(HouseForm):
    """What a test event is about."""

    reference = forms.CharField(
        max_length=400,
        label="Image",
        help_text="A repository and tag of this registry, for example shop/api:1.0. It is looked at as after a push.",
        widget=forms.TextInput(PLAIN),
    )
