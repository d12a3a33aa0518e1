"""What a binary change in a diff says of the file before and after."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib

from patches.git.series import FileChange

LITERAL = re.compile(rb"^(literal|delta) (\d+)\n((?:[A-Za-z][^\n]*\n)*)", re.MULTILINE)
# One file may be so large, unpacked.
BLOB_BYTES = 32 * 1024 * 1024


def literals(file: FileChange) -> tuple[bytes, bytes]:
    """The content before and after; a stand-in for each that the diff does not have in full.

    git writes the new content first, then the old one, each whole or as a delta to the other.
    """
    before, after, _ = file.index
    found = [_unpacked(match) for match in LITERAL.finditer(file.raw)][:2]
    new, old = (*found, None, None)[:2]
    return (
        old if old is not None else _stand_in(before or "old", file),
        new if new is not None else _stand_in(after or "new", file),
    )


def is_whole(file: FileChange) -> bool:
    """Whether both sides stand in the diff in full."""
    found = [_unpacked(match) for match in LITERAL.finditer(file.raw)]
    return len(found) == 2 and None not in found


def _stand_in(name: str, file: FileChange) -> bytes:
    # Without a name of its blob a change is like no other.
    own = "" if file.index[0] else hashlib.sha256(file.raw).hexdigest()
    return f"\0Groundswell knows no more than its name: {name} {own}\n".encode()


def _unpacked(match: re.Match[bytes]) -> bytes | None:
    """The bytes of a block, None for a delta and for what cannot be read."""
    size = int(match[2])
    if match[1] == b"delta" or size > BLOB_BYTES:
        return None
    try:
        packed = b"".join(_line(line) for line in match[3].splitlines())
        unpacked = zlib.decompressobj().decompress(packed, size + 1)
    except (ValueError, zlib.error):
        return None
    return unpacked if len(unpacked) == size else None


def _line(line: bytes) -> bytes:
    """The first letter says how many bytes there are: A to Z for 1 to 26, a to z for 27 to 52."""
    count = line[0] - 64 if line[0] <= 90 else line[0] - 70
    return base64.b85decode(line[1:])[:count]
