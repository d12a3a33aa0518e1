"""Forms of notifications."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.forms import time_zone_choices
from accounts.models import Person
from notifications.events.choices import choices_of, settings_of
from notifications.models import DigestSubscription, EventChoice, Occasion

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


def _or_none(value: Any) -> int | None:
    return None if value in {"", None} else int(value)


class ChoicesForm(forms.Form):
    """How soon a mail comes for each kind of event, and when none does."""

    quiet_from = forms.TypedChoiceField(
        label="No mail from",
        choices=[("", "never"), *HOURS],
        coerce=_or_none,
        empty_value=None,
        required=False,
    )
    quiet_until = forms.TypedChoiceField(
        label="until",
        choices=[("", "never"), *HOURS],
        coerce=_or_none,
        empty_value=None,
        required=False,
    )
    tells_own_acts = forms.BooleanField(label="Mail me what I do myself, too", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for occasion in Occasion:
            self.fields[occasion.value] = forms.ChoiceField(
                label=occasion.label, choices=EventChoice.Pace.choices
            )

    @property
    def occasions(self) -> list[forms.BoundField]:
        """The fields of the kinds of events."""
        return [self[occasion.value] for occasion in Occasion]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        hours = [cleaned.get("quiet_from"), cleaned.get("quiet_until")]
        if hours.count(None) == 1 and not self.errors:
            self.add_error(
                "quiet_until" if hours[1] is None else "quiet_from",
                "Choose both hours, or “never” for both.",
            )
        elif hours[0] is not None and hours[0] == hours[1]:
            self.add_error("quiet_until", "That is no time: choose another hour, or “never” twice.")
        return cleaned

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen, as `choices.choose` takes it."""
        names = ("quiet_from", "quiet_until", "tells_own_acts")
        paces = {each: EventChoice.Pace(self.cleaned_data[each.value]) for each in Occasion}
        return {"paces": paces, **{name: self.cleaned_data[name] for name in names}}


def initial_choices(person: Person) -> dict[str, Any]:
    """What the form shows first."""
    wishes = settings_of(person)
    return {
        **{occasion.value: pace.value for occasion, pace in choices_of(person).items()},
        "quiet_from": "" if wishes.quiet_from is None else wishes.quiet_from,
        "quiet_until": "" if wishes.quiet_until is None else wishes.quiet_until,
        "tells_own_acts": wishes.tells_own_acts,
    }


class PaceForm(forms.Form):
    """How many mails a minute go to one domain."""

    domain = forms.RegexField(
        r"^[^\s@]+\.[^\s@.]+$|^localhost$",
        label="Domain",
        max_length=255,
        error_messages={"invalid": "Write what stands behind the @, for example example.org."},
    )
    per_minute = forms.IntegerField(
        label="Mails a minute",
        min_value=1,
        max_value=1_000_000,
        required=False,
    )
