"""From a row of the outbox to the mail that its reader gets, made when it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from email.utils import formataddr, parseaddr
from functools import lru_cache
from typing import TypeVar

from django.conf import settings
from django.template.loader import render_to_string

from accounts.models import Person
from notifications.backends.base import NULL_PATH, OutgoingMail, ReadyMail
from notifications.deeds import voted_for
from notifications.digests.content import Reader, read_ahead, readers
from notifications.digests.extra import is_stale
from notifications.digests.kinds import compose_kind, why_not
from notifications.digests.mail import DigestWords, digest_words, problems_of
from notifications.digests.shapes import Digest, Window
from notifications.digests.shared import Writer, is_shared
from notifications.digests.votes import bind_tellings
from notifications.events.adding_up import grounds_of, left_of, told_by
from notifications.events.bulk_mail import bulk_words
from notifications.events.mail import event_words
from notifications.events.roundup_mail import roundup_words
from notifications.gate.addresses import bounce_address, patch_reply_address, reply_address
from notifications.gate.suspension import is_suspended
from notifications.models import DigestSubscription, Message, Reason, Telling
from notifications.outbox.envelopes import (
    BULK_REACH,
    OWN_ACTS_REACH,
    PATCH_REACH,
    ROUNDUP_REACH,
    host,
    list_id,
    patch_list_id,
    patch_thread_id,
    thread_id,
    unsubscribe_url,
)
from notifications.patches.lists import ListWords, told_to_list
from notifications.patches.mail import list_words, patch_words
from notifications.patches.mail import told_by as patch_events_of
from notifications.plain import wrap
from notifications.policies import may_know, writable
from patches.models import Patch
from tracker.models import Event, Problem
from tracker.text import clean_line

# A subject longer than this is cut by every reader of mail.
LONGEST_SUBJECT = 150


class Withheld(Exception):
    """Its reader may no longer see what it tells, or is told otherwise."""


class NothingToSay(Exception):
    """The digest would have nothing in it."""


def render(message: Message) -> OutgoingMail:
    """The complete mail. Raises `Withheld` and `NothingToSay`."""
    _check_reader(message)
    if message.kind == Message.Kind.EVENT:
        return _event_mail(message)
    if message.kind == Message.Kind.PATCH:
        return _patch_mail(message) if message.person is not None else _patch_list_mail(message)
    if message.kind == Message.Kind.ROUNDUP:
        return _roundup_mail(message)
    if message.kind == Message.Kind.DIGEST:
        return _digest_mail(message)
    if message.kind == Message.Kind.BULK:
        return _bulk_mail(message)
    if message.kind == Message.Kind.ANSWER:
        return _answer_mail(message)
    html = message.html or render_to_string("mail/account.html", {"text": message.text})
    return _mail(message, message.subject, message.text, html, {})


def _check_reader(message: Message) -> None:
    """Whether mail may go there at all. Raises `Withheld`."""
    is_for_member = message.person is not None and message.kind != Message.Kind.ACCOUNT
    if is_for_member and not writable([message.person]):  # type: ignore[list-item]
        raise Withheld("Its reader's account is closed.")
    if message.kind != Message.Kind.ACCOUNT and _is_suspended(message):
        raise Withheld("Mail to this address came back several times; nothing is sent there.")


def _is_suspended(message: Message) -> bool:
    """A person's row tells it without a query."""
    if message.person is not None and message.kind != Message.Kind.ANSWER:
        return message.person.mail_suspended_at is not None
    return is_suspended(message.address)


def _event_mail(message: Message) -> OutgoingMail:
    person = message.person
    assert person is not None  # noqa: S101 - held by a constraint of the table
    grounds = grounds_of(message)
    told = told_by(grounds)
    if not told:
        raise Withheld("Its reader has muted what it tells.")
    problem = told[0].problem
    if not may_know(problem, [person]):
        raise Withheld("Its reader may no longer see the problem.")
    events = left_of(told, message)
    if not events:
        raise Withheld("What it would tell was undone, taken away or told with something else.")
    ground = grounds[0]
    stop_url = _stop_url(person, ground)
    words = event_words(message, ground, events, stop_url)
    headers = {**_about(problem), **_event_headers(events, ground), **_one_click(stop_url)}
    subject = f"[{problem.product}/{problem.component}] #{problem.pk} {problem.synopsis}"
    html = render_to_string("mail/event.html", words.for_html())
    mail = _mail(message, subject, words.as_text(), html, headers)
    mail.reply_to = _reply_to(message)
    if any(event.actor for event in events):
        mail.from_email = _from(f"{_listed(words.actors)} via Groundswell")
    return mail


def _patch_mail(message: Message) -> OutgoingMail:
    """Sight is asked again here: of what was hidden or muted meanwhile nothing is left."""
    person, events = message.person, patch_events_of(message)
    assert person is not None  # noqa: S101 - the others are those of lists
    if not events:
        raise Withheld("Nothing of it is left to tell, or its reader may not see it any more.")
    patch = events[0].patch
    stop_url = unsubscribe_url(person.pk, PATCH_REACH, patch.pk)
    words = patch_words(message, events, stop_url)
    headers = {
        **_about_patch(patch, words.place),
        "X-Groundswell-Reason": words.ground,
        "X-Groundswell-Event": ", ".join(dict.fromkeys(event.kind for event in events)),
        **_one_click(stop_url),
    }
    html = render_to_string("mail/patch.html", words.for_html())
    mail = _mail(message, words.subject, words.as_text(), html, headers)
    address = patch_reply_address(person.pk, patch.pk)
    mail.reply_to = [address] if address else []
    actors = dict.fromkeys(clean_line(e.actor.handle) for e in events if e.actor is not None)
    if actors:
        mail.from_email = _from(f"{_listed(list(actors))} via Groundswell")
    return mail


def _patch_list_mail(message: Message) -> OutgoingMail:
    """To the list of a component: any reader of it could end it for all, so no link does."""
    told = told_to_list(message)
    if not told:
        raise Withheld("All of it was reviewed or hidden meanwhile, or has another list now.")
    first, words = told[0], ListWords(told)
    headers = {
        "List-Id": list_id(first.component),
        "X-Groundswell-Reason": "list",
        "X-Groundswell-Event": first.event.kind,
    }
    if len(told) > 1:
        html = render_to_string("mail/patches.html", words.for_html())
        return _mail(message, words.subject, words.as_text(), html, headers)
    alone = list_words(first.event, first.component)
    html = render_to_string("mail/patch.html", alone.for_html())
    headers = _about_patch(first.patch, alone.place) | headers
    return _mail(message, alone.subject, alone.as_text(), html, headers)


def _about_patch(patch: Patch, place: str) -> dict[str, str]:
    """What a filter may want to know of the patch, as it is now; and its thread."""
    thread = f"<{patch_thread_id(patch.pk)}>"
    component = place.partition("/")[2]
    return {
        "In-Reply-To": thread,
        "References": thread,
        "List-Id": patch_list_id(patch.product),
        "X-Groundswell-Patch": str(patch.pk),
        "X-Groundswell-Product": patch.product.slug,
        **({"X-Groundswell-Component": component} if component else {}),
        "X-Groundswell-State": patch.state,
        "X-Groundswell-Turn": patch.turn,
    }


def _stop_url(person: Person, ground: Telling | Message) -> str:
    if ground.reason == Reason.OWN_ACT:
        return unsubscribe_url(person.pk, OWN_ACTS_REACH, None)
    return unsubscribe_url(person.pk, ground.reach, ground.target_id)


def _about(problem: Problem) -> dict[str, str]:
    """What a filter may want to know of the problem, as it is now; and its thread."""
    thread = f"<{thread_id(problem.pk)}>"
    return {
        "In-Reply-To": thread,
        "References": thread,
        "List-Id": list_id(problem.component),
        "X-Groundswell-Problem": str(problem.pk),
        "X-Groundswell-Product": problem.product.slug,
        "X-Groundswell-Component": problem.component.slug,
        "X-Groundswell-State": problem.state,
        "X-Groundswell-Severity": problem.severity,
    }


def _event_headers(events: Sequence[Event], ground: Telling | Message) -> dict[str, str]:
    kinds = dict.fromkeys(event.kind for event in events)
    return {"X-Groundswell-Reason": ground.reason, "X-Groundswell-Event": ", ".join(kinds)}


def _listed(names: Sequence[str]) -> str:
    """The first two of them, and how many more there are."""
    if len(names) > 2:
        return f"{names[0]} and {len(names) - 1} others"
    return " and ".join(names)


def _roundup_mail(message: Message) -> OutgoingMail:
    person = message.person
    assert person is not None  # noqa: S101 - held by a constraint of the table
    stop_url = unsubscribe_url(person.pk, ROUNDUP_REACH, None)
    words = roundup_words(message, person, stop_url)
    if words is None:
        raise Withheld("Nothing of it is left to tell.")
    headers = {"X-Groundswell-Reason": "hourly", **_one_click(stop_url)}
    html = render_to_string("mail/roundup.html", words.for_html())
    return _mail(message, words.headline, words.as_text(), html, headers)


def _bulk_mail(message: Message) -> OutgoingMail:
    stop_url = unsubscribe_url(message.person_id or 0, BULK_REACH, message.bulk_change_id)
    words = bulk_words(message, stop_url)
    if words is None:
        raise Withheld("Nothing of it concerns its reader any more.")
    headers = {
        "X-Groundswell-Reason": "bulk",
        "X-Groundswell-Bulk": str(message.bulk_change_id),
        **_one_click(stop_url),
    }
    html = render_to_string("mail/bulk.html", words.for_html())
    mail = _mail(message, words.headline, words.as_text(), html, headers)
    mail.from_email = _from(f"{words.actor} via Groundswell")
    return mail


def _answer_mail(message: Message) -> OutgoingMail:
    """RFC 3834: marked as automatic, and what comes back of it goes to nobody."""
    problem, person = message.problem, message.person
    if problem is not None and person is not None and not may_know(problem, [person]):
        raise Withheld("Its reader may no longer see the problem.")
    if is_stale(message):
        raise Withheld("It waited for an hour; what it says may be so no more.")
    headers = {"Auto-Submitted": "auto-replied", "X-Groundswell-Reason": "answer"}
    if message.in_reply_to:
        headers["In-Reply-To"] = headers["References"] = f"<{message.in_reply_to}>"
    html = message.html or render_to_string("mail/account.html", {"text": message.text})
    mail = _mail(message, message.subject, message.text, html, headers)
    # It answers a mail from this address, which need not be the one of the account.
    mail.to = [message.address]
    mail.return_path = NULL_PATH
    if problem is not None and person is not None:
        mail.reply_to = _reply_to(message)
    return mail


def _digest_mail(message: Message) -> OutgoingMail:
    digest, row = _digest(message)
    # By no other mail, unless this one never arrives.
    bind_tellings(message, digest)
    words = digest_words(digest, row)
    headers = _digest_headers(row, words.stop_url)
    return _mail(message, words.subject, words.as_text(), _digest_html(words), headers)


def _digest(message: Message, reader: Reader | None = None) -> tuple[Digest, DigestSubscription]:
    """What a digest tells, and whose it is. Raises `Withheld` and `NothingToSay`."""
    delivery = message.delivery
    assert delivery is not None  # noqa: S101 - held by a constraint of the table
    row = delivery.subscription
    if message.person is not None:
        # The same, and known already.
        row.person = message.person
    if reason := why_not(row):
        raise Withheld(reason)
    window = Window(delivery.covers_from, delivery.covers_until)
    digest = compose_kind(row, window, message_pk=message.pk, reader=reader)
    if not digest.is_worth_sending:
        raise NothingToSay("Nothing to say.")
    return digest, row


def _digest_html(words: DigestWords) -> str:
    return render_to_string("mail/digest.html", words.for_html())


Rendered = OutgoingMail | Exception
T = TypeVar("T")


class Renderer:
    """Renders many messages: what digests share is read and written once."""

    def __init__(self) -> None:
        self._writer = Writer(_digest_html)

    def render(self, messages: Sequence[Message]) -> list[tuple[Message, Rendered]]:
        """Each message with its mail, or with what `render` would have raised."""
        shared = [message for message in messages if is_shared(message)]
        composed = self._composed(shared)
        voted = _voted({pk: d for pk, d in composed.items() if not isinstance(d, Exception)})
        found: list[tuple[Message, Rendered]] = []
        for message in messages:
            digest = composed.get(message.pk)
            if digest is None:
                found.append((message, _tried(render, message)))
            elif isinstance(digest, Exception):
                found.append((message, digest))
            else:
                found.append((message, self._shared(message, *digest, voted[message.pk])))
        return found

    def _composed(
        self, messages: Sequence[Message]
    ) -> dict[int, tuple[Digest, DigestSubscription] | Exception]:
        people = [message.person for message in messages if message.person is not None]
        known = readers(people) if people else {}
        read_ahead(list(known.values()))

        def compose_one(message: Message) -> tuple[Digest, DigestSubscription]:
            _check_reader(message)
            return _digest(message, known[message.person_id or 0])

        return {message.pk: _tried(compose_one, message) for message in messages}

    def _shared(
        self, message: Message, digest: Digest, row: DigestSubscription, voted: set[int]
    ) -> OutgoingMail:
        bind_tellings(message, digest)
        written = self._writer.write(digest, row, voted)
        headers = _digest_headers(row, written.stop_url)
        if written.are_parts:
            ready = _addressed(ReadyMail, message, written.subject, headers)
            ready.parts = written.text, written.html
            return ready
        mail = _addressed(OutgoingMail, message, written.subject, headers)
        mail.body = written.text.decode()
        mail.attach_alternative(written.html.decode(), "text/html")
        return mail


def _voted(told: Mapping[int, tuple[Digest, DigestSubscription]]) -> dict[int, set[int]]:
    """What the reader of each digest voted for of what it tells, by message. One query."""
    same = {pk: tuple(map(id, digest.sections)) for pk, (digest, _) in told.items()}
    apart = {same[pk]: digest for pk, (digest, _) in told.items()}
    problems = {key: {p.pk: p for p in problems_of(digest)} for key, digest in apart.items()}
    every = {number: p for found in problems.values() for number, p in found.items()}
    readers = [row.reader for _, row in told.values()]
    voted = voted_for(readers, every.values()) if told else {}
    return {
        pk: voted[row.reader.pk].intersection(problems[same[pk]]) for pk, (_, row) in told.items()
    }


def _tried(make: Callable[[Message], T], message: Message) -> T | Exception:
    try:
        return make(message)
    except Exception as error:  # whoever sends it knows what each kind means
        return error


def _digest_headers(row: DigestSubscription, stop_url: str) -> dict[str, str]:
    """One reader of a list must not end it for all by one click, so its mails offer none."""
    component = row.component
    if component is None:
        kind = {"X-Groundswell-Reason": "digest", "X-Groundswell-Digest": row.kind}
        return kind | _one_click(stop_url)
    return {
        "X-Groundswell-Reason": "list",
        "X-Groundswell-Digest": row.kind,
        "List-Id": list_id(component),
    }


def _mail(
    message: Message, subject: str, text: str, html: str, headers: Mapping[str, str]
) -> OutgoingMail:
    mail = _addressed(OutgoingMail, message, subject, headers)
    mail.body = wrap(text)
    mail.attach_alternative(html, "text/html")
    return mail


M = TypeVar("M", bound=OutgoingMail)


def _addressed(kind: type[M], message: Message, subject: str, headers: Mapping[str, str]) -> M:
    """Every mail of ours, without its text. What people typed into the subject becomes a line."""
    own_address = message.kind == Message.Kind.ACCOUNT or message.person is None
    mail = kind(
        subject=_header(subject)[:LONGEST_SUBJECT],
        from_email=_from("Groundswell"),
        to=[message.address if own_address else message.person.email],  # type: ignore[union-attr]
        headers={
            "Message-ID": f"<{message.message_id}>",
            "Auto-Submitted": "auto-generated",
            "X-Loop": host(),
            "X-Groundswell-Reason": "account",
            **{name: _header(value) for name, value in headers.items()},
        },
    )
    mail.return_path = bounce_address(message.pk)
    return mail


def _header(value: str) -> str:
    """One line, in which nothing reads like the encoding of something else."""
    if value.isascii() and value.isprintable() and " " not in value and "=?" not in value:
        return value
    return clean_line(value).replace("=?", "= ?")


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
    return _our_address(name, settings.DEFAULT_FROM_EMAIL)


@lru_cache(maxsize=64)
def _our_address(name: str, given: str) -> str:
    ours, address = parseaddr(given)
    shown = name if ours in {"", "Groundswell"} or " via " in name else ours
    return formataddr((_header(shown), address))
