"""Letters: declared, wrong, unknown and missing; in bodies, headers and names."""

from __future__ import annotations

import base64

from tests.gate.corpus.building import Sample, head, multipart, part

GERMAN = "Größe und Maß: 5 € für Übung"
RUSSIAN = "Принтер останавливается после перезагрузки, и ничего не печатает"
CHINESE = "打印机在重新启动后停止工作"
JAPANESE = "再起動するとプリンターが止まります"
KOREAN = "다시 시작하면 프린터가 멈춥니다"
GREEK = "Ο εκτυπωτής σταματά μετά την επανεκκίνηση"
POLISH = "Drukarka zatrzymuje się, gdy żółć"
THAI = "เครื่องพิมพ์หยุด"
HEBREW = "המדפסת נעצרת"
ARABIC = "تتوقف الطابعة"

# (text, codec in which it is written, what the mail says)
_DECLARED = [
    (GERMAN, "utf-8", "utf-8"),
    (GERMAN, "utf-8", "UTF8"),
    (GERMAN, "utf-8", '"utf-8"'),
    (GERMAN, "utf-8-sig", "utf-8"),
    (GERMAN, "cp1252", "windows-1252"),
    (GERMAN, "iso-8859-15", "iso-8859-15"),
    (GERMAN, "utf-7", "utf-7"),
    (GERMAN, "utf-7", "unicode-1-1-utf-7"),
    (GERMAN, "utf-16", "utf-16"),
    (RUSSIAN, "koi8-r", "koi8-r"),
    (RUSSIAN, "cp1251", "windows-1251"),
    (RUSSIAN, "iso-8859-5", "iso-8859-5"),
    (RUSSIAN, "cp866", "ibm866"),
    (RUSSIAN, "mac-cyrillic", "x-mac-cyrillic"),
    (RUSSIAN, "koi8-u", "koi8-ru"),
    (CHINESE, "gb2312", "gb2312"),
    (CHINESE, "gbk", "gbk"),
    (CHINESE, "gb18030", "gb18030"),
    (CHINESE, "hz", "hz-gb-2312"),
    ("印表機停止", "big5", "big5"),
    (JAPANESE, "iso-2022-jp", "iso-2022-jp"),
    (JAPANESE, "shift_jis", "shift_jis"),
    (JAPANESE, "euc-jp", "euc-jp"),
    (KOREAN, "euc-kr", "ks_c_5601-1987"),
    (KOREAN, "euc-kr", "euc-kr"),
    (GREEK, "iso-8859-7", "iso-8859-7"),
    (POLISH, "iso-8859-2", "iso-8859-2"),
    (POLISH, "cp1250", "windows-1250"),
    ("Kağıt sıkıştı", "iso-8859-9", "iso-8859-9"),
    (THAI, "cp874", "windows-874"),
    (HEBREW, "iso-8859-8", "iso-8859-8-i"),
    (ARABIC, "cp1256", "windows-1256"),
    # They say one thing and mean another.
    (GERMAN + " – “so”", "cp1252", "iso-8859-1"),
    (GERMAN + " – “so”", "cp1252", "us-ascii"),
    (GERMAN, "utf-8", "iso-8859-1"),
    (GERMAN, "utf-8", "us-ascii"),
    ("囍 is 囍", "gb18030", "gb2312"),
    ("①㈱", "cp932", "shift_jis"),
    # They say nothing that anybody knows.
    (GERMAN, "utf-8", "x-unknown"),
    (GERMAN, "cp1252", "unknown-8bit"),
    (GERMAN, "utf-8", "rot13"),
    (GERMAN, "utf-8", "punycode"),
    (GERMAN, "utf-8", "unicode_escape"),
    (GERMAN, "utf-8", "zip"),
]

_BODIES = [
    Sample(
        f"letters: {codec} as {said} {number}",
        head() + part(text.encode(codec), f"text/plain; charset={said}", "base64"),
        text,
    )
    for number, (text, codec, said) in enumerate(_DECLARED)
    if said not in {"us-ascii"} or codec != "cp1252"
]
_MISSING = [
    Sample("letters: utf-8 unsaid", head() + part(GERMAN, "text/plain"), GERMAN),
    Sample("letters: windows unsaid", head() + part(GERMAN.encode("cp1252"), "text/plain"), GERMAN),
    Sample("letters: russian unsaid", head() + part((RUSSIAN + ". " + RUSSIAN).encode("cp1251"), ""), None),
    Sample("letters: ascii was said", head() + part(GERMAN.encode("cp1252"), "text/plain; charset=us-ascii"), GERMAN),
    Sample("letters: cut in a letter", head() + part((GERMAN + "ü").encode()[:-1], "text/plain; charset=utf-8"), GERMAN + "\ufffd", fault="letters"),
    Sample("letters: wrong for chinese", head() + part(b"\xb4\xf2\xff\xff x", "text/plain; charset=gb2312"), None, fault="letters"),
    Sample("letters: nothing", head() + part("a\x00b\x07c\x1b[0m\n", "text/plain"), "abc[0m"),
    Sample("letters: base64 broken", head() + b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nSXQgc3RvcHM!!u\n", "It stops."),
    Sample("letters: base64 cut off", head() + b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nSXQgc3RvcHMuI\n", "It stops."),
    Sample("letters: base64 not at all", head() + b"Content-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\n+1\n", "+1"),
    Sample("letters: unknown encoding", head() + b"Content-Type: text/plain\nContent-Transfer-Encoding: x-none\n\n+1\n", "+1"),
    Sample("letters: quoted-printable broken", head() + b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n100=% =C3=A9=\n =ZZ =\n", "100=% é =ZZ"),
    Sample("letters: quoted-printable raw", head() + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\né =C3=A9\n".encode(), "é é"),
    Sample("letters: base64 in pieces", head() + b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nSXQ=\nIHN0b3BzLg==\n", "It stops."),
    Sample("letters: base64 and a footer", head() + part(b"It stops.", "text/plain", "base64") + b"\n____________\nprinters mailing list\n", "It stops."),
]  # fmt: skip


def _word(text: str, codec: str, how: str = "B") -> str:
    content = text.encode(codec)
    if how == "B":
        return f"=?{codec}?B?{base64.b64encode(content).decode()}?="
    return f"=?{codec}?Q?{''.join(f'={byte:02X}' for byte in content)}?="


# (what stands in the header, what it says)
_SUBJECTS = [
    (_word(GERMAN, "utf-8"), GERMAN),
    (_word(GERMAN, "cp1252", "q").lower().replace("=?cp1252", "=?windows-1252"), GERMAN),
    (_word(JAPANESE, "iso-2022-jp"), JAPANESE),
    (_word(CHINESE, "gb2312"), CHINESE),
    (f"{_word('Принтер ', 'koi8-r')}\n {_word('стоит', 'koi8-r', 'Q')}", "Принтер стоит"),
    ("Re: =?utf-8?b?w7w=?= and =?utf-8?q?=C3=A4?=", "Re: ü and ä"),
    ("=?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "café"),
    ("=?utf-8?B?YWJjw?= =?utf-8?B?6k=?=", None),
    ("=?utf-8*de?q?gr=C3=BCn?=", "grün"),
    ("=?UTF-8?Q?a b c?=", "a b c"),
    ("=?utf-8?q?never closed", "=?utf-8?q?never closed"),
    ("=?x-nothing?q?a=FC?=", "aü"),
    ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
    ("folded\n  over\n\tlines", "folded over lines"),
    ("=?utf-8?q?new=0Aline=0D=0ABcc:_x?=", "new line Bcc: x"),
    ("größe", "größe"),
    ("", ""),
    ("x" * 5000, "x" * 500),
]

_HEADERS = [
    Sample(f"subject {number}", head(Subject=given) + part("+1"), "+1", subject=said)
    for number, (given, said) in enumerate(_SUBJECTS)
] + [
    Sample("subject in latin-1", head(Subject="X").replace(b"X\n", b"gr\xf6\xdfe\n", 1) + part("+1"), "+1"),
    Sample("subject twice", head(Subject="one\nSubject: two") + part("+1"), "+1", subject="one"),
]  # fmt: skip


# (Content-Type's, Content-Disposition's, the name)
_NAMES = [
    ("text/x-log", 'attachment; filename="a.log"', "a.log"),
    ("text/x-log", "attachment; filename=a.log", "a.log"),
    ('text/x-log; name="b.log"', "attachment", "b.log"),
    ("text/x-log", "attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.log", "größe.log"),
    ("text/x-log", "attachment; filename*=iso-8859-1'de'gr%F6%DFe.log", "größe.log"),
    ("text/x-log", "attachment; filename*0=a; filename*1=b; filename*2=.log", "ab.log"),
    ("text/x-log", "attachment; filename*0*=utf-8''gr%C3%B6; filename*1=b.log", "gröb.log"),
    ("text/x-log", 'attachment; filename="=?utf-8?B?Z3LDtsOfZS5sb2c=?="', "größe.log"),
    ("text/x-log", "attachment; filename==?utf-8?Q?gr=C3=B6=C3=9Fe.log?=", "größe.log"),
    ("text/x-log", 'attachment; filename="größe.log"', "größe.log"),
    ("text/x-log", 'attachment; filename="a \\"b\\".log"', 'a "b".log'),
    ("text/x-log", 'attachment; filename="../../etc/passwd"', "../../etc/passwd"),
    ("text/x-log", 'attachment; filename="C:\\\\temp\\\\a.log"', "C:\\temp\\a.log"),
    ("text/x-log", "attachment; filename*=x-none''a%FC.log", "aü.log"),
    ("image/png", "attachment", "image-1.png"),
    ("application/pdf", "attachment", "attachment-1.pdf"),
    ("text/x-patch", "inline", "attachment-1.patch"),
    ("application/x-none", "attachment", "attachment-1.bin"),
    ("broken", "attachment; filename=a.txt", "a.txt"),
]

_FILES = [
    Sample(
        f"name {number}",
        head()
        + multipart(
            "mixed", part("+1"), part("x", kind, "", f"Content-Disposition: {disposition}")
        ),
        "+1",
        (name,),
    )
    for number, (kind, disposition, name) in enumerate(_NAMES)
]

LETTERS: list[Sample] = [*_BODIES, *_MISSING, *_HEADERS, *_FILES]
