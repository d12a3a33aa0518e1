"""Texts of every kind to messages: the words of one commit, letter or mail, and its diffs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from patches.finding import logs
from patches.finding.diffs import Found, dedented, find, may_have_diff
from patches.finding.headers import Headers, author_of, date_of, decoded, read_headers
from patches.finding.limits import MOST_COMMITS, WORDS_BYTES
from patches.finding.other_shapes import refuse_other_shapes, refuse_packed, refuse_scripts
from patches.finding.packed import Room, inner
from patches.finding.parts import Part, joined, leaves, unsigned, unstuffed
from patches.finding.words import Subject, read_subject
from patches.parsed import Unreadable
from tracker.text import clean_text

_MBOX: Final = re.compile(rb"^From [^\n]{3,300}\d{4}[ \t]*\n(?=>?[A-Za-z][\w-]*:)", re.M)
# The same below other words.
_PASTED: Final = re.compile(
    rb"^From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001[ \t]*\n(?=[A-Z][\w-]*:)", re.M
)
_BASE: Final = re.compile(rb"^base-commit: ([0-9a-f]{40,64})\s*$", re.M)
_IN_BODY: Final = re.compile(r"(From|Subject|Date|Author): (.*)")
_SCISSORS: Final = re.compile(r"[- \t]*-[ \t]*(?:>8|8<|>%|%<)[ \t]*-.*")
_STAT: Final = re.compile(
    r" \S.{0,1000} \| +(?:\d+(?: [+-]*)?|Bin .*|Unmerged)| \d+ files? changed.*"
    r"| (?:create|delete|rename|mode|copy) .*|(?:\d+|-)\t(?:\d+|-)\t.*| +\d{1,3}\.\d% .*"
)
# What the letter of a later version has below its words.
_COMPARED: Final = re.compile(r"(?:Range-diff|Interdiff)(?: against v\d+)?:")
_FENCE: Final = re.compile(r"(?:`{3,}|~{3,})\s*[\w+-]{0,20}\s*")
_SHORTLOG: Final = re.compile(r"\S.* \(\d+\):")


@dataclass(frozen=True)
class Message:
    """One commit, the letter above a series, or a diff with what stands above it."""

    found: Found
    words: str = ""
    subject: Subject = field(default_factory=lambda: Subject(""))
    author_name: str = ""
    author_email: str = ""
    date: datetime | None = None
    message_id: str = ""
    answers: Sequence[str] = ()
    base_commit: str = ""
    # Whether its words are those of a commit, not of a talk around a diff.
    is_commit: bool = False
    # Whether it only says what its attachments are.
    is_cover: bool = False

    @property
    def is_letter(self) -> bool:
        """Whether it only speaks of others; a diff in it is one between two versions."""
        return self.is_cover or (self.subject.parts > 0 and self.subject.part == 0)

    @property
    def has_change(self) -> bool:
        return bool(self.found.sections) and not self.is_letter


def as_lines(data: bytes) -> bytes:
    """Text with line feeds: without the carriage returns that a mail or an editor put to each, and
    without a clear signature."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    data = data.removeprefix(b"\xef\xbb\xbf")
    returns = data.count(b"\r\n")
    if returns and returns == data.count(b"\n"):
        data = data.replace(b"\r\n", b"\n")
    return unsigned(data) if b"-----BEGIN PGP SIGNED" in data else data


def read_messages(data: bytes, *, is_mail: bool = False, room: Room | None = None) -> list[Message]:
    """Every message in a text, a mail or a mailbox. Raises `Unreadable`.

    Texts that come together share a `room`.
    """
    room = room or Room()
    data = as_lines(room.unpacked(data))
    refuse_other_shapes(data)
    if data.startswith(b"From ") and _MBOX.match(data):
        return [m for each, n in _split(data, _MBOX) for m in _mail(each, n, room)]
    if is_mail or _is_mail(data):
        return _mail(data, 1, room)
    return _commits(data, room) or _bare(data, room)


def begin_of_series(text: bytes) -> int | None:
    """Where what `git format-patch` writes stands below other words."""
    found = _PASTED.search(text)
    return found.start() if found else None


def _commits(data: bytes, room: Room) -> list[Message]:
    """Those of a series, of `hg export` and of a log, also below other words."""
    if _PASTED.search(data) is not None:
        return [m for each, n in _split(data, _PASTED) for m in _mail(each, n, room)]
    if logs.EXPORTED.search(data) is not None:
        return [_changeset(each, first) for each, first in _split(data, logs.EXPORTED)]
    start = logs.begin_of_commits(data) if may_have_diff(data) else None
    return _log(data, start) if start is not None else []


def _split(data: bytes, start: re.Pattern[bytes]) -> Iterator[tuple[bytes, int]]:
    """Pieces from one match to the next, each with the number of its first line."""
    marks = [mark.start() for mark in start.finditer(data)]
    if len(marks) > MOST_COMMITS + 1:
        raise Unreadable(f"It has more than {MOST_COMMITS} commits: send it in parts.")
    first = 1 + data.count(b"\n", 0, marks[0])
    for begin, end in zip(marks, [*marks[1:], len(data)], strict=True):
        piece = data[begin:end]
        yield piece, first
        first += piece.count(b"\n")


def _is_mail(data: bytes) -> bool:
    headers, at = read_headers(data)
    return at > 0 and ("subject" in headers or "from" in headers)


# One mail


def _mail(data: bytes, first: int, room: Room) -> list[Message]:
    headers, at = read_headers(data)
    parts = leaves(headers, data[at:])
    own = [part for part in parts if part.is_words]
    first = first + data.count(b"\n", 0, at) if len(parts) == 1 else 1
    message = _of_words(headers, own, first)
    if message.found.sections or room.is_deepest:
        return [message]
    attached = [m for part in own for m in _packed_in(as_lines(part.content), room)]
    attached += [m for part in parts if part not in own for m in _attached(part, room)]
    if not any(each.has_change for each in attached):
        return [message]
    if message.subject.is_patch and len(attached) == 1 and not attached[0].is_commit:
        # As `git format-patch --attach` and `--inline` write a commit.
        (diff,) = attached
        base = message.base_commit or diff.base_commit
        return [replace(message, found=diff.found, base_commit=base)]
    # Its number, if it has one, is that of what it brings.
    subject = replace(message.subject, part=0, parts=0)
    return [replace(message, is_cover=True, subject=subject), *attached]


def _attached(part: Part, room: Room) -> list[Message]:
    if part.content_type.startswith(("image/", "audio/", "video/")):
        return []
    refuse_packed(part.name, part.content)
    is_mail = part.content_type == "message/rfc822"
    with room.deeper():
        return read_messages(part.content, is_mail=is_mail, room=room)


def _of_words(headers: Headers, parts: Sequence[Part], first: int) -> Message:
    """The message that stands in the text of a mail."""
    found = Found()
    for part in parts:
        each = _found_in(part, first)
        # What stands below the diffs of one part stands above those of the next, for nobody.
        (found.below if found.sections else found.words).extend(each.words)
        for section in each.sections:
            found.add(section)
        found.below += each.below
    charset = parts[0].charset if parts else ""
    name, address = headers.author
    message = Message(
        found,
        text_of(found.words, charset),
        read_subject(headers.words("subject")),
        name,
        address,
        headers.date,
        headers.message_id,
        headers.answers,
        _base(found),
        is_commit=True,
    )
    return _with_in_body_headers(message)


def _found_in(part: Part, first: int) -> Found:
    text = as_lines(part.content)
    if not part.is_flowed:
        return find(text, first)
    try:
        return find(unstuffed(text), first)
    except Unreadable as why:
        try:
            return find(joined(unstuffed(text)), first)
        except Unreadable:
            raise Unreadable(
                f"{why.reason} (It was sent as format=flowed, which wraps lines.)"
            ) from None


def _with_in_body_headers(message: Message) -> Message:
    """The author and subject that stand at the top of the text count more than those above it."""
    lines = message.words.split("\n")
    at = 0
    while at < len(lines) and (said := _IN_BODY.fullmatch(lines[at])):
        if said[1] in ("From", "Author"):
            name, address = author_of(said[2])
            message = replace(message, author_name=name, author_email=address)
        elif said[1] == "Date":
            message = replace(message, date=date_of(said[2]) or message.date)
        else:
            given = read_subject(decoded(said[2]))
            message = replace(message, subject=replace(message.subject, title=given.title))
        at += 1
    is_block = at > 0 and (at == len(lines) or not lines[at].strip())
    words = "\n".join(lines[at:]) if is_block else message.words
    return replace(message, words=words_of_commit(words))


# Other texts


def _bare(data: bytes, room: Room) -> list[Message]:
    found = find(data) if may_have_diff(data) else Found()
    if not found.sections and (text := dedented(data)) is not None:
        if commits := _commits(text, room):
            return commits
        found = find(text)
    if any(b"\0" in line for line in found.words):
        # A program's own file, which happens to hold one.
        return []
    if found.sections:
        words = words_of_commit(_unfenced(text_of(found.words)))
        return [Message(found, words, base_commit=_base(found))]
    refuse_scripts(data)
    return _packed_in(data, room)


def _unfenced(words: str) -> str:
    """What stands above a diff without the line that begins a block of code."""
    kept, _, last = words.rstrip().rpartition("\n")
    return kept if _FENCE.fullmatch(last) else words


def _packed_in(text: bytes, room: Room) -> list[Message]:
    """What uuencoded files and shell archives in a text hold; their commits."""
    if room.is_deepest:
        return []
    found: list[Message] = []
    for each in inner(text):
        with room.deeper():
            found += read_messages(each, room=room)
    return found if any(each.found.sections for each in found) else []


def _changeset(data: bytes, first: int) -> Message:
    """What `hg export` writes."""
    found = find(data, first)
    given = text_of(found.words).split("\n")
    user = next((line[7:] for line in given if line.startswith("# User ")), "")
    date = next((line[7:] for line in given if line.startswith("# Date ")), "")
    lines = [line for line in given if not line.startswith("# ")]
    return _commit(found, lines, author_of(user), _seconds(date))


def _seconds(value: str) -> datetime | None:
    """Mercurial's date: seconds since 1970, and those that the zone is west of Greenwich."""
    try:
        seconds = int(value.split(maxsplit=1)[0])
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (ValueError, IndexError, OverflowError):
        return None


def _log(data: bytes, start: re.Pattern[bytes]) -> list[Message]:
    """What `git show` and `git log -p` write, where the newest stands first; [] for what only
    speaks of commits."""
    commits = []
    for piece, first in _split(data, start):
        found = find(piece, first)
        said = logs.said_in(text_of(found.words).split("\n"))
        if found.sections and not (any(said.lines) and logs.is_of_git(found.words)):
            return []
        commits.append(_commit(found, said.lines, said.author, said.date))
    return commits[::-1]


def _commit(
    found: Found, lines: Sequence[str], author: tuple[str, str], date: datetime | None
) -> Message:
    text = "\n".join(lines).strip("\n")
    subject, _, rest = text.partition("\n")
    return Message(
        found,
        words_of_commit(rest),
        Subject(read_subject(subject).title),
        author[0],
        author[1],
        date,
        base_commit=_base(found),
        is_commit=True,
    )


# Words


def text_of(lines: Sequence[bytes], charset: str = "") -> str:
    """Lines of words as text: as the mail says, else UTF-8, else Latin-1."""
    data = b"\n".join(lines)[:WORDS_BYTES]
    for name in (charset or "utf-8", "utf-8"):
        with suppress(LookupError, ValueError):
            return clean_text(data.decode(name))
    return clean_text(data.decode("latin-1"))


def _base(found: Found) -> str:
    for lines in (found.below, found.words):
        if base := base_in(b"\n".join(lines)[:WORDS_BYTES]):
            return base
    return ""


def base_in(text: bytes) -> str:
    """The commit that `git format-patch --base` names."""
    said = _BASE.search(text)
    return said[1].decode() if said else ""


def words_of_commit(text: str) -> str:
    """A message without what `git format-patch` puts below it: statistics, notes, a signature."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        if _SCISSORS.fullmatch(line[:200]):
            lines = lines[at + 1 :]
            break
    for at, line in enumerate(lines):
        if line.rstrip() in ("---", "--") or _COMPARED.fullmatch(line[:100]):
            lines = lines[:at]
            break
    lines = [line for line in lines if not line.startswith("base-commit: ")]
    return "\n".join(_without_stat(lines)).strip("\n")


def _without_stat(lines: list[str]) -> list[str]:
    """Without the list of files at the end, and the list of commits above it."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _STAT.fullmatch(lines[end - 1][:1_200])):
        end -= 1
    if end == len(lines) or not any(_STAT.fullmatch(line[:1_200]) for line in lines[end:]):
        return lines
    kept = lines[:end]
    while kept and (kept[-1].startswith("  ") or _SHORTLOG.fullmatch(kept[-1]) or not kept[-1]):
        kept.pop()
    return kept
