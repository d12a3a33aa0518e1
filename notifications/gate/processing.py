"""A stored message is read, found to be somebody's, and does what it says: once.

What takes long (the file, parsing, asking DNS for a signature) comes first, outside of any
transaction. Then one transaction ends the state by a conditional UPDATE and does all that follows
from it (`deciding`), so that two workers, or one that was killed, cannot do it twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from notifications.gate import bounces, deciding, on_patches
from notifications.gate.addresses import NoSuchAddress, ReplyTo, read_recipient
from notifications.gate.deciding import End, Reading
from notifications.gate.held import DISOWNED
from notifications.gate.models import HeldMail, IncomingMail
from notifications.gate.parsed import ParsedMail
from notifications.gate.parsing import parse
from notifications.gate.senders import needs_signature
from notifications.gate.series import thread_of
from notifications.gate.signatures import signing_domain
from notifications.outbox import bell
from notifications.outbox.envelopes import host
from patches.models import Patch
from patches.owners.suggesting import suggest
from tracker.text import clean_line

logger = logging.getLogger(__name__)

State = IncomingMail.State

# A message that ended so many readings without a result is not tried again by itself.
MOST_ATTEMPTS: Final = 5
# A reading that takes longer is taken for dead; it cannot finish once another has begun.
LEASE: Final = timedelta(seconds=30)
RING_AGAIN_AFTER: Final = timedelta(seconds=25)
RINGS_PER_SWEEP: Final = 200
LONGEST_OUTCOME: Final = 500


# One message


def process(pk: int) -> bool:
    """Read the message if it is due and nobody else does; True when this call ended its life."""
    incoming = _claim(pk)
    if incoming is None:
        return False
    try:
        reading = read(incoming)
        _note_what_was_read(incoming, reading)
        mine = Q(state=State.RECEIVED, attempts=incoming.attempts)
        return _settle(incoming, mine, lambda: deciding.decide(incoming, reading)) is not None
    except bounces.StillGoing as error:
        _postpone_or_fail(incoming, error)
        return False
    except Exception as error:
        logger.exception("%s could not be read", incoming)
        _postpone_or_fail(incoming, error)
        return False


def confirm(held: HeldMail) -> End | None:
    """What `held.person` says is theirs does what it says; None when it was settled before."""
    incoming = held.incoming
    reading = read(incoming)
    return _settle(incoming, Q(state=State.HELD), lambda: deciding.act_confirmed(held, reading))


def disown(held: HeldMail) -> End | None:
    """The person says that it is not theirs: nothing is done, and nothing is kept of it."""
    end = End(State.REFUSED, DISOWNED, held.person)
    return _settle(held.incoming, Q(state=State.HELD), lambda: end)


def read(incoming: IncomingMail) -> Reading:
    """The message, parsed, and the domain that signed it where that matters. No transaction."""
    with incoming.file.open("rb") as file:
        raw = file.read()
    mail = parse(raw, incoming.sender, host())
    signed_by = ""
    if _asks_signature(incoming, mail):
        signed_by = signing_domain(raw, mail.from_address, incoming.recipient)
    _ask_git(incoming, mail)
    return Reading(raw, mail, signed_by)


def _asks_signature(incoming: IncomingMail, mail: ParsedMail) -> bool:
    """DNS is asked only where the answer is used."""
    if mail.automatic or mail.is_bounce or incoming.state != State.RECEIVED:
        return False
    try:
        return needs_signature(mail, read_recipient(incoming.recipient))
    except NoSuchAddress:
        return False


def _ask_git(incoming: IncomingMail, mail: ParsedMail) -> None:
    """Who a patch goes on to may be git's to say; it takes seconds, and the answer is kept."""
    try:
        recipient = read_recipient(incoming.recipient)
    except NoSuchAddress:
        return
    if isinstance(recipient, ReplyTo) and recipient.patch and on_patches.is_given_away(mail):
        for patch in Patch.objects.filter(pk=recipient.patch).select_related("product"):
            suggest(patch)


def _claim(pk: int) -> IncomingMail | None:
    """Count the attempt before it begins, so that a message which kills workers is given up."""
    now = timezone.now()
    due = IncomingMail.objects.filter(pk=pk, state=State.RECEIVED, due_at__lte=now)
    if due.filter(attempts__lt=MOST_ATTEMPTS).update(
        attempts=F("attempts") + 1, due_at=now + LEASE
    ):
        return IncomingMail.objects.get(pk=pk)
    outcome = f"{MOST_ATTEMPTS} readings ended without a result; the log may say why."
    due.update(state=State.FAILED, processed_at=now, outcome=outcome)
    return None


def _note_what_was_read(incoming: IncomingMail, reading: Reading) -> None:
    """For the page of administrators, whatever becomes of the message."""
    mail = reading.mail
    IncomingMail.objects.filter(pk=incoming.pk).update(
        message_id=clean_line(mail.message_id)[:255],
        thread=thread_of(mail),
        from_address=clean_line(", ".join(mail.from_addresses))[:320],
        subject=clean_line(mail.subject)[:255],
    )


@transaction.atomic
def _settle(incoming: IncomingMail, mine: Q, decide: Callable[[], End]) -> End | None:
    """End the message's state and do what `decide` does, or neither; None when it is not ours."""
    row = IncomingMail.objects.filter(pk=incoming.pk)
    if not row.filter(mine).update(state=State.DONE, processed_at=timezone.now()):
        return None
    end = decide()
    row.update(
        state=end.state,
        outcome=clean_line(end.outcome)[:LONGEST_OUTCOME],
        person=end.person,
        problem=end.problem,
        comment=end.comment,
    )
    return end


def _postpone_or_fail(incoming: IncomingMail, error: Exception) -> None:
    """Something of ours broke: try again later, and let it be seen after the last time."""
    mine = IncomingMail.objects.filter(
        pk=incoming.pk, state=State.RECEIVED, attempts=incoming.attempts
    )
    outcome = clean_line(f"{type(error).__name__}: {error}")[:LONGEST_OUTCOME]
    if incoming.attempts >= MOST_ATTEMPTS:
        mine.update(state=State.FAILED, processed_at=timezone.now(), outcome=outcome)
    else:
        due_at = timezone.now() + backoff(incoming.attempts)
        mine.update(due_at=due_at, rung_at=None, outcome=outcome)


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 15 s, then four times as long each time."""
    return timedelta(seconds=15 * 4 ** (attempts - 1))


# Looking after


def sweep() -> int:
    """Ring for messages that are due and that nobody came for; how many were rung."""
    now = timezone.now()
    unheard = Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_AFTER)
    due = IncomingMail.objects.filter(unheard, state=State.RECEIVED, due_at__lte=now)
    ids = list(due.order_by("due_at", "pk").values_list("pk", flat=True)[:RINGS_PER_SWEEP])
    IncomingMail.objects.filter(pk__in=ids).update(rung_at=now)
    for done, pk in enumerate(ids):
        if not bell.ring_for_incoming(pk):
            IncomingMail.objects.filter(pk__in=ids[done:]).update(rung_at=None)
            return done
    return len(ids)


def read_again(incoming: IncomingMail) -> bool:
    """Queue a message whose life ended without an act once more; False when it cannot be read."""
    again = (State.FAILED, State.IGNORED, State.REFUSED)
    changed = (
        IncomingMail.objects.filter(pk=incoming.pk, state__in=again)
        .exclude(file="")
        .update(state=State.RECEIVED, attempts=0, due_at=timezone.now(), rung_at=None)
    )
    if changed:
        # What this does not reach, the sweep does.
        transaction.on_commit(lambda: bell.ring_for_incoming(incoming.pk), robust=True)
    return bool(changed)
