"""What of a text its sender wrote: without the mail it answers, and without a signature.

Rather too much is kept than a word lost, with one exception: what stands below a line that says
that others' words follow is theirs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from notifications.gate.marker import is_marker
from notifications.gate.parsing import limits
from notifications.gate.parsing.attributions import (
    LONGEST,
    begins_others,
    dates_author,
    introduces,
    may_end,
    names_author,
    names_one_of,
    plainly,
    stands_alone,
)
from notifications.gate.parsing.html import OTHERS_FOLLOW, QUOTE_FOLLOWS
from notifications.gate.parsing.plain import without_unseen

_MAILBOX_FROM: Final = ">From "
_PYTHON: Final = re.compile(r">>> |\.\.\. ")
_HUNK: Final = re.compile(r"@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@")
# A signature is four lines long (RFC 3676, section 4.3) and never is.
_SIGNATURE_LINES: Final = 25
_BARE_SIGNATURE_LINES: Final = 8
_WRAPPED_BELOW: Final = 60
_WRAPPED_TAIL: Final = 30
_QUOTE_KEPT: Final = 12
_LEADING_KEPT: Final = 6
_FOOTER_LINES: Final = 14

_MOBILE: Final = re.compile(
    r"[-–— _*]*(?:"
    r"sent (?:from|via|with|using) (?:my |the )?(?:i(?:phone|pad|pod)|android|samsung|galaxy|"
    r"huawei|xiaomi|oneplus|pixel|blackberry|nokia|windows|mobile|phone|tablet|mail for|outlook|"
    r"yahoo|proton|gmail|aol|fastmail|k-9|fairemail|tutanota|tuta|thunderbird|spark|mailo|bluemail|"
    r"apple|smartphone|verizon|t-mobile|at&t|vivaldi|hey|superhuman|zoho|email\.com).{0,100}"
    r"|get (?:outlook|bluemail) for (?:ios|android|mobile|mac).{0,100}"
    r"|(?:von|mit) (?:meinem|meiner|outlook|der).{0,80}(?:gesendet|beziehen).{0,40}"
    r"|gesendet (?:von|mit|über|aus) .{1,80}"
    r"|diese nachricht wurde von meinem .{1,80} gesendet\.?"
    r"|outlook für (?:ios|android).{0,80}(?:beziehen|herunterladen|abrufen).{0,60}"
    r"|envoyé (?:de|depuis|à partir de|avec) (?:mon|ma|outlook|yahoo|proton|la messagerie).{0,80}"
    r"|télécharger outlook pour .{1,60}|obtenez outlook pour .{1,60}"
    r"|enviado (?:desde|do|a partir do|del?) (?:mi|meu|o meu|correo|outlook|yahoo|el|gmail).{0,80}"
    r"|obtener outlook para .{1,60}|obter o outlook para .{1,60}"
    r"|inviato (?:da|dal) (?:mio|iphone|ipad|outlook|yahoo|libero|posta|smartphone|android).{0,80}"
    r"|scarica outlook per .{1,60}|ottieni outlook per .{1,60}"
    r"|(?:verzonden|verstuurd) (?:vanaf|met|vanuit|via) (?:mijn|outlook|yahoo|een).{0,80}"
    r"|outlook voor (?:ios|android) downloaden.{0,60}"
    r"|wysłan[eo] (?:z|ze) (?:mojego|iphone|ipad|androida|programu|poczty|telefonu).{0,80}"
    r"|отправлено (?:с|из) .{1,80}|skickat från .{1,80}|sendt fra min .{1,80}"
    r"|lähetetty (?:minun )?\w{0,20}(?:puhelimesta|iphonesta).{0,40}"
    r"|(?:iphone|ipad|android|スマートフォン)から送信(?:されました)?|从我的.{1,40}发送|发自我的.{1,40}"
    r"|從我的.{1,40}傳送|나의 .{1,40}에서 보냄"
    r"|yahoo mail: search, organize, conquer.{0,40}"
    r"|\[?https?://aka\.ms/\w{3,20}\]?>?"
    r")",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"[-_=*#~]{10,}|-- ?")
_OF_LIST: Final = re.compile(
    r"mailing list|mailman|unsubscribe|/listinfo/|google groups|to post to this (?:group|list)"
    r"|abmelden|listenverwaltung|désabonner|desuscribir|отписаться|liste de diffusion"
    r"|you received this message because you are subscribed|groups\.io|list archives",
    re.IGNORECASE,
)


class _Kind(Enum):
    BLANK = "blank"
    OWN = "own"
    QUOTE = "quote"
    # Said by the program: who wrote the quote that follows.
    ATTRIBUTION = "attribution"
    # Taken out.
    GONE = "gone"


@dataclass
class _Line:
    text: str
    # As it is compared.
    bare: str
    kind: _Kind

    @property
    def is_own(self) -> bool:
        return self.kind is _Kind.OWN


def own_words(text: str, is_reply: bool, answered: frozenset[str] = frozenset()) -> str:
    """The words of the sender; "" when there are none.

    `text` may have the signs of `html`. In what answers nothing (`is_reply` is false) lines that
    begin with ">" are the sender's own, unless somebody is named before them. `answered` are the
    domains of whom it answers: who is named with an address there wrote what follows.
    """
    lines = _without_others(_lines(text), is_reply, answered)
    has_author = _find_attributions(lines, answered)
    if not is_reply and not has_author:
        _keep_quotes(lines)
    _quote_wrapped_tails(lines)
    _drop_list_footer(lines)
    _drop_signatures(lines)
    _drop_mobile_signatures(lines)
    _drop_outer_quotes(lines)
    return _written(lines)


def _lines(text: str) -> list[_Line]:
    given = text.split("\n", limits.OWN_LINES)[: limits.OWN_LINES]
    return [_line(line, before) for line, before in zip(given, ["", *given], strict=False)]


def _line(text: str, before: str) -> _Line:
    if text.startswith(_MAILBOX_FROM) and not before.startswith(">"):
        # A mailbox may have put the sign there, because "From " begins a message in it.
        text = text[1:]
    bare = plainly(text)
    if not bare:
        return _Line("", "", _Kind.BLANK)
    is_quote = without_unseen(text[:20]).startswith((">", " >"))
    return _Line(text.rstrip("\r"), bare, _Kind.QUOTE if is_quote else _Kind.OWN)


def _without_others(lines: list[_Line], is_reply: bool, whom: frozenset[str]) -> list[_Line]:
    """The lines before the first that says that all below it is somebody else's."""
    bare = [line.bare if line.kind is not _Kind.QUOTE else "> " + line.bare for line in lines]
    asked = answered = 0
    for at, line in enumerate(lines):
        if line.kind is _Kind.BLANK:
            continue
        if is_marker(line.text):
            if line.kind is _Kind.QUOTE:
                answered = _answer_below(lines, at, answered)
            if line.kind is not _Kind.QUOTE or not answered:
                # It stays as the quote of which somebody is named above.
                line.kind = _Kind.QUOTE
                return lines[: at + 1]
            line.kind = _Kind.GONE
        elif line.kind is _Kind.QUOTE:
            continue
        elif line.bare == OTHERS_FOLLOW or begins_others(bare, at, is_reply):
            return lines[:at]
        elif is_reply and asked < limits.ATTRIBUTIONS and may_end(line.bare):
            asked += 1
            start = _author_without_quote(lines, at, whom)
            if start is not None:
                return lines[:start]
    return lines


def _answer_below(lines: list[_Line], at: int, known: int) -> int:
    """Where somebody answers below the marker, between the quoted paragraphs of our mail, or 0.

    `known` is that of a marker above: what lies between was looked at then, or a mail of nothing
    but markers takes a minute.
    """
    if not any(line.kind is _Kind.QUOTE for line in lines[at + 1 : at + 50]):
        return 0
    if known > at:
        return known
    for place in range(at + 1, len(lines)):
        before, line = lines[place - 1], lines[place]
        if line.text in {"-- ", "--"}:
            return 0
        # Words that follow a quoted line at once may be its end, wrapped by a program.
        stands_alone = not before.is_own and not before.bare.strip("> ")
        if line.is_own and stands_alone and not _MOBILE.fullmatch(line.bare):
            return place
    return 0


def _author_without_quote(lines: list[_Line], at: int, whom: frozenset[str]) -> int | None:
    """Where the line begins that names an author, when no quote follows it but bare words do."""
    below = _next(lines, at + 1)
    if below is None or lines[below].kind is _Kind.QUOTE or lines[below].bare == QUOTE_FOLLOWS:
        return None
    return _author(lines, at, whom, has_quote=False)


def _author(lines: list[_Line], at: int, whom: frozenset[str], *, has_quote: bool) -> int | None:
    """Where the lines begin that name an author: the fewest with a date, or else the fewest.

    Where no language that we know says so, the fewest that name one of `whom`.
    """
    windows = _windows(lines, at)
    for tells in (dates_author, names_author):
        for start, words in windows:
            if tells(words) and (has_quote or stands_alone(words)):
                return start
    return next((start for start, words in windows if names_one_of(words, whom)), None)


def _windows(lines: list[_Line], at: int) -> list[tuple[int, str]]:
    """(first line, words) of the one to four lines that end here: long ones are wrapped."""
    found: list[tuple[int, str]] = []
    words = ""
    for start in range(at, max(at - LONGEST, -1), -1):
        if not lines[start].is_own or lines[start].bare in {QUOTE_FOLLOWS, OTHERS_FOLLOW}:
            break
        words = f"{lines[start].bare} {words}".strip()[: limits.OWN_LINE]
        found.append((start, words))
    return found


def _next(lines: list[_Line], at: int) -> int | None:
    """The next line with words."""
    while at < len(lines) and lines[at].kind in {_Kind.BLANK, _Kind.GONE}:
        at += 1
    return at if at < len(lines) else None


def _find_attributions(lines: list[_Line], whom: frozenset[str]) -> bool:
    """Take note of who is named before quotes; whether anybody is."""
    found, asked = False, 0
    for at, line in enumerate(lines):
        if line.bare == QUOTE_FOLLOWS:
            found = True
            _take_as_attribution(lines, at)
        elif line.is_own and asked < limits.ATTRIBUTIONS and may_end(line.bare):
            below = _next(lines, at + 1)
            if below is None or lines[below].kind is _Kind.QUOTE:
                asked += 1
                found |= _take_author(lines, at, whom, is_last=below is None)
    return found


def _take_as_attribution(lines: list[_Line], at: int) -> None:
    """What stands between the sign of a program and its quote, unless that is far away."""
    lines[at].kind = _Kind.GONE
    place = _next(lines, at + 1)
    seen: list[int] = []
    while place is not None and len(seen) < LONGEST and lines[place].is_own:
        seen.append(place)
        place = _next(lines, place + 1)
    if place is not None and lines[place].kind is _Kind.QUOTE:
        for each in seen:
            lines[each].kind = _Kind.ATTRIBUTION


def _take_author(lines: list[_Line], at: int, whom: frozenset[str], *, is_last: bool) -> bool:
    """Where nothing is left of what was quoted, only a full attribution is taken for one."""
    start = _author(lines, at, whom, has_quote=not is_last)
    if start is None and not is_last and introduces(lines[at].bare):
        start = at
    if start is None:
        return False
    for line in lines[start : at + 1]:
        line.kind = _Kind.ATTRIBUTION
    return True


def _keep_quotes(lines: list[_Line]) -> None:
    for line in lines:
        if line.kind is _Kind.QUOTE:
            line.kind = _Kind.OWN


def _quote_wrapped_tails(lines: list[_Line]) -> None:
    """Old programs wrap a quote, and leave its last words on a line without a sign.

    And what Python asks for looks like a quote when it is pasted.
    """
    for at in range(1, len(lines) - 1):
        before, line, after = lines[at - 1 : at + 2]
        if not line.is_own or before.kind is not _Kind.QUOTE:
            continue
        is_short = len(line.bare) <= _WRAPPED_TAIL or line.bare[:1].islower()
        is_tail = len(before.bare) >= _WRAPPED_BELOW and is_short
        if is_tail and after.kind is _Kind.QUOTE:
            line.kind = _Kind.QUOTE
            line.text = f"> {line.text}"
    if not any(line.kind is _Kind.ATTRIBUTION for line in lines):
        for line in lines:
            if line.kind is _Kind.QUOTE and _PYTHON.match(line.text):
                line.kind = _Kind.OWN


def _drop_list_footer(lines: list[_Line]) -> None:
    """What a list writes below each mail: a rule, and how to leave it."""
    last = len(lines)
    for at in range(last - 1, max(last - _FOOTER_LINES, -1), -1):
        if lines[at].is_own and _RULE.fullmatch(lines[at].bare):
            below = lines[at + 1 :]
            if any(_OF_LIST.search(line.bare) for line in below):
                _drop(lines[at:])
                return


def _drop(lines: list[_Line]) -> None:
    for line in lines:
        line.kind = _Kind.GONE


def _drop_signatures(lines: list[_Line]) -> None:
    """From the line with two dashes to the next quote, or to the end."""
    starts = [at for at, line in enumerate(lines) if line.is_own and line.text in {"-- ", "--"}]
    starts += [at for at, line in enumerate(lines) if line.is_own and line.text == "-- \u200b"]
    if any(line.is_own and _HUNK.match(line.text) for line in lines):
        # A patch may take away a line with one dash.
        starts = starts[-1:]
    for start in starts:
        most = _SIGNATURE_LINES if lines[start].text != "--" else _BARE_SIGNATURE_LINES
        stop, length = start + 1, 0
        # No further than that, or a mail of nothing but dashes takes minutes.
        while stop < len(lines) and lines[stop].kind in {_Kind.OWN, _Kind.BLANK}:
            length += lines[stop].is_own
            if length > most:
                break
            stop += 1
        else:
            _drop(lines[start:stop])


def _drop_mobile_signatures(lines: list[_Line]) -> None:
    """The advertisement of a telephone: a paragraph of its own, at the end or before a quote."""
    after: _Kind | None = None
    for line in reversed(lines):
        if line.kind in {_Kind.BLANK, _Kind.GONE}:
            continue
        if line.is_own and after is not _Kind.OWN and _MOBILE.fullmatch(line.bare):
            line.kind = _Kind.GONE
        else:
            after = line.kind


def _drop_outer_quotes(lines: list[_Line]) -> None:
    """Keep quotes that stand between own words: an answer to each is no answer without them."""
    _drop([line for line in lines if line.kind is _Kind.ATTRIBUTION])
    own = [at for at, line in enumerate(lines) if line.is_own]
    if not own:
        _drop(lines)
        return
    _drop([line for line in lines[own[-1] + 1 :] if line.kind is _Kind.QUOTE])
    blocks = _quotes(lines)
    before = [block for block in blocks if block[0] < own[0]]
    if before and len(blocks) == len(before):
        # One quote above one answer is what everybody has just read.
        for start, stop in before:
            _drop(lines[start:stop])
        blocks = []
    for start, stop in blocks:
        _shorten(lines, start, stop, _LEADING_KEPT if start < own[0] else _QUOTE_KEPT)


def _quotes(lines: list[_Line]) -> list[tuple[int, int]]:
    """(first, past the last) of the runs of quoted lines."""
    found: list[tuple[int, int]] = []
    start: int | None = None
    last = 0
    for at, line in enumerate(lines):
        if line.kind is _Kind.QUOTE:
            start = at if start is None else start
            last = at
        elif line.is_own and start is not None:
            found.append((start, last + 1))
            start = None
    if start is not None:
        found.append((start, last + 1))
    return found


def _shorten(lines: list[_Line], start: int, stop: int, most: int) -> None:
    """Of a long quote its end, to which the answer is."""
    quoted = [line for line in lines[start:stop] if line.kind is _Kind.QUOTE]
    while quoted and not quoted[0].bare.strip("> "):
        quoted.pop(0).kind = _Kind.GONE
    while quoted and not quoted[-1].bare.strip("> "):
        quoted.pop().kind = _Kind.GONE
    if len(quoted) > most:
        _drop(quoted[: -most + 1])
        quoted[-most].text = "> […]"
        quoted[-most].kind = _Kind.QUOTE


def _written(lines: list[_Line]) -> str:
    shown = [
        "" if line.kind is _Kind.BLANK else line.text
        for line in lines
        if line.kind in {_Kind.OWN, _Kind.QUOTE, _Kind.BLANK}
    ]
    joined = "\n".join(shown).strip("\n\u200b").rstrip()
    return re.sub(r"\n{3,}", "\n\n", joined) if len(lines) > len(shown) else joined
