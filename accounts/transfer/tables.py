"""The tables of people: all that is known of them but what opens their accounts."""

from __future__ import annotations

import itertools

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db.models import Q

from accounts.models import (
    AccessToken,
    AccountEvent,
    IdempotentRequest,
    Person,
    RoleGrant,
    SetupLink,
    SignInChallenge,
)
from accounts.services import first_administrator_exists
from accounts.transfer.registry import Part, Table, registry

BATCH = 500
NOBODY_REFERS = "no other row and no address names it"


def declare() -> None:
    """Called once, when the app is ready."""
    registry.add(
        Table(
            "people",
            Person,
            key=("handle",),
            left_out={
                "password": "a secret: people sign in with a mailed code and choose a new one",
                "last_login": "of sessions, which stay behind",
                "sessions_ended_at": "of sessions, which stay behind",
                "mail_suspended_at": "whether mail arrives is found out anew",
            },
            public=("handle", "is_active"),
            within=_people_of,
            prepare=_without_password,
        ),
        Table(
            "role_grants",
            RoleGrant,
            left_out={"id": NOBODY_REFERS},
            public=("person", "role"),
            within="person",
            of_people=True,
        ),
        Table(
            "account_events",
            AccountEvent,
            left_out={"id": NOBODY_REFERS},
            within="person",
            of_people=True,
        ),
    )
    registry.leave_out("a secret that opens an account", AccessToken, SignInChallenge, SetupLink)
    registry.leave_out(
        "what people may do follows from their roles alone",
        Person.groups.through,
        Person.user_permissions.through,
    )
    registry.leave_out("answers kept for a day, for clients that ask twice", IdempotentRequest)
    registry.after_loading += [give_addresses, tell_of_administrators]


def _people_of(part: Part) -> Q:
    return part.mentioned(Person)


def _without_password(person: Person) -> None:
    person.password = make_password(None)


def give_addresses() -> list[str]:
    """allauth's rows for the addresses that were proven, so that their people can sign in."""
    proven = Person.objects.exclude(email_confirmed_at=None).order_by("pk").iterator(BATCH)
    while batch := list(itertools.islice(proven, BATCH)):
        EmailAddress.objects.bulk_create(
            EmailAddress(user=person, email=person.email.lower(), primary=True, verified=True)
            for person in batch
        )
    return []


def tell_of_administrators() -> list[str]:
    """Who made the product that left need not have come with it."""
    if first_administrator_exists():
        return []
    return ["Nobody here is an administrator: `manage.py first_administrator_link` makes one."]
