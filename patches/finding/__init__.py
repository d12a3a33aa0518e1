"""Bytes to a patch. No database: bytes of any kind go in, a `ParsedPatch` or a reason comes out.

headers, parts   mails                   messages    texts of every kind to words and diffs
logs             what git prints of commits                                other_shapes  refusals
diffs            all diffs of a text     git_diffs, plain_diffs, older, hunks, paths  their parts
packed           compressed, uuencoded, shell archives
assembling       the text that is kept   places      what belongs to one series
mailed           a patch in a mail's text as a file
limits           how much is looked at

Time grows with the number of bytes, which `limits` bounds; names of files stay within the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from patches.finding.assembling import assemble
from patches.finding.diffs import has_look
from patches.finding.limits import MOST_BYTES
from patches.finding.mailed import MailedPatch, mailed
from patches.finding.messages import read_messages
from patches.finding.other_shapes import refuse_packed
from patches.finding.packed import Room
from patches.finding.places import Place, place_of
from patches.parsed import NotAPatch, ParsedPatch, Unreadable

_LOOKED_AT: Final = 2**20

__all__ = [
    "MailedPatch",
    "NotAPatch",
    "ParsedPatch",
    "Place",
    "Unreadable",
    "mailed",
    "place_of",
    "read",
    "read_files",
]


def read(data: bytes, *, is_mail: bool = False) -> ParsedPatch:
    """The patch in a file, a text, or a message (`is_mail`).

    Raises `NotAPatch` where there is none, and `Unreadable` with a sentence for its sender where
    there is something that has the look of one.
    """
    if len(data) > MOST_BYTES:
        raise _too_large() if has_look(data[:_LOOKED_AT]) else NotAPatch("It is too large.")
    return assemble(read_messages(data, is_mail=is_mail), data)


def read_files(files: Sequence[tuple[str, bytes]]) -> ParsedPatch:
    """The patch in one file, (name, bytes), or in several as one series: by their numbers, else by
    their names.

    Raises as `read`, also where one of them cannot be read; files without a diff are passed over,
    but for the letter above a series.
    """
    for name, data in files:
        refuse_packed(name, data)
    if len(files) == 1:
        return read(files[0][1])
    if sum(len(data) for _, data in files) > MOST_BYTES:
        raise _too_large()
    room = Room()
    messages = [
        each
        for _, data in sorted(files, key=lambda file: file[0])
        for each in read_messages(data, room=room)
    ]
    return assemble(messages, b"".join(data for _, data in files))


def _too_large() -> Unreadable:
    return Unreadable(f"It has more than {MOST_BYTES // 2**20} MB: send it in parts.")
