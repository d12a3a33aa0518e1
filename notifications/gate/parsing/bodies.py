"""Which parts of a message are its text, and which are its files."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from notifications.gate.parsed import IncomingFile
from notifications.gate.parsing import limits
from notifications.gate.parsing.charsets import decode
from notifications.gate.parsing.headers import read_headers, words
from notifications.gate.parsing.html import text_of_html, without_signs
from notifications.gate.parsing.plain import (
    ENCRYPTED,
    tidy,
    unflow,
    without_armour,
    without_tags,
)
from notifications.gate.parsing.tnef import Winmail, read_winmail
from notifications.gate.parsing.tree import Part

_HTML: Final = {"text/html", "application/xhtml+xml"}
_TAGGED: Final = {"text/enriched", "text/richtext"}
_PLAIN: Final = {"text/plain", "text/markdown", "text/x-markdown", "text", "plain/text"}
_TEXTS: Final = _HTML | _TAGGED | _PLAIN
_WINMAIL: Final = {"application/ms-tnef", "application/vnd.ms-tnef"}
_SIGNATURES: Final = {
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
}
_OPAQUE: Final = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
# What only programs read; the message as it came still has it.
_FOR_PROGRAMS: Final = {
    "message/delivery-status",
    "message/disposition-notification",
    "message/feedback-report",
    "message/tracking-status",
    "text/rfc822-headers",
    "text/x-amp-html",
    "text/vnd.google.email-reaction+json",
    "application/applefile",
    "application/pgp-encrypted",
    "application/pgp-keys",
}
_EXTENSIONS: Final = {
    "message/rfc822": ".eml",
    "message/global": ".eml",
    "text/x-patch": ".patch",
    "text/x-diff": ".diff",
    "text/calendar": ".ics",
    "text/plain": ".txt",
    "application/pkcs7-mime": ".p7m",
    "application/x-pkcs7-mime": ".p7m",
    "application/octet-stream": ".bin",
    "image/jpeg": ".jpg",
}
# Not what the machine adds to them.
_KINDS: Final = mimetypes.MimeTypes(())
# Exchange makes attachments of what lists and scanners put below a mail.
_FOOTER_NAME: Final = re.compile(r"ATT\d{3,6}\.(?:txt|htm|html)", re.IGNORECASE)
_FOOTER_SIZE: Final = 4_000
_META_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
# What stands in the plain half of a mail that was only written as HTML.
_STUB: Final = re.compile(
    r"\bhtml\b|view (?:this|the) (?:e-?mail|message)|e-?mail client|mail program|\bbrowser\b",
    re.IGNORECASE,
)
_STUB_LENGTH: Final = 400

UNREADABLE: Final = "The mail says in which letters it is written, but not all of it is."
TOO_LONG: Final = "The text is too long; only its beginning was read."
IS_ENCRYPTED: Final = "The mail is encrypted, and only you can read it: send it as plain text."
IS_OPAQUE: Final = (
    "The text is inside a signature that hides it: sign in the clear, or send it unsigned."
)
IS_WINMAIL: Final = "The text is in a winmail.dat that cannot be read: send it as plain text."
TOO_MANY_FILES: Final = "The mail has too many files; only the first were taken."


@dataclass
class Text:
    """Words of one part, with the signs of `html` where it was HTML."""

    words: str
    is_html: bool = False


@dataclass
class Spent:
    """What reading the texts of one message has cost, taken or not."""

    texts: int = 0
    letters: int = 0
    winmails: int = 0

    @property
    def is_all(self) -> bool:
        return self.texts >= limits.TEXTS or self.letters > limits.TEXT


@dataclass
class Body:
    texts: list[Text] = field(default_factory=list)
    files: list[IncomingFile] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    # A part with a name that would do as the text where there is no other.
    spare: Part | None = None
    spent: Spent = field(default_factory=Spent)

    @property
    def marked(self) -> str:
        """All words, with the signs where programs say that others' follow."""
        words = "\n".join(text.words for text in self.texts if text.words.strip())
        return words[: limits.TEXT]

    @property
    def text(self) -> str:
        return without_signs(self.marked).strip("\n")

    def note(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def add(self, other: Body) -> None:
        """Take over what is in another body but its texts."""
        self.files += other.files
        self.spare = self.spare or other.spare
        for fault in other.faults:
            self.note(fault)


def read_body(root: Part) -> Body:
    """The text and the files of a message. Never raises."""
    body = Body()
    if not root.children and root.content_type in _TEXTS and root.disposition != "attachment":
        _take_text(root, body)
    else:
        _take(root, body)
    _use_spare(body)
    if sum(len(text.words) for text in body.texts) > limits.TEXT:
        body.note(TOO_LONG)
    if len(body.files) > limits.FILES:
        body.note(TOO_MANY_FILES)
        del body.files[limits.FILES :]
    return body


def _take(part: Part, body: Body) -> None:
    kind = part.content_type
    if kind == "multipart/alternative":
        _take_best(part, body)
    elif kind == "multipart/encrypted":
        body.note(IS_ENCRYPTED)
        _take_all((each for each in part.children if each.main_type == "application"), body)
    elif part.children:
        signed = kind == "multipart/signed"
        _take_all(
            (c for c in part.children if not signed or c.content_type not in _SIGNATURES), body
        )
    elif part.main_type != "multipart":
        _take_leaf(part, body)


def _take_all(parts: Iterable[Part], body: Body) -> None:
    for part in parts:
        _take(part, body)


def _take_leaf(part: Part, body: Body) -> None:
    kind, name = part.content_type, part.name
    if kind in _FOR_PROGRAMS:
        return
    is_winmail = kind in _WINMAIL or name.lower() == "winmail.dat"
    if is_winmail and body.spent.winmails < limits.WINMAILS:
        body.spent.winmails += 1
        _take_winmail(part, body)
    elif kind in _OPAQUE or name.lower() == "smime.p7m":
        _take_opaque(part, body)
    elif kind in _TEXTS and (_is_footer(part, name) or _is_text(part, name)):
        _take_text(part, body)
    else:
        if kind in _PLAIN and part.disposition != "attachment" and body.spare is None:
            body.spare = part
        _take_file(part, name, body)


def _is_text(part: Part, name: str) -> bool:
    return part.disposition != "attachment" and not name


def _is_footer(part: Part, name: str) -> bool:
    return _FOOTER_NAME.fullmatch(name) is not None and part.end - part.start < _FOOTER_SIZE


def _take_best(part: Part, body: Body) -> None:
    """One of several texts that say the same, and the files of all of them."""
    found: list[Body] = []
    for child in part.children:
        each = Body(spent=body.spent)
        _take(child, each)
        found.append(each)
        body.add(each)
    with_words = [each.texts for each in found if any(text.words.strip() for text in each.texts)]
    plain = [texts for texts in with_words if not all(text.is_html for text in texts)]
    html = [texts for texts in with_words if all(text.is_html for text in texts)]
    if plain and html and _is_stub(plain[0], html[-1]):
        plain = []
    for texts in [*plain, *reversed(html)][:1]:
        body.texts += texts


def _is_stub(plain: list[Text], html: list[Text]) -> bool:
    """Whether a plain text only says that there is HTML."""
    here, there = plain[0].words.strip(), html[0].words.strip()
    return len(here) < _STUB_LENGTH and _STUB.search(here) is not None and here[:40] not in there


def _take_text(part: Part, body: Body) -> None:
    if body.spent.is_all:
        body.note(TOO_LONG)
        return
    is_html = part.content_type in _HTML
    content = part.bytes(limits.HTML_BYTES if is_html else limits.TEXT_BYTES)
    letters = part.parameter("charset")
    if is_html and not letters:
        meta = _META_CHARSET.search(content[:4_000])
        letters = meta[1].decode("ascii") if meta else ""
    given, is_as_declared = decode(content, letters)
    if not is_as_declared:
        body.note(UNREADABLE)
    text = _text_of(part, given)
    body.spent.texts += 1
    body.spent.letters += max(min(len(given), limits.HTML), len(text.words))
    if any(_is_same(text.words, other.words) for other in body.texts):
        return
    if ENCRYPTED in text.words[: limits.TEXT]:
        body.note(IS_ENCRYPTED)
    body.texts.append(text)


def _text_of(part: Part, given: str) -> Text:
    if part.content_type in _HTML:
        return Text(without_armour(text_of_html(given)), is_html=True)
    text = tidy(given)
    if part.content_type in _TAGGED:
        text = without_tags(text)
    if part.parameter("format").lower() == "flowed":
        text = unflow(text, part.parameter("delsp").lower() == "yes")
    return Text(without_armour(text))


def _is_same(one: str, other: str) -> bool:
    """Whether two parts that should have been alternatives say the same."""
    ours, theirs = ("".join(text[:2_000].split())[:400] for text in (one, other))
    return len(ours) > 20 and ours == theirs


def _use_spare(body: Body) -> None:
    """Take a text that was given a name for the words of a mail that has no others."""
    if body.spare is None or any(text.words.strip() for text in body.texts):
        return
    place = next((at for at, file in enumerate(body.files) if file.name == body.spare.name), None)
    if place is not None:
        del body.files[place]
        _take_text(body.spare, body)


def _take_file(part: Part, name: str, body: Body) -> None:
    content = part.bytes()
    if not content and not name:
        return
    name = name or _default_name(part, content, len(body.files) + 1)
    body.files.append(IncomingFile(name, part.content_type, content, part.is_part_of_text))


def _default_name(part: Part, content: bytes, number: int) -> str:
    kind = part.content_type
    extension = _EXTENSIONS.get(kind) or _KINDS.guess_extension(kind) or ".bin"
    if kind in {"message/rfc822", "message/global"}:
        inner = read_headers(content, 0, min(len(content), limits.HEADER_BYTES))[0]
        subject = words(inner.get("subject"))[:100]
        return f"{subject or f'message-{number}'}{extension}"
    stem = part.main_type if part.main_type in {"image", "audio", "video"} else "attachment"
    return f"{stem}-{number}{extension}"


def _take_opaque(part: Part, body: Body) -> None:
    encrypted = "enveloped" in part.parameter("smime-type").lower()
    body.note(IS_ENCRYPTED if encrypted else IS_OPAQUE)
    name = part.name or "smime.p7m"
    body.files.append(IncomingFile(name, part.content_type, part.bytes()))


def _take_winmail(part: Part, body: Body) -> None:
    content = part.bytes()
    mail = read_winmail(content)
    for number, file in enumerate(mail.files, len(body.files) + 1):
        given = tidy(_letters(file.content_type, "")).strip().lower()
        kind = given if re.fullmatch(r"[\w.+-]+/[\w.+-]+", given) else "application/octet-stream"
        extension = _EXTENSIONS.get(kind) or _KINDS.guess_extension(kind) or ".bin"
        name = tidy(_letters(file.name, mail.charset)).strip() or f"attachment-{number}{extension}"
        body.files.append(IncomingFile(name[:500], kind, file.content))
    if not mail.is_whole:
        body.note(IS_WINMAIL)
        body.files.append(IncomingFile(part.name or "winmail.dat", part.content_type, content))
    if not any(text.words.strip() for text in body.texts):
        _take_words_of_winmail(mail, body)


def _take_words_of_winmail(mail: Winmail, body: Body) -> None:
    plain = without_armour(tidy(_letters(mail.body, mail.charset)))[: limits.TEXT]
    if plain.strip():
        body.texts.append(Text(plain))
    elif mail.html:
        body.texts.append(Text(text_of_html(_letters(mail.html, mail.charset)), is_html=True))


def _letters(given: bytes | str, charset: str) -> str:
    return given if isinstance(given, str) else decode(given[: limits.TEXT_BYTES], charset)[0]
