"""What a mail about a patch does: words, ratings, an answer to having been asked, a new version.

All by the services of the pages, with the rights of its sender, and all of it or nothing: it runs
inside the savepoint of `acting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.models import Person
from notifications.gate import contents
from notifications.gate.commands import Leading
from notifications.gate.models import IncomingMail
from notifications.gate.parsed import IncomingFile, ParsedMail
from notifications.gate.patch_commands import patch_help, read_patch_leading
from notifications.gate.results import NOTHING_SAID, SAME_WORDS_WITHIN, Done, Refusal
from notifications.gate.series import Part, end_with, series_of
from patches import deciding, finding
from patches.intake.submitting import add_version
from patches.models import Patch
from patches.owners import requests
from patches.parsed import NotAPatch, ParsedPatch, Unreadable
from patches.policies import visible_patches
from patches.reviews import dimensions, reviewing
from patches.reviews.rating import Said
from tracker.models import Door
from tracker.text import clean_text

NOT_THERE: Final = (
    "The address that you wrote to is not good any more: there is no patch behind it that you "
    "could write about."
)


def is_given_away(mail: ParsedMail) -> bool:
    """Whether it says that a patch is not its sender's."""
    return "not-mine" in read_patch_leading(mail.own_text, {}).words


@dataclass
class _Reply:
    """A mail about one patch, while it is done; `parsed` is the version that came with it, and
    `series` the mails that it came in, this one first, where they are several."""

    patch: Patch
    person: Person
    leading: Leading
    words: str
    parsed: ParsedPatch | None = None
    series: Sequence[Part] = ()
    did: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"patch {self.patch.pk}"

    @property
    def ratings(self) -> list[Said]:
        """What it rates, in the order of its lines."""
        values = [value for order in self.leading.orders for value in order.fields.values()]
        return [value for value in values if isinstance(value, Said)]


def reply(mail: ParsedMail, incoming: IncomingMail, person: Person, number: int) -> Done:
    """Do what an answer to a mail about a patch says. Raises `Refusal`, `DraftErrors`, `Denied`,
    `Conflict`, and `StillGoing` for a part of a series of which more will come."""
    rows = visible_patches(person).select_related("product", "author", "submitter")
    patch = rows.filter(pk=number).first()
    if patch is None:
        raise Refusal([NOT_THERE])
    known = dimensions.by_slug(patch.product)
    leading = read_patch_leading(mail.own_text, known)
    if leading.faults:
        raise Refusal(leading.faults)
    if leading.words == {"help"} and not contents.has_words(leading.rest):
        return Done("asked for help", answer=_help(patch))
    found = _read(mail, incoming, person, patch, leading)
    found.says += mail.faults
    if not (contents.has_words(found.words) or found.parsed or leading.orders):
        raise Refusal([NOTHING_SAID, *found.says])
    if _was_said(found):
        return Done(f"said on {found.name} already")
    _send_version(found)
    _say(found)
    _answer_request(found)
    _decide(found)
    return Done("; ".join(found.did) or "nothing to do", answer="\n\n".join(found.says))


def _read(
    mail: ParsedMail, incoming: IncomingMail, person: Person, patch: Patch, leading: Leading
) -> _Reply:
    """The words, and where its author sent one, the version."""
    body = contents.body_of(leading.rest, mail.patch)
    diffs = [each for each in (*body.files, *mail.files) if contents.is_patch(each)]
    found = _Reply(patch, person, leading, leading.rest)
    if patch.is_by(person):
        found.series = series_of(mail, incoming)
        found.parsed = _parsed([part.file for part in found.series] or diffs)
    if found.parsed is not None:
        found.words = _what_is_new(found, found.parsed, mail, body.words)
    left = [each for each in mail.files if found.parsed is None or each not in diffs]
    names = ", ".join(f"“{contents.name_of(each)}”" for each in left if _is_meant(each))
    if names:
        found.says.append(
            f"What was not kept of your mail: {names}. A patch has no files; its author's own "
            "diffs become its next version. Attach files to the problem that it fixes."
        )
    return found


def _what_is_new(found: _Reply, parsed: ParsedPatch, mail: ParsedMail, words: str) -> str:
    """What is said of a version: in a mail that git sent words are those of a commit, and what is
    new stands in the letter above a series."""
    if any(part.is_letter for part in found.series):
        return parsed.description
    return "" if mail.patch is not None and mail.patch.head else words


def _is_meant(file: IncomingFile) -> bool:
    """Whether its sender would miss it: no picture or key of a signature."""
    return bool(contents.keep([file], None).files)


def _parsed(diffs: Sequence[IncomingFile]) -> ParsedPatch | None:
    if not diffs:
        return None
    try:
        return finding.read_files([(contents.name_of(each), each.content) for each in diffs])
    except Unreadable as why:
        raise Refusal([f"The diff in your mail cannot be read. {why.reason}"]) from why
    except NotAPatch:
        return None


def _was_said(found: _Reply) -> bool:
    """Whether the same words came from the same person lately: sent twice, or by a program."""
    if found.parsed or found.leading.orders:
        return False
    lately = timezone.now() - SAME_WORDS_WITHIN
    said = found.patch.reviews.filter(author=found.person, door=Door.MAIL, sent_at__gt=lately)
    return said.filter(text=clean_text(found.words)).exists()


def _send_version(found: _Reply) -> None:
    if found.parsed is None:
        return
    before = found.patch.latest
    version = add_version(found.patch, found.parsed, found.person, Door.MAIL, note=found.words)
    which = f"version {version.number} of {found.name}"
    if found.series:
        end_with(found.series[0], found.series, found.person, f"part of {which}")
    if version.number > before:
        found.words = ""
        found.did.append(f"sent {which}")
        url = f"{settings.BASE_URL}{version.get_absolute_url()}"
        found.says.append(f"Your diff is {which} now.\n{url}")
    elif found.series:
        # Another mail of the series was quicker; a letter that came late is a comment.
        is_late = found.series[0].is_letter and version.note != clean_text(found.words)
        found.words = found.words if is_late else ""
        found.did.append(f"part of {which}")
    else:
        found.words = ""
        found.says.append(f"The same diff is version {version.number} already.")


def _say(found: _Reply) -> None:
    """Words and ratings, as one review; a draft on the page stays one."""
    has_words = contents.has_words(found.words)
    if not has_words and not found.ratings:
        return
    newest = found.patch.versions.select_related("patch").get(number=found.patch.latest)
    reviewing.send_review(
        newest,
        found.person,
        Door.MAIL,
        text=found.words if has_words else "",
        ratings=found.ratings,
        with_draft=False,
    )
    found.did += [f"commented on {found.name}"] * has_words
    found.did += [f"rated {found.name}: {', '.join(each.dimension for each in found.ratings)}"] * (
        bool(found.ratings)
    )


def _answer_request(found: _Reply) -> None:
    words = found.leading.words
    if "claim" in words:
        requests.claim(found.patch, found.person, Door.MAIL)
        found.did.append(f"claimed {found.name}")
    elif "snooze" in words:
        requests.snooze(found.patch, found.person)
        found.did.append(f"put {found.name} off")
    elif "not-mine" in words:
        requests.decline(found.patch, found.person, Door.MAIL)
        found.did.append(f"gave {found.name} away")


def _decide(found: _Reply) -> None:
    for order in found.leading.orders:
        if order.word == "decline":
            deciding.decline(found.patch, found.person, Door.MAIL, note=order.rest)
            found.did.append(f"declined {found.name}")
    if "help" in found.leading.words:
        found.says.append(_help(found.patch))


def _help(patch: Patch) -> str:
    lines = patch_help(dimensions.by_slug(patch.product))
    return (
        f"These lines may stand above all other words of a mail about a patch:\n\n{lines}\n\n"
        f"A diff by its author becomes the next version. More: {settings.BASE_URL}/mail/help"
    )
