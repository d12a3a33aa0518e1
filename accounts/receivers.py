"""What accounts does when allauth tells of a sign-in step."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed, email_confirmed
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest

from accounts.forms import WISHES
from accounts.handles import is_placeholder
from accounts.models import Person
from accounts.services import confirm_address, finish_sign_up, note_changed_address


def connect() -> None:
    email_confirmed.connect(note_confirmed_address, dispatch_uid="accounts.note_confirmed_address")
    email_changed.connect(note_new_address, dispatch_uid="accounts.note_new_address")


@transaction.atomic
def note_confirmed_address(
    email_address: EmailAddress, request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """Finish a sign-up with what this very browser asked for, and nothing that another did."""
    person = Person.objects.get(pk=email_address.user_id)
    if person.is_confirmed:
        return
    wishes = request.session.pop(WISHES, {}) if request else {}
    if wishes.get("email") != email_address.email:
        wishes = {}
    confirm_address(person)
    finish_sign_up(person, wishes.get("handle", ""), wishes.get("password", ""))
    _tell_of_handle(request, person, wishes.get("handle", ""))


def note_new_address(
    user: Person, from_email_address: EmailAddress | None = None, **kwargs: Any
) -> None:
    """A first address is no change."""
    if from_email_address is not None:
        note_changed_address(user)


def _tell_of_handle(request: HttpRequest | None, person: Person, wished: str) -> None:
    if request is None or person.handle == wished:
        return
    if is_placeholder(person.handle):
        words = "Choose a handle on your profile: it is the name that others see."
    else:
        words = f"Somebody took “{wished}” meanwhile; you are “{person.handle}” for now."
    messages.info(request, words)
