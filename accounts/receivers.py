"""What accounts does when allauth tells of a sign-in step."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed

from accounts.models import Person
from accounts.services import confirm_address


def connect() -> None:
    email_confirmed.connect(note_confirmed_address, dispatch_uid="accounts.note_confirmed_address")


def note_confirmed_address(email_address: EmailAddress, **kwargs: Any) -> None:
    confirm_address(Person.objects.get(pk=email_address.user_id))
