"""How filters look."""

from __future__ import annotations

from typing import Any

from django import forms
from django_filters.widgets import BooleanWidget


class YesNo(BooleanWidget):
    """Any, yes or no, as a select."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "form-select", **(attrs or {})})  # type: ignore[no-untyped-call]
        self.choices = [("", "Any"), ("true", "Yes"), ("false", "No")]


def select() -> forms.Select:
    """A select in the house's look."""
    return forms.Select({"class": "form-select"})
