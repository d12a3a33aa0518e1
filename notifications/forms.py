"""Forms of notifications."""

from __future__ import annotations

from django import forms

from accounts.forms import time_zone_choices
from notifications.models import DigestSubscription

HOURS = [(hour, f"{hour:02d}:00") for hour in range(24)]


class DigestForm(forms.Form):
    """When the digest comes."""

    period = forms.ChoiceField(label="How often", choices=DigestSubscription.Period.choices)
    weekday = forms.TypedChoiceField(
        label="On",
        choices=DigestSubscription.Weekday.choices,
        coerce=int,
        help_text="For a monthly digest: the first of these days in the month.",
    )
    hour = forms.TypedChoiceField(label="At", choices=HOURS, coerce=int)
    time_zone = forms.ChoiceField(label="Time zone", choices=time_zone_choices)
