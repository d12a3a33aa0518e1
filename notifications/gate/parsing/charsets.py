"""Bytes to letters: what a message says about its letters is often wrong, or missing."""

from __future__ import annotations

import codecs
import re
from typing import Final

from charset_normalizer import from_bytes

from notifications.gate.parsing import limits

# What is called by the left name is written in the right one: browsers decided so long ago
# (https://encoding.spec.whatwg.org/#names-and-labels), and mail programs follow.
_MEANT: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "johab": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
}
_ALIASES: Final = {
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
    "x-utf-8": "utf-8",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "x-gbk": "gb18030",
    "x-euc-jp": "euc_jp",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "koi8": "koi8-r",
    "dos-874": "cp874",
    "windows-874": "cp874",
    "x-cp1251": "cp1251",
    "x-mac-cyrillic": "mac-cyrillic",
    "koi8-ru": "koi8-u",
}
# Codecs of Python that are no letters of mail; some take time that grows with the square.
_NO_LETTERS: Final = {
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
    "mbcs",
    "oem",
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")
_WINDOWS: Final = {
    byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)
}
# UTF-7 may write one half of a pair, which no database takes.
_HALVES: Final = re.compile("[\ud800-\udfff]")
# Enough to tell Cyrillic from Greek; telling costs time for every byte.
_SAMPLE: Final = 4_000
# Below it a guess is a lottery.
_LEAST: Final = 12


def decode(content: bytes, declared: str = "", sample: int = _SAMPLE) -> tuple[str, bool]:
    """The text, and whether every letter of it could be read as declared (or was plain).

    Where nobody said in which letters it is written, so many bytes (`sample`) are looked at.

    Never raises: what is no letter at all becomes U+FFFD, as does half of one.
    """
    text, is_as_declared = _decode(content, declared, sample)
    if text.isascii():
        return text, is_as_declared
    return _HALVES.sub("\ufffd", text), is_as_declared


def _decode(content: bytes, declared: str, sample: int) -> tuple[str, bool]:
    name = _codec(declared)
    if _is_shifted(name):
        # Each broken byte of them takes a microsecond.
        content = content[: limits.TEXT_BYTES]
    if content.isascii() and not _is_shifted(name):
        return content.decode("ascii"), True
    unicode = _as_unicode(content)
    if unicode is not None and not _is_shifted(name):
        return unicode, True
    if not name or name == "utf-8":
        return _guess(content, sample), not name
    return _decode_as(content, name, sample)


def _is_shifted(name: str) -> bool:
    """Whether plain bytes mean other letters."""
    return name.startswith(("utf-7", "utf-16", "utf-32", "iso2022", "hz", "cp037", "cp500"))


def _codec(declared: str) -> str:
    """The name by which Python knows what was declared; "" when that says nothing."""
    given = declared.strip().strip("\"'").lower()
    if _NAME.fullmatch(given) is None:
        return ""
    try:
        found = codecs.lookup(_ALIASES.get(given, given))
    except (LookupError, ValueError, UnicodeError):
        return ""
    # Python also calls zip and rot13 codecs.
    is_text = getattr(found, "_is_text_encoding", True)
    if not is_text or found.name in _NO_LETTERS:
        return ""
    return _MEANT.get(found.name, found.name)


def _as_unicode(content: bytes) -> str | None:
    """Whoever writes valid UTF-8 beyond ASCII meant it, whatever the header says."""
    if content.startswith(codecs.BOM_UTF8):
        content = content[len(codecs.BOM_UTF8) :]
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _decode_as(content: bytes, name: str, sample: int) -> tuple[str, bool]:
    try:
        return content.decode(name), True
    except (UnicodeError, ValueError):
        pass
    if name == "cp1252":
        # Its five holes are those of latin-1, where nothing is a hole.
        return content.decode("latin-1").translate(_WINDOWS), True
    try:
        # What is broken costs a call for each byte.
        return content[: 2 * limits.TEXT_BYTES].decode(name, "replace"), False
    except (UnicodeError, ValueError):
        return _guess(content, sample), False


def _guess(content: bytes, sample: int) -> str:
    """Text of which nobody said in which letters, and which is no UTF-8."""
    broken = content.decode("utf-8", "replace")
    others = len(broken) - len(broken.encode("ascii", "ignore"))
    if broken.count("\ufffd") * 4 < others:
        return broken
    beyond = bytes(byte for byte in content[:200_000] if byte > 0x7F)
    if sample and len(beyond) >= _LEAST and len(beyond) * 5 > min(len(content), 200_000):
        best = from_bytes(content[:sample], steps=3, chunk_size=512, threshold=0.3).best()
        if best is not None:
            return content.decode(_MEANT.get(best.encoding, best.encoding), "replace")
    return _decode_as(content, "cp1252", sample)[0]
