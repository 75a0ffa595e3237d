"""What people say of sources; the rules are in the services."""

from __future__ import annotations

from django import forms

from governance.findings.sources import LONGEST_LIMIT
from governance.web.forms import HouseForm


class LimitForm(HouseForm):
    """How long a source may be silent."""

    hours = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=LONGEST_LIMIT,
        label="Hours of silence that raise an event",
        help_text="Empty: by its habit. 0: never, for what is not expected to send any more.",
    )
