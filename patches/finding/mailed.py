"""A patch in the text of a mail, as a file of its own that `git am` takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from patches.finding.diffs import begin_of, find, lines_of, may_have_diff
from patches.finding.headers import Headers, read_headers
from patches.finding.limits import MOST_BYTES
from patches.finding.messages import as_lines, base_in, begin_of_series
from patches.finding.parts import Part, leaves, unstuffed
from patches.finding.words import read_subject
from patches.parsed import Unreadable

_KEPT: Final = ("from", "date", "subject", "message-id", "in-reply-to", "references")
_FOLDED: Final = 900
_FORWARDED: Final = re.compile(r"\s*(?:fwd?|wg|tr|rv|i)\s*:", re.I)
# What stands between the words of a commit and the list of its files.
_BELOW: Final = re.compile(rb"^---\n", re.M)


@dataclass(frozen=True)
class MailedPatch:
    """`head` are the headers of a mail that git sent, b"" of others, whose writer did not send
    them for everybody to read. `diff` is b"" for the letter above a series; `attached` is the name
    of the file that it was, where it did not stand in the text. One that `is_forwarded`, or pasted
    with its own headers, may stand below words that are its writer's, not in them."""

    head: bytes
    diff: bytes
    base_commit: str = ""
    attached: str = ""
    is_forwarded: bool = False

    def as_file(self, words: str) -> bytes:
        """With the words of the mail, which are those of the commit."""
        if not self.head:
            return self.diff
        said = f"{words.rstrip()}\n".encode("utf-8", "replace") if words.strip() else b""
        if not self.diff:
            return self.head + b"\n" + said
        base = f"\nbase-commit: {self.base_commit}\n".encode() if self.base_commit else b""
        return self.head + b"\n" + said + b"---\n\n" + self.diff + base


def mailed(raw: bytes) -> MailedPatch | None:
    """The patch that stands in the text of a message; None where there is none. Never raises."""
    if len(raw) > MOST_BYTES:
        return None
    data = as_lines(raw)
    headers, at = read_headers(data)
    subject = read_subject(headers.words("subject"))
    parts = leaves(headers, data[at:])
    words = [part for part in parts if part.is_words]
    texts = [unstuffed(p.content) if p.is_flowed else p.content for p in words]
    text = as_lines(b"\n".join(as_lines(each) for each in texts))
    begin = begin_of(text) if may_have_diff(text) else None
    if begin is None and subject.is_patch and _BELOW.search(text):
        files = [part for part in parts if not part.is_words]
        if (attached := _attached(_head(headers), files)) is not None:
            return attached
    if begin is None:
        is_letter = subject.parts > 1 and not subject.part and _is_of_git(headers)
        return MailedPatch(_head(headers), b"") if is_letter else None
    pasted = begin_of_series(text[:begin])
    is_forwarded = _FORWARDED.match(headers.words("subject")) is not None or pasted is not None
    # Neither the author nor the words of what is passed on are those of this mail.
    head = _head(headers) if _is_of_git(headers) and not is_forwarded else b""
    begin = begin if pasted is None else pasted
    return MailedPatch(
        head, _diffs_of(text[begin:]), base_in(text[-10_000:]), is_forwarded=is_forwarded
    )


def _attached(head: bytes, files: Sequence[Part]) -> MailedPatch | None:
    """What `git format-patch --attach` and `--inline` put below the words of a commit."""
    texts = [as_lines(each.content) for each in files]
    begins = [begin_of(text) for text in texts]
    if len(files) != 1 or begins[0] is None:
        return None
    base = base_in(texts[0][-10_000:])
    return MailedPatch(head, _diffs_of(texts[0][begins[0] :]), base, files[0].name)


def _diffs_of(text: bytes) -> bytes:
    """Without what stands below the last diff."""
    try:
        end = find(text).end
    except Unreadable:
        return text.rstrip(b"\n") + b"\n"
    return b"\n".join(lines_of(text)[:end]) + b"\n" if end else text


def _is_of_git(headers: Headers) -> bool:
    subject = headers.words("subject").lower()
    return "[" in subject and "patch" in subject[subject.index("[") :].partition("]")[0]


def _head(headers: Headers) -> bytes:
    """What a mailbox has of a message, with the line that begins one."""
    lines = [b"From " + b"0" * 40 + b" Mon Sep 17 00:00:00 2001"]
    lines += [
        f"{name.title().replace('Id', 'ID')}: {value[:_FOLDED]}".encode("utf-8", "replace")
        for name in _KEPT
        if (value := " ".join(headers.raw(name).split()))
    ]
    lines += [b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=UTF-8"]
    lines += [b"Content-Transfer-Encoding: 8bit"]
    return b"\n".join(lines) + b"\n"
