"""The form of the registry pages: the shape of what is entered; the rules are in `connections.py`."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.accounts.models import Team
from governance.web.forms import HouseForm, secret_field
from scanning.filters import KINDS

# Needed by few: other hosts, a private authority, no TLS.
RARE = ("api_url", "token_server", "ca", "is_insecure")
PATTERNS = "One a line, with * and ?; ! before one leaves out. Empty: all."


class ConnectionForm(HouseForm):
    """How a registry is read."""

    kind = forms.ChoiceField(choices=KINDS, initial="standard", label="Product")
    base_url = forms.CharField(
        max_length=300, required=False, label="Address", help_text="https://registry.example; empty for Docker Hub."
    )
    username = forms.CharField(max_length=200, required=False, label="User")
    secret = secret_field("Stored encrypted and never shown again.")
    forget = forms.BooleanField(
        required=False, label="Forget the password", widget=forms.CheckboxInput(attrs={"class": "form-check-input"})
    )
    namespace = forms.CharField(
        max_length=200,
        required=False,
        help_text="What to list, where the product must be told: see “What the account needs”.",
    )
    repositories = forms.CharField(
        max_length=50_000, required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text=PATTERNS
    )
    tags = forms.CharField(
        max_length=50_000, required=False, widget=forms.Textarea(attrs={"rows": 2}), help_text=PATTERNS
    )
    every_minutes = forms.IntegerField(initial=60, label="Crawl every … minutes")
    team = forms.ModelChoiceField(
        Team.objects.order_by("name"),
        required=False,
        empty_label="Nobody",
        label="Owner of what is found",
        help_text="Owns repositories that nobody knew before.",
    )
    api_url = forms.CharField(
        max_length=300, required=False, label="API", help_text="The product's own address, where that is another host."
    )
    token_server = forms.CharField(
        max_length=260,
        required=False,
        help_text="Another host that hands out tokens and may be sent the password, as in auth.registry.example.",
    )
    ca = forms.CharField(
        max_length=200_000,
        required=False,
        label="Authority",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="Certificates (PEM) of a private authority that signs the registry's.",
    )
    is_insecure = forms.BooleanField(
        required=False,
        label="Allow plain http: passwords and images can be read and changed on the way",
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    is_enabled = forms.BooleanField(
        required=False,
        initial=True,
        label="Crawl it",
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    may_delete = forms.BooleanField(
        required=False,
        label="Allow deletion: what a dry run of retention lists, once an administrator says so",
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, keeps: bool = False, **kwargs: Any) -> None:
        """`keeps`: a password is stored."""
        super().__init__(*args, **kwargs)
        if keeps:
            self.fields["secret"].help_text += " Empty: as it is."
        else:
            del self.fields["forget"]

    @property
    def often(self) -> list[forms.BoundField]:
        """The fields that most registries need."""
        return [field for field in self if field.name not in RARE]

    @property
    def rarely(self) -> list[forms.BoundField]:
        """The others, folded."""
        return [self[name] for name in RARE]

    @property
    def unfolds(self) -> bool:
        """One of the folded fields says something, or is wrong."""
        return any(field.value() or field.errors for field in self.rarely)

    def said(self) -> dict[str, Any]:
        """The settings without the password."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("secret", "forget")}

    def password(self) -> str | None:
        """None leaves it as it is, "" takes it away."""
        if self.cleaned_data.get("forget"):
            return ""
        return self.cleaned_data["secret"] or None

    def ask_again(self) -> None:
        """What was typed as the password is not sent back with what is wrong."""
        if self.data.get("secret"):
            self.add_error("secret", "Enter it once more: it was not saved, and it is not sent back.")

    def problems(self) -> list[tuple[str, str]]:
        """(label of the field, what is wrong)."""
        return [
            (
                str(self.fields[name].label or name.capitalize()) if name in self.fields else "What is entered",
                str(error),
            )
            for name, errors in self.errors.items()
            for error in errors
        ]
