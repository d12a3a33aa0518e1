"""A mailbox in which a thread is a problem: its first mail reports it, the others are comments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tracker.importing.formats.mails import (
    LONGEST_LINE,
    Mail,
    Place,
    message_at,
    parse,
    places,
    plain_subject,
)
from tracker.importing.source import Format, Reading, Record, SourceComment

_HEADLESS: Final = "(The mail that began this thread is not in the mailbox.)"


@dataclass
class _Thread:
    """Messages that refer to each other: (when, place, key) of each, in the order of the file."""

    messages: list[tuple[str, Place, str]] = field(default_factory=list)
    # The first message that the earliest refers to, "" when that began it.
    beginning: str = ""


def read(path: Path, reading: Reading) -> Iterator[Record]:
    """The threads of a mailbox, in the order in which they begin in the file."""
    for thread in _threads(path):
        yield _record(path, thread, reading)


def _threads(path: Path) -> list[_Thread]:
    """One look at the headers; only places and keys are kept of what may be gigabytes."""
    leader: dict[str, str] = {}
    looked: list[tuple[Place, Mail]] = []
    for place in places(path):
        mail = parse(message_at(path, place, LONGEST_LINE), None)
        looked.append((place, mail))
        mail.headers = {}
        for other in mail.references:
            _join(leader, mail.key, other)
    threads: dict[str, _Thread] = {}
    for place, mail in looked:
        thread = threads.setdefault(_leader(leader, mail.key), _Thread())
        if not thread.messages:
            thread.beginning = mail.references[0] if mail.references else ""
        thread.messages.append((mail.at, place, mail.key))
    for thread in threads.values():
        if thread.beginning in {key for _, _, key in thread.messages}:
            # It stands further down in the file: it is first all the same.
            thread.messages.sort(key=lambda message: message[2] != thread.beginning)
            thread.beginning = ""
    return list(threads.values())


def _leader(leader: dict[str, str], key: str) -> str:
    """The one that stands for all that are joined with `key`; shortens the way to it."""
    way = []
    while (up := leader.get(key, key)) != key:
        way.append(key)
        key = up
    for passed in way:
        leader[passed] = key
    return key


def _join(leader: dict[str, str], one: str, other: str) -> None:
    one, other = _leader(leader, one), _leader(leader, other)
    if one != other:
        leader[one] = other


def _record(path: Path, thread: _Thread, reading: Reading) -> Record:
    _, place, key = thread.messages[0]
    first = parse(message_at(path, place), reading)
    record = Record(f"thread “{first.subject[:60]}”, line {place.line}", has_number=False)
    record.put("id", thread.beginning or key)
    record.put("summary", plain_subject(first.subject))
    record.put("status", "open")
    record.put("created", first.at)
    rest = thread.messages[1:]
    if thread.beginning:
        record.put("description", _HEADLESS)
        rest = thread.messages
    else:
        record.put("description", first.text)
        record.reporter = first.author
        record.files = first.files
    seen = set() if thread.beginning else {key}
    for _, place, other in rest:
        # A mail that came over two lists stands there twice.
        if other not in seen:
            seen.add(other)
            add_mail(record, parse(message_at(path, place), reading))
    return record


def add_mail(record: Record, mail: Mail) -> None:
    """As a comment, with its files."""
    text = mail.text if mail.text.strip() else "(a mail without text)"
    record.comments.append(SourceComment(mail.key, mail.author, mail.at, text))
    for file in mail.files:
        file.comment = mail.key
    record.files += mail.files


FORMAT: Final = Format("mbox", "a mailbox", "mail", "mail", read)
