"""Several mails come back at the same moment: the address is suspended, once."""

from __future__ import annotations

import threading

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from notifications.gate import bounces
from notifications.gate.addresses import BounceOf
from notifications.gate.models import Bounce, SuspendedAddress
from notifications.gate.parsed import ParsedMail
from tests.gate.bounce_mails import dsn
from tests.gate.letters import open_gate
from tests.gate.test_bounces import came, sent_to
from tests.people import make_person
from tests.test_vote_races import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_mails_that_come_back_at_once_are_both_counted(settings: Settings) -> None:
    open_gate(settings)
    person = make_person("rita")
    rows = [(sent_to(person.email), came()) for _ in range(3)]
    is_noted, is_over = threading.Event(), threading.Event()

    def take(number: int) -> str:
        message, incoming = rows[number]
        return bounces.take(ParsedMail(), dsn(person.email), incoming, BounceOf(message.pk))

    def slowly() -> None:
        with transaction.atomic():
            take(1)
            is_noted.set()
            # In vain, as the other one has to wait for the end of this transaction.
            is_over.wait(timeout=0.3)

    def meanwhile() -> None:
        assert is_noted.wait(timeout=60)
        with transaction.atomic():
            take(2)
        is_over.set()

    with transaction.atomic():
        take(0)
    all_at_once([slowly, meanwhile])
    assert Bounce.objects.count() == 3
    assert SuspendedAddress.objects.count() == 1
    assert person.account_events.count() == 1
