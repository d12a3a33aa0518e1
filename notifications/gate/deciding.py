"""What becomes of a message that was read. Everything here runs in the transaction of its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import transaction

from accounts.models import Person
from accounts.policies import Denied
from notifications.gate import acting, bounces, loops, polite, senders
from notifications.gate import held as holding
from notifications.gate.addresses import BounceOf, NoSuchAddress, Recipient, ReplyTo, read_recipient
from notifications.gate.answers import queue_answer, reply_subject
from notifications.gate.models import HeldMail, IncomingMail
from notifications.gate.parsed import ParsedMail
from notifications.policies import writable
from tracker.models import Comment, Problem
from tracker.text import clean_line

State = IncomingMail.State

_TOO_MANY_TEXT: Final = (
    f"More than {loops.AN_HOUR_AT_MOST} mails of yours came in within an hour, which is more than "
    "one person writes as a rule. Nothing was done with this one, and nothing is done with the "
    "next for the rest of the hour; you are told only once. Send them again later. An "
    "administrator can have them read again, too."
)


@dataclass(frozen=True)
class Reading:
    """A message after all that takes long. `signed_by` is a domain, "" for none."""

    raw: bytes
    mail: ParsedMail
    signed_by: str = ""


@dataclass(frozen=True)
class End:
    """What became of a message."""

    state: IncomingMail.State
    outcome: str
    person: Person | None = None
    problem: Problem | None = None
    comment: Comment | None = None


def decide(incoming: IncomingMail, reading: Reading) -> End:
    """What a message that just came in does."""
    mail = reading.mail
    try:
        recipient = read_recipient(incoming.recipient)
    except NoSuchAddress as error:
        return End(State.REFUSED, str(error))
    if isinstance(recipient, BounceOf) or mail.is_bounce:
        return End(State.IGNORED, bounces.take(mail, reading.raw, incoming, recipient))
    why = senders.why_automatic(mail)
    if why:
        return End(State.IGNORED, f"Automatic: {why}.")
    try:
        senders.check_recipient(recipient)
    except NoSuchAddress as error:
        return _void(incoming, mail, recipient, str(error))
    return _by_sender(incoming, reading, recipient)


def _by_sender(incoming: IncomingMail, reading: Reading, recipient: Recipient) -> End:
    verdict = senders.whose(reading.mail, recipient, reading.signed_by)
    why = "" if verdict.is_certain else loops.why_too_many(incoming, reading.mail)
    if why:
        return End(State.IGNORED, why)
    if verdict.person is None:
        return End(State.REFUSED, polite.answer_unknown(incoming, reading.mail))
    # One mail of a person after the other: the same by two ways at once is done once, and of two
    # that are asked about not both are the fifth. Without the key, which votes and comments name.
    Person.objects.select_for_update(no_key=True).get(pk=verdict.person.pk)
    if _was_done_before(incoming, reading.mail, verdict.person):
        return End(State.IGNORED, "The same mail did what it says before.", verdict.person)
    if verdict.is_certain:
        return _act_unless_too_many(incoming, reading.mail, verdict.person, recipient)
    if isinstance(recipient, ReplyTo) and not recipient.is_about_something:
        # Whatever its person said, it could do nothing.
        return End(State.REFUSED, acting.NO_PROBLEM, verdict.person)
    outcome = holding.hold(incoming, reading.mail, verdict.person, reading.signed_by)
    return End(State.HELD, outcome, verdict.person)


def _act_unless_too_many(
    incoming: IncomingMail, mail: ParsedMail, person: Person, recipient: Recipient
) -> End:
    why = loops.why_too_many_of(incoming, mail, person)
    if why and not loops.was_told(person):
        _answer(mail.from_address, mail, person, _TOO_MANY_TEXT)
    return End(State.IGNORED, why, person) if why else act(mail, incoming, person, recipient)


def _was_done_before(incoming: IncomingMail, mail: ParsedMail, person: Person) -> bool:
    """Whether somebody sent us a mail of this person again, with other headers around it."""
    message_id = clean_line(mail.message_id)[:255]
    done = IncomingMail.objects.filter(
        person=person, state=State.DONE, recipient__iexact=incoming.recipient
    )
    return bool(message_id) and done.exclude(pk=incoming.pk).filter(message_id=message_id).exists()


def act_confirmed(held: HeldMail, reading: Reading) -> End:
    """What a held message does once its person has said that it is theirs."""
    if not writable([held.person]):
        return End(State.REFUSED, "Its sender's account is closed.", held.person)
    try:
        recipient = read_recipient(held.incoming.recipient)
    except NoSuchAddress as error:
        return End(State.REFUSED, str(error), held.person)
    senders.remember(held.person, held.address, held.dkim_domain)
    return act(reading.mail, held.incoming, held.person, recipient, is_mailed=False)


def act(
    mail: ParsedMail,
    incoming: IncomingMail,
    person: Person,
    recipient: Recipient,
    *,
    is_mailed: bool = True,
) -> End:
    """Do what the mail says as `person`, all or nothing; a refusal is mailed unless shown.

    What is mailed has addresses that act for the person. So of a mail whose sender was not certain
    it goes to the account's address, where the question went.
    """
    to = mail.from_address if is_mailed else person.email
    try:
        with transaction.atomic():
            done = acting.act(mail, incoming, person, recipient)  # type: ignore[arg-type]
    except (acting.Refusal, Denied) as refusal:
        sentences = [refusal.reason] if isinstance(refusal, Denied) else refusal.sentences
        if is_mailed:
            _answer(to, mail, person, _refusal_text(sentences))
        return End(State.REFUSED, " ".join(sentences), person)
    if done.answer:
        _answer(to, mail, person, done.answer, done.problem)
    return End(State.DONE, done.outcome, person, done.problem, done.comment)


def _refusal_text(sentences: list[str]) -> str:
    lines = "\n\n".join(sentences)
    return f"Nothing was done with your mail, for this reason:\n\n{lines}"


def _answer(
    to: str, mail: ParsedMail, person: Person, text: str, problem: Problem | None = None
) -> None:
    queue_answer(to, reply_subject(mail.subject), text, mail.message_id, person, problem)


def _void(incoming: IncomingMail, mail: ParsedMail, recipient: Recipient, reason: str) -> End:
    """An address that takes no mail any more: only its own person is told."""
    person = None
    if isinstance(recipient, ReplyTo):
        person = Person.objects.filter(pk=recipient.person).first()
    why = loops.why_too_many(incoming, mail)
    if why:
        return End(State.IGNORED, why)
    if person is not None and writable([person]) and senders.is_own_address(mail, person):
        _answer(person.email, mail, person, _refusal_text([reason]))
    return End(State.REFUSED, reason, person)
