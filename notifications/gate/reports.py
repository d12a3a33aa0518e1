"""A new report by mail: the filled-in form of `send-problem template`, or free text with a subject.

Where it belongs is said by `places`. Command lines may stand above either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from django.conf import settings

from accounts.models import Person
from notifications.gate import commands, contents, places
from notifications.gate.addresses import ReportTo, reply_address
from notifications.gate.commands import COMMANDS, Leading, shown
from notifications.gate.parsed import IncomingFile, ParsedMail
from notifications.gate.report_form import read_form
from notifications.gate.results import Done, Refusal
from notifications.outbox.envelopes import tells_of_problems, thread_id
from tracker.drafts import DraftErrors, ProblemDraft
from tracker.models import Door, Problem
from tracker.services import report
from tracker.similar import MOST, WORTH_A_LOOK, Similar, similar_problems
from tracker.suggesting import Suggestion
from tracker.text import clean_text

NAMED_SIMILAR: Final = 3
# Of an attached one; what is longer is no form that somebody filled in, and is kept as a file.
LONGEST_FORM: Final = 1_000_000
_TRUTH: Final = {"": False, "no": False, "n": False, "false": False,
                 "yes": True, "y": True, "true": True}  # fmt: skip
_THREAD: Final = re.compile(r"problem-(\d{1,18})@", re.ASCII)
_TEXTS: Final = ("description", "how_to_repeat")
_NAMES: Final = {"is_confidential": "Confidential", "how_to_repeat": "How-To-Repeat"}


@dataclass
class _Read:
    """A report as it was read: the draft, its files, and whether a form was filled in."""

    draft: ProblemDraft
    files: list[IncomingFile]
    is_form: bool = False


def take(mail: ParsedMail, person: Person, recipient: ReportTo) -> Done:
    """Report what the mail says. Raises `Refusal`, `DraftErrors` and `Denied`."""
    leading = commands.read_leading(mail.own_text)
    _check_orders(leading)
    if leading.words == {"help"} and not contents.has_words(leading.rest):
        return Done("asked for help", answer=how_to_report())
    read = _read(mail, leading)
    if not read.is_form and not recipient.place:
        _check_it_answers_nothing(mail)
    _apply_orders(read.draft, leading)
    places.put(read.draft, recipient.place)
    similar = similar_problems(
        person, read.draft.product, read.draft.synopsis, read.draft.description, MOST
    )
    guess = places.find_component(read.draft, similar)
    kept = contents.keep(read.files, None)
    try:
        problem = report(read.draft, person, Door.MAIL)
    except DraftErrors as faults:
        raise Refusal(_sentences(faults, read)) from faults
    contents.attach_files(problem, person, kept.files)
    answer = _answer(problem, person, guess, similar, [*kept.left_out, *mail.faults])
    return Done(f"reported #{problem.pk}", problem, answer=answer)


def how_to_report() -> str:
    """What a mail to this address must be, and the addresses."""
    return (
        "A mail to this address is a new report: its subject says in one line what is wrong, its "
        "text what happens. The filled-in form of “send-problem template” is taken, too.\n\n"
        + places.addresses(places.active_products())
        + f"\n\nMore: {settings.BASE_URL}/mail/help"
    )


def _check_orders(leading: Leading) -> None:
    faults = list(leading.faults)
    faults += [
        f"“{shown(order.line)}”: this is for problems that were reported before; "
        "write it in an answer to a mail about the problem."
        for order in leading.orders
        if not COMMANDS[order.word].is_for_reports
    ]
    if faults:
        raise Refusal(faults)


def _check_it_answers_nothing(mail: ParsedMail) -> None:
    """An answer to a digest, say, comes here where reports go to the address that we write from."""
    if not any(tells_of_problems(each) for each in mail.references):
        return
    numbers = {found[1] for each in mail.references if (found := _THREAD.match(each))}
    pages = [
        f"{settings.BASE_URL}/{number}"
        for number in sorted(numbers, key=int)
        if thread_id(int(number)) in mail.references
    ]
    where = f": {pages[0]}" if len(pages) == 1 else ""
    how = "answer a mail about that one problem, to the address in its Reply-To"
    raise Refusal(
        [
            "It answers a mail of ours, but came to the address of new reports.",
            f"To say something about a problem, {how}, or write on its page{where}",
            "To report a new problem, write a new mail instead of an answer.",
        ]
    )


def _read(mail: ParsedMail, leading: Leading) -> _Read:
    """The form, in the mail or as its only text, or else the free text with its subject."""
    files = list(mail.files)
    text = leading.rest
    if not contents.has_words(text) and len(files) == 1 and _is_text(files[0]):
        attached = files[0].content.decode("utf-8-sig", "replace")
        if read_form(attached) is not None:
            text, files = attached, []
    form = read_form(clean_text(text))
    if form is None:
        return _free_text(mail, text, files)
    if form.faults:
        raise Refusal(form.faults)
    truth = form.values.pop("is_confidential", "").lower()
    if truth not in _TRUTH:
        raise Refusal([f"“Confidential: {shown(truth)}”: write yes or no."])
    draft = ProblemDraft(**form.values, is_confidential=_TRUTH[truth])
    draft.synopsis = draft.synopsis or places.synopsis_of(mail.subject)
    return _with_texts(draft, files, mail, is_form=True)


def _is_text(file: IncomingFile) -> bool:
    return file.content_type.startswith("text/") and len(file.content) <= LONGEST_FORM


def _free_text(mail: ParsedMail, text: str, files: list[IncomingFile]) -> _Read:
    synopsis = places.synopsis_of(mail.subject)
    if not synopsis:
        raise Refusal(
            ["Your mail has no subject. Say there in one line what is wrong, and send it again."]
        )
    read = _with_texts(ProblemDraft(synopsis=synopsis, description=text), files, mail)
    if not contents.has_words(read.draft.description):
        if not contents.keep(read.files, None).files:
            none = "no text of your own, only what it quotes or passes on"
            why = f"Your mail has {none if contents.has_words(mail.text) else 'no text'}."
            raise Refusal([f"{why} Say what happens, and what you expected.", *mail.faults])
        read.draft.description = synopsis
    return read


def _with_texts(
    draft: ProblemDraft, files: list[IncomingFile], mail: ParsedMail, *, is_form: bool = False
) -> _Read:
    """Texts that are too long, and patches, become files."""
    for name in _TEXTS:
        patch = mail.patch if name == "description" else None
        body = contents.body_of(getattr(draft, name), patch)
        setattr(draft, name, body.words)
        files = [*files, *body.files]
    return _Read(draft, files, is_form)


def _apply_orders(draft: ProblemDraft, leading: Leading) -> None:
    names = {field.name for field in fields(draft)}
    for order in leading.orders:
        for name, value in order.fields.items():
            if name in names:
                setattr(draft, name, value)


def _sentences(faults: DraftErrors, read: _Read) -> list[str]:
    """What is wrong, with the name of the field where it has one for its writer."""
    return [
        f"{_NAMES.get(name, name.title())}: {sentence}" if read.is_form else sentence
        for name, found in faults.errors.items()
        for sentence in found
    ]


def _answer(
    problem: Problem,
    person: Person,
    guess: Suggestion | None,
    similar: Sequence[Similar],
    left_out: Sequence[str],
) -> str:
    told = [
        f"This is problem #{problem.pk}, and your +1 is on it.\n{_url(problem)}",
        f"It is in {problem.product}/{problem.component}."
        + (f" {guess.reason}. If that is wrong, say so in an answer to this mail." if guess else "")
        + (" It is confidential." if problem.is_confidential else ""),
        "To add something, answer this mail; files come along.",
    ]
    if left_out:
        told.append("What was not kept, or not understood: " + " ".join(left_out))
    likely = [each for each in similar if each.score >= WORTH_A_LOOK][:NAMED_SIMILAR]
    if likely:
        told.append("Is it one of these? Then press +1 there, and say so in an answer here.")
        told += [_likely(each.problem, person) for each in likely]
    return "\n\n".join(told)


def _likely(problem: Problem, person: Person) -> str:
    state = problem.resolution or problem.state
    address = reply_address(person.pk, problem.pk)
    by_mail = f"\n+1 by mail, to: {address}" if address else ""
    words = f"#{problem.pk} {problem.synopsis} ({state}, +{problem.votes})"
    return f"{words}\n{_url(problem)}{by_mail}"


def _url(problem: Problem) -> str:
    return f"{settings.BASE_URL}{problem.get_absolute_url()}"
