"""The known cast, and people made for one test. Plain functions with defaults to override."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Person, Role
from accounts.services import grant_role

_serial = itertools.count(1)


def long_ago() -> datetime:
    """A time at which an account was old enough for all its votes to count."""
    return timezone.now() - timedelta(days=400)


def make_person(handle: str = "", *roles: Role, **values: Any) -> Person:
    """A confirmed person with an old account, unless `values` say otherwise."""
    handle = handle or f"person{next(_serial)}"
    values.setdefault("email", f"{handle}@example.org")
    values.setdefault("email_confirmed_at", long_ago())
    values.setdefault("joined_at", long_ago())
    person = Person.objects.create_user(handle=handle, **values)
    for role in roles:
        grant_role(person, role, by=None)
    return person


def make_newcomer(handle: str = "", **values: Any) -> Person:
    """A confirmed person whose account was made just now."""
    values.setdefault("joined_at", timezone.now())
    values.setdefault("email_confirmed_at", timezone.now())
    return make_person(handle, **values)
