"""What every form of ours has in common."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError


class HouseForm(forms.Form):
    """A form in the house's look; after a mistake the first wrong field has the focus, with or without JavaScript."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.leads = False
        for field in self.fields.values():
            chooses = isinstance(field.widget, forms.Select)
            field.widget.attrs.setdefault("class", "form-select" if chooses else "form-control")

    def add_error(self, field: str | None, error: Any) -> None:
        """Remember it, and lead to the first."""
        super().add_error(field, error)
        if field in self.fields and not self.leads:
            self.fields[field].widget.attrs["autofocus"] = self.leads = True

    def refuse(self, error: ValidationError) -> None:
        """Show what a service found wrong: beside the field where we have it, else above the form."""
        if not hasattr(error, "error_dict"):
            return self.add_error(None, error)
        for name, problems in error.error_dict.items():
            self.add_error(name if name in self.fields and name != NON_FIELD_ERRORS else None, problems)
        return None


def secret_field(help_text: str) -> forms.CharField:
    """A password or token of somewhere else: taken as it is, never filled in by a browser, never shown."""
    return forms.CharField(
        max_length=20_000,
        required=False,
        strip=False,
        label="Password or token",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )
