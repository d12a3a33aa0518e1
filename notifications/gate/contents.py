"""What of a mail is kept as files: attachments, a patch within its text, a text that is too long.

Nothing is lost that is left out here: the message stays as it came, one click away.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.conf import settings
from django.core.files.base import ContentFile

from accounts.models import Person
from notifications.gate.parsed import IncomingFile
from patches.finding import MailedPatch
from patches.finding.diffs import begin_of, has_look
from patches.finding.messages import as_lines
from tracker.models import TEXT_CHARS, Attachment, Door, Problem
from tracker.services import attach, safe_file_name
from tracker.text import is_blank

# Pictures of signatures are smaller, screenshots larger.
SMALL_PICTURE: Final = 10_000
# So much of a text that is too long stands in the comment; all of it is a file.
HEAD_CHARS: Final = 20_000
PATCH_TYPE: Final = "text/x-diff"

# As Outlook and Apple Mail name what stands in a signature.
_SERIAL_NAME: Final = re.compile(r"(image|oledata|att)-?\d{1,5}\.(png|gif|jpe?g|bmp|mso)", re.I)
_SIGNATURE_TYPES: Final = frozenset(
    {
        "application/pgp-signature", "application/pkcs7-signature",
        "application/x-pkcs7-signature", "application/pgp-keys",
    }
)  # fmt: skip
_STAT: Final = re.compile(
    r"| \S[^|]*\|.*| \d+ files? changed.*| (?:create|delete|rename|mode|copy) .*"
)
# The words of commits that stand below those of the mail.
_PASTED: Final = re.compile(r"^From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001$.*", re.M | re.S)
# Only the beginning is looked at: a log of a megabyte is no patch because of its last line.
_LOOKED_AT: Final = 100_000


@dataclass(frozen=True)
class Kept:
    """Files that fit, and a sentence about each that does not."""

    files: tuple[IncomingFile, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Body:
    """The words of a comment or description, and what of them became files."""

    words: str
    files: tuple[IncomingFile, ...] = field(default=())


def body_of(text: str, patch: MailedPatch | None = None) -> Body:
    """Move a patch out of a text, and the whole of a text that is too long, into files.

    `patch` is what the mail has as bytes: the text may have lost letters, headers, form feeds.
    """
    words, diff = _split_patch(text)
    if patch is not None and patch.attached:
        words = _without_stat(words)
    if patch is not None and patch.is_forwarded:
        words = _PASTED.sub("", words).rstrip()
    files = _patch_files(words, diff, patch)
    if len(words) > TEXT_CHARS:
        head = words[:HEAD_CHARS].rpartition("\n")[0] or words[:HEAD_CHARS]
        files.append(_text_file("mail.txt", words))
        words = f"{head}\n\n*The whole text, {len(words):,} characters, is the file mail.txt.*"
    return Body(words, tuple(files))


def _patch_files(words: str, diff: str, patch: MailedPatch | None) -> list[IncomingFile]:
    if patch is not None and patch.diff and (diff or patch.is_forwarded):
        return [IncomingFile("mail.patch", "text/plain", patch.as_file(words))]
    if patch is not None and patch.attached:
        return [IncomingFile(patch.attached, "text/plain", patch.as_file(words))]
    if patch is not None and not patch.diff:
        # The letter above a series, whose subject is the name of the whole.
        return [IncomingFile("cover-letter.patch", "text/plain", patch.as_file(words))]
    return [_text_file("mail.patch", diff)] if diff else []


def _split_patch(text: str) -> tuple[str, str]:
    """(words, patch): what comes behind the first line of a diff belongs to it."""
    head = text[:_LOOKED_AT].encode("utf-8", "replace")
    begin = begin_of(head)
    # A diff that somebody fenced stands where its writer wants it.
    if begin is None or b"```" in head[:begin]:
        return text, ""
    at = len(head[:begin].decode())
    return _without_stat(text[:at]), text[at:].strip("\n") + "\n"


def _without_stat(words: str) -> str:
    """The words above a patch, without the list of files that `git format-patch` adds."""
    lines = words.rstrip().split("\n")
    end = len(lines)
    while end and _STAT.fullmatch(lines[end - 1]):
        end -= 1
    return (
        "\n".join(lines[: end - 1]).rstrip() if end and lines[end - 1] == "---" else words.rstrip()
    )


def _text_file(name: str, text: str) -> IncomingFile:
    return IncomingFile(name, "text/plain", text.encode("utf-8", "replace"))


def keep(files: Sequence[IncomingFile], problem: Problem | None) -> Kept:
    """Which of a mail's files become attachments of `problem` (None: of one yet to be made)."""
    there = list(problem.attachments.values_list("name", "size")) if problem is not None else []
    room = settings.ATTACHMENTS_PER_PROBLEM - len(there)
    kept: list[IncomingFile] = []
    left_out = []
    for each in files:
        name = name_of(each)
        if _is_decoration(each, there):
            continue
        if not each.content:
            left_out.append(f"“{name}” is empty.")
        elif len(each.content) > settings.ATTACHMENT_BYTES:
            left_out.append(
                f"“{name}” has {len(each.content):,} bytes; "
                f"at most {settings.ATTACHMENT_BYTES:,} are taken."
            )
        elif len(kept) >= room:
            most = settings.ATTACHMENTS_PER_PROBLEM
            left_out.append(f"“{name}” is one too many: a problem takes {most} files at the most.")
        else:
            kept.append(replace(each, name=name))
    return Kept(tuple(kept), tuple(left_out))


def name_of(file: IncomingFile) -> str:
    """A name that can be kept; one without gets an ending by its type."""
    if file.name.strip():
        return safe_file_name(file.name)
    ending = mimetypes.guess_extension(file.content_type.partition(";")[0].strip()) or ".bin"
    return f"unnamed{ending}"


def _is_decoration(file: IncomingFile, there: Sequence[tuple[str, int]]) -> bool:
    """Pictures of signatures, cryptographic signatures, and what came with the mail before."""
    kind = file.content_type.partition(";")[0].strip().lower()
    if kind in _SIGNATURE_TYPES:
        return True
    if not kind.startswith("image/"):
        return False
    if (name_of(file), len(file.content)) in there and file.is_inline:
        return True
    is_serial = _SERIAL_NAME.fullmatch(file.name.strip()) is not None
    return len(file.content) < SMALL_PICTURE and (file.is_inline or is_serial)


def attach_files(
    problem: Problem, uploader: Person, files: Sequence[IncomingFile]
) -> list[Attachment]:
    """Keep files with the problem; a patch is known by what it says, whatever its name."""
    attached = []
    for each in files:
        upload = ContentFile(each.content, name=each.name)
        attachment = attach(problem, uploader, upload, Door.MAIL)
        if is_patch(each) and attachment.content_type != PATCH_TYPE:
            attachment.content_type = PATCH_TYPE
            attachment.save(update_fields=["content_type"])
        attached.append(attachment)
    return attached


def is_patch(file: IncomingFile) -> bool:
    """Whether the bytes are a diff."""
    head = file.content[:_LOOKED_AT]
    return b"\0" not in head and has_look(as_lines(head))


def has_words(text: str) -> bool:
    """Whether anything can be read in it."""
    return not is_blank(text)
