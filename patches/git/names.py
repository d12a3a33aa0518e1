"""Paths as git writes them in diffs: in quotes where they have bytes that are not plain."""

from __future__ import annotations

ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def named(prefix: str, path: str) -> bytes:
    """`a/some file` or `"a/caf\\303\\251"`."""
    raw = (prefix + path).encode(errors="surrogateescape")
    if all(32 <= byte < 127 and byte not in (34, 92) for byte in raw):
        return raw
    return b'"%s"' % "".join(map(_escaped, raw)).encode("ascii")


def diff_line(old: str, new: str) -> bytes:
    """The line with which the part of a file begins."""
    return b"diff --git %s %s\n" % (named("a/", old), named("b/", new))


def _escaped(byte: int) -> str:
    if byte in ESCAPES:
        return "\\" + ESCAPES[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
