"""What a mail does: a comment, a vote, a change, a report, with the rights of its sender.

All of a mail or nothing: what is written here is one savepoint in the transaction of `processing`.
The doors of the web do the same by the same services, so a mail can do no more than a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Denied
from notifications import services as subscriptions
from notifications.gate import commands, contents, on_patches, reports
from notifications.gate.addresses import ReplyTo, ReportTo, reply_address, without_keys
from notifications.gate.changing import change_as_ordered, sentence_of
from notifications.gate.commands import Leading
from notifications.gate.contents import Body, Kept
from notifications.gate.models import IncomingMail
from notifications.gate.parsed import ParsedMail
from notifications.gate.plus_one import is_minus_one, is_plus_one
from notifications.gate.results import NOTHING_SAID, SAME_WORDS_WITHIN, Done, Refusal
from notifications.gate.series import problem_begun
from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.duplicates import lock_groups
from tracker.models import Attachment, Comment, Door, Problem
from tracker.policies import visible_problems
from tracker.services import comment
from tracker.text import clean_text
from votes.models import Vote
from votes.services import Environment, VoteRefused, cast_vote, withdraw_vote

__all__ = ["Done", "Refusal", "act"]

NO_PROBLEM: Final = (
    "The address that you wrote to belongs to no problem. Write to the address of a problem: "
    "answer a mail about it, or use its page."
)
NOT_THERE: Final = (
    "The address that you wrote to is not good any more: there is no problem behind it that you "
    "could write about."
)


def act(
    mail: ParsedMail, incoming: IncomingMail, person: Person, recipient: ReplyTo | ReportTo
) -> Done:
    """Do what the mail says as `person`, all or nothing. Runs inside a transaction.

    Raises `Refusal` with sentences for its sender; nothing is written then. Raises `StillGoing`
    where it follows on a mail that is not read yet, or others belong to it.
    """
    mail = replace(mail, own_text=without_keys(mail.own_text))
    try:
        with transaction.atomic():
            if isinstance(recipient, ReportTo):
                begun = problem_begun(mail, incoming, person)
                if begun is None:
                    return reports.take(mail, person, recipient)
                recipient = ReplyTo(person.pk, begun.pk, timezone.now())
            return _reply(mail, incoming, person, recipient)
    except (DraftErrors, Denied, Conflict) as why:
        raise Refusal(_sentences(why, person)) from why


def _sentences(why: DraftErrors | Denied | Conflict, person: Person) -> list[str]:
    sentences = [sentence_of(why)]
    if isinstance(why, VoteRefused) and why.head is not None:
        sentences.append(_way_to(why.head, person))
    return sentences


def _way_to(problem: Problem, person: Person) -> str:
    """Where another problem is, on the web and by mail."""
    address = reply_address(person.pk, problem.pk)
    by_mail = f", or by a mail “+1” to {address}" if address else ""
    return f"#{problem.pk} {problem.synopsis}: {_url(problem)}{by_mail}."


def _url(problem: Problem) -> str:
    return f"{settings.BASE_URL}{problem.get_absolute_url()}"


@dataclass
class _Reply:
    """A mail about one problem, while it is done."""

    problem: Problem
    person: Person
    leading: Leading
    body: Body
    kept: Kept
    faults: Sequence[str] = ()
    did: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    comment: Comment | None = None

    def done(self) -> Done:
        if self.kept.left_out:
            self.says.append("What was not kept of your mail: " + " ".join(self.kept.left_out))
        self.says += self.faults
        outcome = "; ".join(self.did) or "nothing to do"
        return Done(outcome, self.problem, self.comment, "\n\n".join(self.says))


def _reply(mail: ParsedMail, incoming: IncomingMail, person: Person, recipient: ReplyTo) -> Done:
    if recipient.patch:
        return on_patches.reply(mail, incoming, person, recipient.patch)
    leading = commands.read_leading(mail.own_text)
    if leading.faults:
        raise Refusal(leading.faults)
    if leading.words == {"help"} and not contents.has_words(leading.rest):
        return Done("asked for help", answer=_help(recipient.problem))
    if not recipient.problem:
        raise Refusal([NO_PROBLEM])
    problem = visible_problems(person).filter(pk=recipient.problem).first()
    if problem is None:
        raise Refusal([NOT_THERE])
    body = contents.body_of(leading.rest, mail.patch)
    kept = contents.keep([*mail.files, *body.files], problem)
    return _do(_Reply(problem, person, leading, body, kept, mail.faults))


def _do(reply: _Reply) -> Done:
    words, kept = reply.body.words, reply.kept
    has_words = contents.has_words(words)
    if not (has_words or kept.files or reply.leading.orders):
        raise Refusal([NOTHING_SAID, *kept.left_out, *reply.faults])
    if _was_said(reply):
        return Done(f"said on #{reply.problem.pk} already", reply.problem)
    is_vote = is_plus_one(words) or is_minus_one(words)
    _lock_groups_first(reply)
    files = contents.attach_files(reply.problem, reply.person, kept.files)
    _say(reply, files, is_comment=has_words and not is_vote)
    _change(reply)
    _vote(reply)
    _follow(reply)
    return reply.done()


def _was_said(reply: _Reply) -> bool:
    """Whether the same words came from the same person lately: sent twice, or by a program."""
    if reply.kept.files or reply.leading.orders:
        return False
    lately = timezone.now() - SAME_WORDS_WITHIN
    said = reply.problem.comments.filter(author=reply.person, door=Door.MAIL, created_at__gt=lately)
    return said.filter(text=clean_text(reply.body.words)).exists()


def _lock_groups_first(reply: _Reply) -> None:
    """Before the problem's own row, as everybody who changes duplicates does."""
    marks = any("duplicate_of" in order.fields for order in reply.leading.orders)
    if marks or reply.problem.duplicate_of_id is not None:
        lock_groups()


def _help(problem: int) -> str:
    what = "a mail about a problem" if problem else "a mail about a problem, not to this address"
    lines = commands.help_text()
    return (
        f"These lines may stand above all other words of {what}:\n\n{lines}\n\n"
        f"“+1” alone is your vote. More: {settings.BASE_URL}/mail/help"
    )


def _say(reply: _Reply, files: Sequence[Attachment], *, is_comment: bool) -> None:
    """The comment with its files; files without a word stand for themselves."""
    number = reply.problem.pk
    if is_comment:
        reply.comment = comment(
            reply.problem, reply.person, reply.body.words, Door.MAIL, files
        )  # fmt: skip
        reply.did.append(f"commented on #{number}")
        stray = commands.stray_commands(reply.body.words)
        if stray:
            reply.says.append(
                "Commands are read above all other words only, so this was taken as text: "
                + ", ".join(f"“{line}”" for line in stray[:5])
            )
    elif files:
        reply.did.append(f"attached {len(files)} to #{number}")


def _change(reply: _Reply) -> None:
    words = [order.word for order in reply.leading.orders if order.fields]
    event = change_as_ordered(reply.problem, reply.person, reply.leading.orders)
    if words and event is not None:
        reply.did.append(f"changed #{reply.problem.pk}: {', '.join(words)}")
    elif words:
        reply.did.append(f"nothing to change of #{reply.problem.pk}")
        reply.says.append(f"#{reply.problem.pk} was so already; nothing of it was changed.")
    if "help" in reply.leading.words:
        reply.says.append(_help(reply.problem.pk))


def _vote(reply: _Reply) -> None:
    words = reply.leading.words
    if "vote" in words or is_plus_one(reply.body.words):
        release = next((o.rest for o in reply.leading.orders if o.word == "vote"), "")
        _cast(reply, Environment(release=release) if release else None)
    elif "unvote" in words or is_minus_one(reply.body.words):
        was_there = withdraw_vote(reply.problem, reply.person)
        reply.did.append(f"{'took back' if was_there else 'had no'} +1 on #{reply.problem.pk}")
        again = f"To vote again, answer “+1”, or go to {_url(reply.problem)}"
        state = "was taken back" if was_there else "was not there, so nothing has changed"
        reply.says.append(f"Your +1 on #{reply.problem.pk} {state}. {again}")


def _cast(reply: _Reply, environment: Environment | None) -> None:
    problem, person = reply.problem, reply.person
    had = Vote.objects.filter(problem=problem, person=person).exists()
    vote = cast_vote(problem, person, Door.MAIL, environment)
    reply.did.append(f"{'had' if had else 'cast'} +1 on #{problem.pk}")
    undo = f"To undo that, answer “-1”, or go to {_url(problem)}"
    waits = ""
    if vote.status == Vote.Status.WAITING:
        waits = " It counts as soon as your account is a day old."
    was = "was there already" if had else "is counted now" if not waits else "is kept"
    reply.says.append(f"Your +1 on #{problem.pk} {problem.synopsis} {was}.{waits} {undo}")


def _follow(reply: _Reply) -> None:
    words = reply.leading.words
    if "follow" in words:
        subscriptions.subscribe(reply.person, reply.problem)
        reply.did.append(f"follows #{reply.problem.pk}")
    elif "mute" in words:
        subscriptions.mute(reply.person, reply.problem)
        reply.did.append(f"muted #{reply.problem.pk}")
