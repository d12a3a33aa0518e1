"""What stands above the diffs in mails that git made: the words of each commit as they came.

The rows of a version have the same words, but cleaned, and times without a zone. With the heads
`git am` makes the very commits that were sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from patches.finding.headers import decoded, read_headers
from patches.finding.words import cut_title, read_subject
from patches.git.series import Commit

MAIL = re.compile(rb"^From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\n", re.MULTILINE)
# Nothing else of a mail is passed on: it may name people who have nothing to do with the patch.
KEPT = (b"from:", b"date:", b"subject:")
# Where `git am` takes the diff to begin.
BREAK = re.compile(rb"^(?:diff -|Index: |---(?:[ \t]+\S.*|[ \t]*)$)", re.MULTILINE)


@dataclass(frozen=True)
class Head:
    """The header lines of one mail with their ends, and the words in its body in UTF-8."""

    lines: bytes
    words: bytes
    subject: str


def heads_of(original: bytes, commits: Sequence[Commit]) -> list[Head | None]:
    """The head of each commit, None where what came has none that is surely its own."""
    heads = list(_heads(original))
    if len(heads) == len(commits) == 1:
        # Also where it has no subject, or has another one in its text.
        return [*heads]
    found: dict[str, Head | None] = {}
    for head in heads:
        # Of two with one subject nobody can say which is which.
        found[head.subject] = None if head.subject in found else head
    return [found.get(commit.subject) if commit.subject else None for commit in commits]


def _heads(original: bytes) -> Iterator[Head]:
    starts = [match.end() for match in MAIL.finditer(original)]
    ends = [match.start() for match in MAIL.finditer(original)][1:]
    for start, end in zip(starts, [*ends, len(original)], strict=False):
        head = _head(original[start:end])
        if head:
            yield head


def _head(mail: bytes) -> Head | None:
    fields, at = read_headers(mail)
    if not at or b"\r\n" in mail[:at] or not _is_plain(fields.raw("content-type")):
        return None
    if fields.raw("content-transfer-encoding").strip().lower() not in ("", "7bit", "8bit"):
        return None
    body = mail[at:]
    diff = BREAK.search(body)
    words = body[: diff.start()] if diff else body
    try:
        words.decode()
    except UnicodeDecodeError:
        return None
    subject = read_subject(decoded(fields.raw("subject"))).title
    return Head(_kept(mail[:at]), words, cut_title(subject))


def _is_plain(content_type: str) -> bool:
    said = content_type.lower().replace('"', "").replace(" ", "")
    return said in ("", "text/plain", "text/plain;charset=utf-8", "text/plain;charset=us-ascii")


def _kept(header: bytes) -> bytes:
    kept: list[bytes] = []
    is_kept = False
    for line in header.splitlines(keepends=True):
        if line[:1] not in b" \t":
            is_kept = line.lower().startswith(KEPT)
        if is_kept and line.strip():
            kept.append(line)
    return b"".join(kept)
