"""Messages to one `ParsedPatch`: the text that is kept, and where in it everything is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from patches.finding.diffs import has_content
from patches.finding.limits import MOST_COMMITS, MOST_FILES, MOST_HUNKS
from patches.finding.messages import Message
from patches.finding.words import cut_title, named_problems
from patches.git.ids import content_of, patch_ids
from patches.models import TITLE_CHARS
from patches.parsed import NotAPatch, ParsedCommit, ParsedFile, ParsedPatch, Unreadable

# The content of a file before and after, as git names it.
_BLOBS: Final = re.compile(rb"^index ([0-9a-f]{7,64})\.\.([0-9a-f]{7,64})", re.M)
_NOTHING: Final = "It says that binary files differ, and not how: make it with git diff --binary."


def assemble(messages: Sequence[Message], given: bytes) -> ParsedPatch:
    """One version of what was found in `given`. Raises `NotAPatch` and `Unreadable`."""
    commits = _in_order([each for each in messages if each.has_change])
    if not commits:
        raise NotAPatch("There is no diff in it.")
    _check(commits)
    text, parsed = _write(commits)
    letter = next((each for each in messages if each.is_letter), None)
    lead = letter or commits[0]
    title, description = _title(letter, commits)
    return ParsedPatch(
        text=text,
        commits=parsed,
        content=content_of([each.patch_id for each in parsed]),
        original=given if given != text else b"",
        title=title[:TITLE_CHARS],
        description=description,
        base_commit=next((each.base_commit for each in messages if each.base_commit), ""),
        version=max(each.subject.version for each in [lead, *commits]),
        message_id=lead.message_id,
        answers=_answers(lead, messages),
        author_name=commits[0].author_name or lead.author_name,
        author_email=commits[0].author_email or lead.author_email,
        named_problems=_named(messages),
        part=lead.subject.part if len(commits) == 1 else 0,
        parts=lead.subject.parts,
    )


def _in_order(commits: list[Message]) -> list[Message]:
    """By their numbers where each has one of its own, as mailboxes may mix them; else as they
    change the same files, as a log may have either order."""
    newest = max((each.subject.version for each in commits), default=0)
    if newest:
        commits = [each for each in commits if each.subject.version == newest]
    numbers = [each.subject.part for each in commits]
    if len(commits) > 1 and all(numbers) and len(set(numbers)) == len(numbers):
        return sorted(commits, key=lambda each: each.subject.part)
    backwards = commits[::-1]
    return backwards if _is_built_up(backwards) and not _is_built_up(commits) else commits


def _is_built_up(commits: Sequence[Message]) -> bool:
    """Whether one begins with a file as one before it has left it."""
    left: set[tuple[bytes, bytes]] = set()
    for section in (section for each in commits for section in each.found.sections):
        blobs = _BLOBS.search(section.header)
        if blobs and section.old and (section.old, blobs[1]) in left:
            return True
        if blobs and section.new:
            left.add((section.new, blobs[2]))
    return False


def _check(commits: Sequence[Message]) -> None:
    if len(commits) > MOST_COMMITS:
        raise Unreadable(f"It has more than {MOST_COMMITS} commits: send it in parts.")
    sections = [section for each in commits for section in each.found.sections]
    if len(sections) > MOST_FILES:
        raise Unreadable(f"It has more than {MOST_FILES:,} files: send it in parts.")
    if sum(each.found.hunks for each in commits) > MOST_HUNKS:
        raise Unreadable(f"It has more than {MOST_HUNKS:,} hunks: send it in parts.")
    if not has_content(sections):
        raise Unreadable(_NOTHING)


def _write(commits: Sequence[Message]) -> tuple[bytes, list[ParsedCommit]]:
    pieces: list[bytes] = []
    offset = 0
    placed: list[tuple[int, int, list[ParsedFile]]] = []
    for each in commits:
        start, files = offset, []
        for section in each.found.sections:
            file, offset = section.write(pieces, offset)
            files.append(file)
        placed.append((start, offset - start, files))
    text = b"".join(pieces)
    ids = patch_ids([text[start : start + length] for start, length, _ in placed])
    return text, [
        _commit(each, place, patch_id)
        for each, place, patch_id in zip(commits, placed, ids, strict=True)
    ]


def _commit(
    message: Message, place: tuple[int, int, list[ParsedFile]], patch_id: str
) -> ParsedCommit:
    offset, length, files = place
    subject, words = message.subject.title, message.words
    if (title := cut_title(subject)) != subject:
        subject, words = title, f"{subject}\n\n{words}".rstrip()
    is_commit = message.is_commit
    return ParsedCommit(
        offset=offset,
        length=length,
        files=files,
        subject=subject if is_commit else "",
        message=words if is_commit else "",
        author_name=message.author_name,
        author_email=message.author_email,
        authored_at=message.date,
        patch_id=patch_id,
    )


def _title(letter: Message | None, commits: Sequence[Message]) -> tuple[str, str]:
    """The words of the letter; of the only commit; or of the first of several."""
    first = commits[0]
    if letter is not None and (letter.subject.title or len(commits) > 1):
        is_one = len(commits) == 1 and letter.is_cover and first.subject.title
        return (
            (first.subject.title, first.words) if is_one else (letter.subject.title, letter.words)
        )
    return first.subject.title, first.words if len(commits) == 1 else ""


def _answers(lead: Message, messages: Sequence[Message]) -> list[str]:
    """What it answers, without its own messages: in a series all answer the first."""
    own = {each.message_id for each in messages}
    return [each for each in lead.answers if each not in own]


def _named(messages: Sequence[Message]) -> list[int]:
    words = (f"{each.subject.title}\n\n{each.words}" for each in messages)
    return sorted({number for text in words for number in named_problems(text)})
