"""The lines by which mail programs say that what follows is somebody else's, in their languages."""

from __future__ import annotations

import re
import warnings
from functools import cache
from re import Pattern
from typing import Final

from mailparser_reply import EmailReplyParser

from notifications.gate.parsing import limits
from notifications.gate.parsing.plain import without_unseen

# "… wrote:" in the languages of the programs that most people use, with what may follow the verb.
_WROTE: Final = re.compile(
    r"\b(?:wrote|writes|schrieb|schrieben|geschrieben|a écrit|écrit|escribió|escribio|ha scritto"
    r"|scrive|schreef|geschreven|skrev|escreveu|napisał|napisała|napisał\(a\)|pisze|kirjoitti|írta|napsal"
    r"|napsal\(a\)|yazdı|a scris|napísal|napisao|napisala|έγραψε|menulis|rašė|rakstīja|kirjutas"
    r"|đã viết)\b\(?a?\)?"
    r"|пишет|писал|написал|написала|написа|написав|пише|書きました|のメール|さんは|寫道|写道|作成"
    r"|הבה|כתב|كتب|تمت كتابة|نوشت|작성|썼습니다|เขียน|लिखा",
    re.IGNORECASE,
)
# A date follows soon: sentences begin with these words too.
_STARTS: Final = re.compile(
    r"(?:(?:On|Am|Le|El|Il|Op|W dniu|Dnia|Em|Den|Dne|Na|A|Pe|Il giorno|En|В|At|在|於|Στις|În|Vào"
    r"|Pada|Dana|V|בתאריך|ב|في|در"
    r"|(?:mo|di|mi|do|fr|sa|so|tu|we|th|su|lun|mar|mer|gio|jeu|ven|sam|sab|dom|vie|sob|niedz|ср"
    r"|wt|śr|czw|пн|вт|ср|чт|пт|сб|вс|понедельник|вторник|сред|четверг|пятниц|суббот|воскресенье)"
    r"\w{0,8}[.,]?)\b.{0,30}\d|\d{1,4}[-./年]|\d{1,2}\.? \w+|.{1,40}[在於于] ?\d{4})",
    re.IGNORECASE,
)
_NAMES: Final = re.compile(r".{0,80}<?[^\s@<>]+@[^\s@<>]+")
_TIME: Final = re.compile(r"\d{1,2}[:.h]\s?\d{2}|\d{4}|\d{1,2}[./-]\d{1,2}[./-]\d{2}")
_DAY: Final = re.compile(r"\b\d{4}\b|\d{4}[年년]|\d{1,2}[./-]\d{1,2}[./-]\d{2}")
_HOUR: Final = re.compile(r"\d{1,2}[:.h]\s?\d{2}")
_DOMAIN: Final = re.compile(r"<\s?[^\s<>@]{1,200}@([^\s<>@]{1,253})\s?>")
_COMPLETE: Final = re.compile(rf"(?:{_WROTE.pattern}|[>)\]])\s*[:：]\s*-*$", re.IGNORECASE)
_ENDS: Final = re.compile(r"[:：]\s*(?:-{3,})?\s*$")
LONGEST: Final = 4

_KEYS: Final = {
    "from": "from|von|de|da|van|od|от|från|fra|lähettäjä|差出人|发件人|寄件者|expéditeur|remitente|"
    "kimden|feladó|보낸 ?사람|من|מאת|από|від|de la",
    "date": "sent|date|gesendet|datum|envoyé|enviado(?: el)?|inviato|data|verzonden|wysłano|"
    "skickat|отправлено|дата|送信日時|日時|日付|发送时间|日期|寄件日期|fecha|sendt|lähetetty|tarih|"
    "odesláno|보낸 ?날짜|날짜|تم الإرسال|التاريخ|נשלח|תאריך|στάλθηκε|ημερομηνία|elküldve|надіслано"
    "|trimis",
    "to": "to|an|à|para|a|aan|do|кому|till|til|宛先|收件人|vastaanottaja|destinatario|pour|kime"
    "|komu|받는 ?사람|收件者|إلى|אל|προς|címzett|către",
    "subject": "subject|betreff|objet|asunto|oggetto|onderwerp|temat|тема|ämne|emne|件名|主题|主旨|"
    "aihe|assunto|konu|předmět|tárgy|제목|الموضوع|נושא|θέμα|subiect|re",
    "cc": "cc|kopie|copie|kopia|копия|kopi|抄送|reply-to|antwort an|organization|organisation",
}
_KEY: Final = re.compile(
    r"[*_ \t]{0,4}(?:"
    + "|".join(f"(?P<{role}>{names})" for role, names in _KEYS.items())
    + r")[*_]{0,2}[ \t\u00a0]{0,3}[:：]",
    re.IGNORECASE,
)
_LEAST_ROLES: Final = 3
_BLOCK: Final = 14

_NAMED: Final = re.compile(
    r"[-=_ ]{2,}\s*(?:"
    r"original message|original appointment|ursprüngliche nachricht|original-?nachricht"
    r"|message d['’]origine|message original|mensaje original|messaggio originale"
    r"|oorspronkelijk bericht|oryginalna wiadomość|wiadomość oryginalna|исходное сообщение"
    r"|ursprungligt meddelande|originalmeddelande|mensagem original|original besked"
    r"|opprinnelig melding"
    r"|alkuperäinen viesti|元のメッセージ|原始邮件|原始郵件|邮件原件|původní zpráva|eredeti üzenet"
    r"|forwarded message|forwarded by .{1,80}|weitergeleitete nachricht|message transféré"
    r"|mensaje reenviado|mensaje enviado|messaggio inoltrato|doorgestuurd bericht"
    r"|пересылаемое сообщение|пересланное сообщение|転送メッセージ|转发的?邮件|轉寄郵件|轉寄的?郵件"
    r"|vidarebefordrat meddelande|mensagem encaminhada|przekazana wiadomość|wiadomość przekazana"
    r"|reply message|reply separator|weitergeleitet von .{1,80}"
    r")\s*[-=_ ]{2,}",
    re.IGNORECASE,
)
_FORWARD: Final = re.compile(
    r"(?:begin forwarded message|anfang der weitergeleiteten (?:nachricht|e-mail)"
    r"|début du message (?:réexpédié|transféré)|inicio del mensaje reenviado"
    r"|inizio messaggio inoltrato|begin doorgestuurd bericht|początek przekazywanej wiadomości"
    r"|начало переадресованного сообщения|転送されたメッセージ|以下是转发的邮件"
    r"|vidarebefordrat brev|início da mensagem (?:reencaminhada|encaminhada))\s*[:：]",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"[-_=—─]{5,}")
_BETWEEN_DASHES: Final = re.compile(r"-{3,} ?[^\s-].{0,80}[^\s-] ?-{3,}")
_NOTES: Final = re.compile(
    r".{1,80}-{2,3}\d{1,2}[./]\d{1,2}[./]\d{2,4} \d{1,2}:\d{2}.{0,20}-{2,3}.*"
)
_LANGUAGES: Final = ("cs", "da", "de", "es", "fr", "it", "ja", "ko", "nl", "no", "pl", "pt", "sv")


def plainly(line: str) -> str:
    """A line as it is compared: bounded, with plain spaces and without what is not seen."""
    return " ".join(without_unseen(line[: limits.OWN_LINE]).split())


def may_end(line: str) -> bool:
    """Whether a line may be the last of one that names who wrote what follows."""
    return _ENDS.search(line) is not None


def dates_author(words: str) -> bool:
    """Whether it says that somebody wrote something, and when."""
    if _TIME.search(words) is None or _WROTE.search(words) is None:
        return False
    plain = words.lstrip("-*_ ")
    return _STARTS.match(plain) is not None or _NAMES.match(plain) is not None


def stands_alone(words: str) -> bool:
    """Whether it can be nothing but a program's line on a mail, though no quote follows it.

    People and logs write too, at ten and in May; programs say which day of which year, and end
    with the verb or with the author.
    """
    if _COMPLETE.search(words) is None or _DAY.search(words) is None:
        return False
    return "@" in words or _STARTS.match(words.lstrip("-*_ ")) is not None


def names_author(words: str) -> bool:
    """Whether it says by whom something was written, if not when."""
    if _WROTE.search(words) is not None and _NAMES.match(words) is not None:
        return True
    if len(words) > limits.ATTRIBUTION or _TIME.search(words) is None:
        return False
    return _library().search(words) is not None


def names_one_of(words: str, domains: frozenset[str]) -> bool:
    """Whether it has an address of these domains, a day and an hour, in whatever language.

    Programs put it into brackets; people who write of an address do not.
    """
    if _DAY.search(words) is None or _HOUR.search(words) is None:
        return False
    return any(domain.lower() in domains for domain in _DOMAIN.findall(words))


def introduces(words: str) -> bool:
    """Whether it may name the author of the quote that follows it at once."""
    if len(words) > limits.ATTRIBUTION:
        return False
    has_date = _TIME.search(words) is not None
    return _WROTE.search(words) is not None or ("@" in words and has_date)


@cache
def _library() -> Pattern[str]:
    """What mail-parser-reply knows of attributions in languages that are not ours.

    Of the library only this is asked, with few short lines at a time: read whole, a text costs it
    time that grows with the square, lists and greetings are taken for signatures, and lines are
    stripped of their indentation.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        message = EmailReplyParser(languages=list(_LANGUAGES)).read("")
    pattern: Pattern[str] = message.HEADER_REGEX
    return pattern


def begins_others(lines: list[str], at: int, is_reply: bool) -> bool:
    """Whether everything from this line on was written by others: a forwarded or answered mail.

    A new mail may well talk of another one's headers: alone they end only what is an answer.
    """
    line = lines[at][: limits.SEPARATOR]
    if _NAMED.fullmatch(line) or _NOTES.fullmatch(line):
        return True
    if _RULE.fullmatch(line) or _FORWARD.fullmatch(line) or _BETWEEN_DASHES.fullmatch(line):
        return _has_headers(lines, _next(lines, at + 1), 2 if is_reply else _LEAST_ROLES)
    return is_reply and _has_headers(lines, at, _LEAST_ROLES)


def _next(lines: list[str], at: int) -> int:
    while at < len(lines) and not lines[at]:
        at += 1
    return at


def _has_headers(lines: list[str], at: int, least: int) -> bool:
    """Whether the headers of a mail stand here: who it is from, and others."""
    found = _KEY.match(lines[at]) if at < len(lines) else None
    if found is None:
        return False
    roles: set[str] = set()
    for line in lines[at : at + _BLOCK]:
        key = _KEY.match(line)
        if key is not None:
            roles.add(str(key.lastgroup))
        elif not line and len(roles) >= least:
            break
    return "from" in roles and len(roles) >= least
