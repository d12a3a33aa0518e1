"""From a row of the outbox to the mail that its reader gets, made when it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formataddr, parseaddr

from django.conf import settings
from django.template.loader import render_to_string

from notifications.backends.base import NULL_PATH, OutgoingMail
from notifications.bulk_mail import bulk_words
from notifications.digest_content import Window
from notifications.digest_kinds import compose_kind, why_not
from notifications.digest_mail import DigestWords, digest_words
from notifications.digest_votes import bind_tellings
from notifications.envelopes import list_id, thread_id, unsubscribe_url
from notifications.event_mail import event_words
from notifications.gate.addresses import bounce_address, reply_address
from notifications.gate.suspension import is_suspended
from notifications.models import Message
from notifications.plain import wrap
from notifications.policies import may_know, writable
from tracker.models import Event
from tracker.text import clean_line

# A subject longer than this is cut by every reader of mail.
LONGEST_SUBJECT = 150


class Withheld(Exception):
    """Its reader may no longer see what it tells, or is told otherwise."""


class NothingToSay(Exception):
    """The digest would have nothing in it."""


def render(message: Message) -> OutgoingMail:
    """The complete mail. Raises `Withheld` and `NothingToSay`."""
    is_for_member = message.person is not None and message.kind != Message.Kind.ACCOUNT
    if is_for_member and not writable([message.person]):  # type: ignore[list-item]
        raise Withheld("Its reader's account is closed.")
    if message.kind != Message.Kind.ACCOUNT and _is_suspended(message):
        raise Withheld("Mail to this address came back several times; nothing is sent there.")
    if message.kind == Message.Kind.EVENT:
        return _event_mail(message)
    if message.kind == Message.Kind.DIGEST:
        return _digest_mail(message)
    if message.kind == Message.Kind.BULK:
        return _bulk_mail(message)
    if message.kind == Message.Kind.ANSWER:
        return _answer_mail(message)
    html = message.html or render_to_string("mail/account.html", {"text": message.text})
    return _mail(message, message.subject, message.text, html, {})


def _is_suspended(message: Message) -> bool:
    """A person's row tells it without a query."""
    if message.person is not None and message.kind != Message.Kind.ANSWER:
        return message.person.mail_suspended_at is not None
    return is_suspended(message.address)


def _event_mail(message: Message) -> OutgoingMail:
    events = Event.objects.select_related(
        "problem__product", "problem__component__product", "actor", "comment", "attachment"
    )
    event = events.get(pk=message.event_id or 0)
    problem, person = event.problem, message.person
    assert person is not None  # noqa: S101 - held by a constraint of the table
    if not may_know(problem, [person]):
        raise Withheld("Its reader may no longer see the problem.")
    if event.attachment is not None and event.attachment.comment_id is not None:
        raise Withheld("The file came with a comment, whose mail names it.")
    stop_url = unsubscribe_url(person.pk, message.reach, message.target_id)
    words = event_words(message, event, person, stop_url)
    thread = f"<{thread_id(problem.pk)}>"
    subject = f"[{problem.product}/{problem.component}] #{problem.pk} {problem.synopsis}"
    headers = {
        "In-Reply-To": thread,
        "References": thread,
        "List-Id": list_id(problem.component),
        "X-Groundswell-Reason": message.reason,
        "X-Groundswell-Problem": str(problem.pk),
        "X-Groundswell-Event": event.kind,
        **_one_click(stop_url),
    }
    html = render_to_string("mail/event.html", words.for_html())
    mail = _mail(message, subject, words.as_text(), html, headers)
    mail.reply_to = _reply_to(message)
    if event.actor is not None:
        mail.from_email = _from(f"{event.actor.handle} via Groundswell")
    return mail


def _bulk_mail(message: Message) -> OutgoingMail:
    words = bulk_words(message)
    if words is None:
        raise Withheld("Nothing of it concerns its reader any more.")
    headers = {"X-Groundswell-Reason": "bulk", "X-Groundswell-Bulk": str(message.bulk_change_id)}
    html = render_to_string("mail/bulk.html", words.for_html())
    mail = _mail(message, words.headline, words.as_text(), html, headers)
    mail.from_email = _from(f"{words.actor} via Groundswell")
    return mail


def _answer_mail(message: Message) -> OutgoingMail:
    """RFC 3834: marked as automatic, and what comes back of it goes to nobody."""
    headers = {"Auto-Submitted": "auto-replied", "X-Groundswell-Reason": "answer"}
    if message.in_reply_to:
        headers["In-Reply-To"] = headers["References"] = f"<{message.in_reply_to}>"
    html = render_to_string("mail/account.html", {"text": message.text})
    mail = _mail(message, message.subject, message.text, html, headers)
    # It answers a mail from this address, which need not be the one of the account.
    mail.to = [message.address]
    mail.return_path = NULL_PATH
    if message.person_id and message.problem_id:
        mail.reply_to = _reply_to(message)
    return mail


def _digest_mail(message: Message) -> OutgoingMail:
    delivery = message.delivery
    assert delivery is not None  # noqa: S101 - held by a constraint of the table
    row = delivery.subscription
    if message.person is not None:
        # The same, and known already.
        row.person = message.person
    if reason := why_not(row):
        raise Withheld(reason)
    window = Window(delivery.covers_from, delivery.covers_until)
    digest = compose_kind(row, window, message_pk=message.pk)
    if not digest.is_worth_sending:
        raise NothingToSay("Nothing to say.")
    # By no other mail, unless this one never arrives.
    bind_tellings(message, digest)
    words = digest_words(digest, row)
    html = render_to_string("mail/digest.html", words.for_html())
    return _mail(message, words.subject, words.as_text(), html, _digest_headers(words))


def _digest_headers(words: DigestWords) -> dict[str, str]:
    """One reader of a list must not end it for all by one click, so its mails offer none."""
    component = words.row.component
    if component is None:
        kind = {"X-Groundswell-Reason": "digest", "X-Groundswell-Digest": words.row.kind}
        return kind | _one_click(words.stop_url)
    return {
        "X-Groundswell-Reason": "list",
        "X-Groundswell-Digest": words.row.kind,
        "List-Id": list_id(component),
    }


def _mail(
    message: Message, subject: str, text: str, html: str, headers: Mapping[str, str]
) -> OutgoingMail:
    """Every mail of ours. What people typed into the subject becomes one line."""
    own_address = message.kind == Message.Kind.ACCOUNT or message.person is None
    mail = OutgoingMail(
        subject=clean_line(subject)[:LONGEST_SUBJECT],
        body=wrap(text),
        from_email=_from("Groundswell"),
        to=[message.address if own_address else message.person.email],  # type: ignore[union-attr]
        headers={
            "Message-ID": f"<{message.message_id}>",
            "Auto-Submitted": "auto-generated",
            "X-Groundswell-Reason": "account",
            **headers,
        },
    )
    mail.attach_alternative(html, "text/html")
    mail.return_path = bounce_address(message.pk)
    return mail


def _reply_to(message: Message) -> list[str]:
    """The address at which this person's answer is a comment on this problem."""
    address = reply_address(message.person_id or 0, message.problem_id or 0)
    return [address] if address else []


def _one_click(stop_url: str) -> dict[str, str]:
    """RFC 8058: a reader of mail ends it by a POST, without opening a page."""
    return {
        "List-Unsubscribe": f"<{stop_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _from(name: str) -> str:
    """Our own address under another name; the operator's name for it stands otherwise."""
    ours, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return formataddr((name if ours in {"", "Groundswell"} or " via " in name else ours, address))
