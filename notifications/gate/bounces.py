"""Mail of ours that came back: whose it was, whether for good, and what follows from it.

Only what comes to the return path of a message counts, and only about the address that the
message was sent to: the path is signed, so nobody can make a bounce for somebody else, and who
forwards mail of ours to a broken address does not suspend their own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from notifications.gate.addresses import BounceOf, Recipient
from notifications.gate.bounce_reading import Failure, Fate, read_failures, returned_ids
from notifications.gate.models import Bounce, IncomingMail
from notifications.gate.parsed import ParsedMail
from notifications.gate.suspension import one_at_a_time, suspend_if_due
from notifications.models import Message
from notifications.outbox import sending

# How long to wait before a mail is sent again that came back for a reason which may pass.
WAITS: Final = (timedelta(minutes=30), timedelta(hours=2), timedelta(hours=8))
KEEP_FOR: Final = timedelta(days=90)

# The worst first: where a bounce says several things of one address, this one stands.
_GRAVITY: Final = (Fate.PERMANENT, Fate.PASSING, Fate.REFUSED, Fate.LATE, Fate.ARRIVED)


class StillGoing(Exception):
    """A bounce was quicker than our own note that its mail has left, or a mail than the one that it
    follows on; read it again soon."""


def take(mail: ParsedMail, raw: bytes, incoming: IncomingMail, recipient: Recipient) -> str:
    """Do what follows from a bounce, or from anything else at a return path; what, in a line.

    Runs in the transaction in which `incoming` ends. Reading the same again changes nothing.
    Raises `StillGoing`.
    """
    if not isinstance(recipient, BounceOf):
        return _unsigned(raw)
    message = Message.objects.select_related("person").filter(pk=recipient.message).first()
    if message is None:
        return "About a mail that is no longer in the outbox."
    if Bounce.objects.filter(incoming=incoming).exists():
        return "It was read before."
    if message.state in sending.UNDER_WAY:
        raise StillGoing("The mail that it is about is still on its way.")
    failures = read_failures(raw, _sent_to(message))
    if not failures:
        return f"To the return path of a mail to {message.address}; tells of no failure."
    return _note(message, incoming, failures)


def purge() -> int:
    """Delete notes of what came back long ago; returns how many."""
    old = timezone.now() - KEEP_FOR
    return Bounce.objects.filter(at__lt=old).delete()[0]


def _unsigned(raw: bytes) -> str:
    """A bounce to an address where none belongs: found, if it can be, and not counted."""
    message = Message.objects.filter(message_id__in=returned_ids(raw)).order_by("pk").first()
    about = f" It is of the mail to {message.address}." if message is not None else ""
    return f"A bounce, but not to the return path of a mail of ours: not counted.{about}"


def _sent_to(message: Message) -> list[str]:
    """The address that the row names, and the one that its person had when it was rendered."""
    person = message.person
    named = [message.address.lower(), person.email.lower() if person is not None else ""]
    return [name for name in dict.fromkeys(named) if name]


def _note(message: Message, incoming: IncomingMail, failures: list[Failure]) -> str:
    found = [
        (_GRAVITY.index(failure.fate), address, failure)
        for address in _sent_to(message)
        for failure in failures
        if address in failure.addresses
    ]
    if not found:
        return _elsewhere(message, incoming, failures[0])
    _, address, failure = min(found, key=lambda each: each[:2])
    words = _in_words(failure)
    if failure.fate == Fate.ARRIVED:
        return f"The mail to {address} arrived: {words}"
    if failure.fate == Fate.LATE:
        _mark(message, f"late: {words}")
        return f"The mail to {address} is late: {words}"
    one_at_a_time()
    _store(message, incoming, address, failure, words)
    return f"The mail to {address} came back: {words}. {_follow(message, address, failure, words)}"


def _in_words(failure: Failure) -> str:
    """What the server said, with the status where its words lack it."""
    status = "" if failure.status in failure.words else failure.status
    return f"{status} {failure.words}".strip() or "no reason given"


def _follow(message: Message, address: str, failure: Failure, words: str) -> str:
    """What a mail that came back brings about, in a sentence."""
    if failure.fate == Fate.PERMANENT:
        _mark(message, f"came back: {words}")
        if suspend_if_due(address, words):
            return "Nothing is sent to this address any more."
        return "For good."
    if failure.fate == Fate.PASSING and _send_again(message, f"came back: {words}"):
        return "It is sent again later."
    _mark(message, f"came back: {words}")
    if failure.fate == Fate.PASSING:
        return "It is not sent again."
    return "That says nothing about the address."


def _elsewhere(message: Message, incoming: IncomingMail, failure: Failure) -> str:
    """From an address that we never wrote to, such as one that the reader forwards to."""
    other = min(failure.addresses)
    words = f"from {other}: {_in_words(failure)}"
    if failure.fate not in {Fate.LATE, Fate.ARRIVED}:
        _store(message, incoming, message.address.lower(), None, words)
        _mark(message, f"came back {words}")
    return f"The mail to {message.address} came back {words}. Not counted."


def _store(
    message: Message, incoming: IncomingMail, address: str, failure: Failure | None, words: str
) -> None:
    """One row; a second permanent one of the same message and address is left out."""
    row = Bounce(
        address=address,
        message=message,
        incoming=incoming,
        is_permanent=failure is not None and failure.fate == Fate.PERMANENT,
        status=failure.status[:20] if failure is not None else "",
        words=words[:500],
    )
    Bounce.objects.bulk_create([row], ignore_conflicts=True)


def _send_again(message: Message, words: str) -> bool:
    """Queue it again, each time after a longer wait; False after the last time."""
    times = Bounce.objects.filter(message=message, is_permanent=False).count()
    if times > len(WAITS):
        return False
    return sending.queue_again(message, timezone.now() + WAITS[times - 1], words)


def _mark(message: Message, words: str) -> None:
    """The outbox shows it beside the state, which stays."""
    Message.objects.filter(pk=message.pk, state=Message.State.SENT).update(last_error=words[:500])
