"""Several mails come back at the same moment: the address is suspended, once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from notifications.gate import bounces
from notifications.gate.addresses import BounceOf
from notifications.gate.models import Bounce, IncomingMail, SuspendedAddress
from notifications.gate.parsed import ParsedMail
from notifications.models import Message
from tests.gate.bounce_mails import dsn
from tests.gate.letters import open_gate
from tests.gate.test_bounces import came, sent_to
from tests.people import make_person
from tests.test_vote_races import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_mails_that_come_back_at_once_suspend_the_address_once(settings: Settings) -> None:
    open_gate(settings)
    person = make_person("rita")
    rows = [(sent_to(person.email), came()) for _ in range(4)]

    def take(message: Message, incoming: IncomingMail) -> Callable[[], object]:
        def taken() -> str:
            with transaction.atomic():
                return bounces.take(ParsedMail(), dsn(person.email), incoming, BounceOf(message.pk))

        return taken

    outcomes = all_at_once([take(*row) for row in rows])
    assert Bounce.objects.count() == 4
    assert SuspendedAddress.objects.count() == 1
    said = [str(outcome).endswith("sent to this address any more.") for outcome in outcomes]
    assert sorted(said) == [False, False, False, True]
    assert person.account_events.count() == 1
