"""How messages are put together, and how they come apart."""

from __future__ import annotations

import base64
import struct

from tests.gate.corpus.building import OTHERS, Sample, head, multipart, part, quoted

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20))
PICTURE = part(
    base64.b64decode(PNG),
    "image/png; name=logo.png",
    "base64",
    "Content-ID: <logo>",
    "Content-Disposition: inline; filename=logo.png",
)
LOG = part(
    "a log\n",
    "text/plain; name=a.log",
    "base64",
    'Content-Disposition: attachment; filename="a.log"',
)
DIFF = part(
    "--- a\n+++ b\n",
    "text/x-patch; name=fix.patch",
    "",
    "Content-Disposition: inline; filename=fix.patch",
)
INNER = head(Subject="An older mail") + part(f"{OTHERS} said this.\n")
PGP = part("-----BEGIN PGP SIGNATURE-----\nx\n", "application/pgp-signature; name=signature.asc")
P7S = part("MIIx", "application/pkcs7-signature; name=smime.p7s", "base64")
FOOTER = part("____________\nprinters mailing list\nhttps://lists.example.org/listinfo/printers\n")
PLAIN, RICH = part("+1\n"), part("<p>+1 <img src='cid:logo'></p>", "text/html; charset=utf-8")
SIGNED = f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\nComment: {OTHERS}\n\nIt stops.\n- -- \nBela\n-----BEGIN PGP SIGNATURE-----\n\n{OTHERS}\n=abcd\n-----END PGP SIGNATURE-----\n"


def _object(name: int, data: bytes, level: int = 1, kind: int = 6) -> bytes:
    return (
        struct.pack("<BHHI", level, name, kind, len(data))
        + data
        + struct.pack("<H", sum(data) & 0xFFFF)
    )


def _property(name: int, kind: int, value: bytes) -> bytes:
    return struct.pack("<HHII", kind, name, 1, len(value)) + value + b"\0" * (-len(value) % 4)


def winmail(body: str = "It stops.", broken: bool = False) -> bytes:
    """A winmail.dat with a text and two files, one named as of old and one in Unicode."""
    page = _object(0x9007, struct.pack("<II", 1252, 0))
    text = _property(0x1000, 0x1F, (body + "\0").encode("utf-16-le"))
    named = _property(0x3707, 0x1F, "größe.pdf\0".encode("utf-16-le"))
    named += _property(0x370E, 0x1E, b"application/pdf\0")
    files = (
        _object(0x9002, bytes(14), 2)
        + _object(0x8010, b"a.log\0", 2)
        + _object(0x800F, b"a log", 2)
    )
    files += _object(0x9002, bytes(14), 2) + _object(0x800F, b"%PDF", 2)
    files += _object(0x9005, struct.pack("<I", 2) + named, 2)
    made = b"\x78\x9f\x3e\x22\x01\x00" + page + _object(0x9003, struct.pack("<I", 1) + text) + files
    return made[:-9] + struct.pack("<I", 2**31) if broken else made


OBJECT_OF_PROPERTIES = _object(
    0x9003, struct.pack("<I", 1_000) + struct.pack("<II", 0x00010003, 0) * 1_000
)


def _winmail(content: bytes, kind: str = "application/ms-tnef") -> bytes:
    return part(
        content,
        f"{kind}; name=winmail.dat",
        "base64",
        "Content-Disposition: attachment; filename=winmail.dat",
    )


def _nested(levels: int) -> bytes:
    inner = part("+1\n")
    for level in range(levels):
        inner = multipart("mixed", inner, boundary=f"level{level}")
    return head() + inner


def _open(raw: bytes) -> bytes:
    """A multipart whose last boundary is missing."""
    return raw[: raw.rstrip().rfind(b"\n")] + b"\n"


MIXED = head() + multipart("mixed", PLAIN, LOG, boundary="outer")

STRUCTURES: list[Sample] = [
    Sample("gmail with picture", head() + multipart("related", multipart("alternative", PLAIN, RICH), PICTURE), "+1", ("logo.png",)),
    Sample("outlook with picture", head() + multipart("alternative", PLAIN, multipart("related", RICH, PICTURE)), "+1", ("logo.png",)),
    Sample("all of them", head() + multipart("mixed", multipart("alternative", PLAIN, multipart("related", RICH, PICTURE)), LOG, DIFF), "+1", ("logo.png", "a.log", "fix.patch")),
    Sample("apple mail", head() + multipart("alternative", PLAIN, multipart("mixed", RICH, part("%PDF", "application/pdf; name=a.pdf"), part("<p>+1</p>", "text/html"))), "+1", ("a.pdf",)),
    Sample("apple mail, text around", head() + multipart("mixed", part("Before.\n"), PICTURE, part("After.\n")), "Before.\n\nAfter.", ("logo.png",)),
    Sample("apple mail, html around", head() + multipart("mixed", part("<p>Before.</p>", "text/html"), PICTURE, part("<p>After.</p>", "text/html")), "Before.\nAfter.", ("logo.png",)),
    Sample("thunderbird with patch", head() + multipart("mixed", part("Try this.\n", "text/plain; charset=utf-8; format=flowed"), part("--- a\n+++ b\n", "text/plain; name=fix.diff", "", "Content-Disposition: inline; filename=fix.diff")), "Try this.", ("fix.diff",)),
    Sample("git format-patch --attach", head(Subject="[PATCH] lpr: stop") + multipart("mixed", part("Try this.\n"), DIFF), "Try this.", ("fix.patch",)),
    Sample("list footer as a part", head() + multipart("mixed", PLAIN, FOOTER), "+1"),
    Sample("list footer after a file", head() + multipart("mixed", PLAIN, LOG, FOOTER), "+1", ("a.log",)),
    Sample("list footer of exchange", head() + multipart("mixed", PLAIN, part("____________\nprinters mailing list\n", "text/plain; name=ATT00001.txt", "", "Content-Disposition: attachment; filename=ATT00001.txt")), "+1"),
    Sample("list around a signed mail", head() + multipart("mixed", multipart("signed", PLAIN, PGP), FOOTER), "+1"),
    Sample("only a file", head() + part("%PDF", "application/pdf; name=a.pdf", "base64", "Content-Disposition: attachment; filename=a.pdf"), "", ("a.pdf",)),
    Sample("only a text that is a file", head() + part("a log", "text/plain; name=a.log", "", "Content-Disposition: attachment; filename=a.log"), "", ("a.log",)),
    Sample("only a text with a name", head() + multipart("mixed", part("+1", "text/plain; name=body.txt", "", "Content-Disposition: inline")), "+1"),
    Sample("an empty body", head() + part("\n"), ""),
    Sample("a mail as a file", head() + multipart("mixed", PLAIN, part(INNER, "message/rfc822")), "+1", ("An older mail.eml",)),
    Sample("a mail as a file, named", head() + multipart("mixed", PLAIN, part(INNER, "message/rfc822; name=old.eml", "base64")), "+1", ("old.eml",)),
    Sample("only a mail", head() + part(INNER, "message/rfc822"), "", ("An older mail.eml",)),
    Sample("a digest", head() + multipart("digest", b"\n" + INNER, b"\n" + INNER), "", ("An older mail.eml",) * 2),
    Sample("pgp/mime", head() + multipart("signed", PLAIN, PGP, more="; micalg=pgp-sha512"), "+1"),
    Sample("pgp/mime of enigmail", head() + multipart("signed", multipart("mixed", PLAIN, part("key", "application/pgp-keys; name=key.asc")), PGP), "+1"),
    Sample("pgp in the text", head() + part(SIGNED), "It stops."),
    Sample("pgp in html", head() + part(SIGNED.replace("\n", "<br>"), "text/html; charset=utf-8"), "It stops."),
    Sample("pgp in the text, dashes", head() + part(SIGNED.replace("- -- \nBela\n", "- - one\n- - two\n")), "It stops.\n- one\n- two"),
    Sample("pgp encrypted", head() + multipart("encrypted", part("Version: 1", "application/pgp-encrypted"), part("-----BEGIN PGP MESSAGE-----", "application/octet-stream; name=encrypted.asc")), "", ("encrypted.asc",), fault="encrypted"),
    Sample("pgp encrypted in the text", head() + part("-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n"), None, fault="encrypted"),
    Sample("s/mime", head() + multipart("signed", multipart("alternative", PLAIN, RICH), P7S), "+1"),
    Sample("s/mime opaque", head() + part(b"0\x82", "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", "base64"), "", ("smime.p7m",), fault="signature"),
    Sample("s/mime encrypted", head() + part(b"0\x82", "application/x-pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "base64"), "", ("smime.p7m",), fault="encrypted"),
    Sample("winmail", head() + multipart("mixed", PLAIN, _winmail(winmail())), "+1", ("a.log", "größe.pdf")),
    Sample("winmail has the text", head() + _winmail(winmail()), "It stops.", ("a.log", "größe.pdf")),
    Sample("winmail by its name", head() + multipart("mixed", part(""), _winmail(winmail(), "application/octet-stream")), "It stops.", ("a.log", "größe.pdf")),
    Sample("winmail broken off", head() + multipart("mixed", PLAIN, _winmail(winmail(broken=True))), "+1", ("a.log", "attachment-2.bin", "winmail.dat"), fault="winmail"),
    Sample("winmail that is none", head() + multipart("mixed", PLAIN, _winmail(b"nothing")), "+1", ("winmail.dat",), fault="winmail"),
    Sample("an invitation is accepted", head() + multipart("alternative", part("Accepted"), part("BEGIN:VCALENDAR", "text/calendar; method=REPLY; charset=utf-8")), None, ("attachment-1.ics",), automatic="invitation"),
    Sample("an invitation", head() + multipart("alternative", PLAIN, part("BEGIN:VCALENDAR", "text/calendar; method=REQUEST; charset=utf-8")), "+1", ("attachment-1.ics",)),
    Sample("a card", head() + multipart("mixed", PLAIN, part("BEGIN:VCARD", "text/vcard; name=bela.vcf")), "+1", ("bela.vcf",)),
    Sample("a voice", head() + multipart("mixed", PLAIN, part(b"\0\1", "audio/mpeg", "base64")), "+1", ("audio-1.mp3",)),
    Sample("apple's two forks", head() + multipart("mixed", PLAIN, multipart("appledouble", part("x", "application/applefile"), LOG)), "+1", ("a.log",)),
    Sample("uuencoded", head() + multipart("mixed", PLAIN, b"Content-Type: application/octet-stream; name=a.bin\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 a.bin\n#0V%T\n`\nend\n"), "+1", ("a.bin",)),
    Sample("no last boundary", _open(MIXED), "+1", ("a.log",)),
    Sample("cut in a file", MIXED[:-20], "+1", ("a.log",)),
    Sample("each boundary twice", MIXED.replace(b"\n--outer\n", b"\n--outer\n--outer\n"), "+1", ("a.log",)),
    Sample("boundary with spaces", MIXED.replace(b"\n--outer\n", b"\n--outer  \t\n"), "+1", ("a.log",)),
    Sample("boundary within another", head() + multipart("mixed", multipart("alternative", PLAIN, RICH, boundary="outer1"), LOG, boundary="outer"), "+1", ("a.log",)),
    Sample("the same boundary inside", head() + multipart("mixed", multipart("alternative", PLAIN, boundary="same"), boundary="same"), "+1"),
    Sample("boundary never used", head() + b'Content-Type: multipart/mixed; boundary="none"\n\n+1\n', "+1"),
    Sample("boundary forgotten", MIXED.replace(b'; boundary="outer"', b""), "+1", ("a.log",)),
    Sample("boundary wrong", MIXED.replace(b'boundary="outer"', b'boundary="other"'), "+1", ("a.log",)),
    Sample("words before and after", MIXED.replace(b"\n--outer\n", f"\nThis is {OTHERS} MIME.\n--outer\n".encode(), 1) + f"\n{OTHERS} after\n".encode(), "+1", ("a.log",)),
    Sample("no headers at all", b"+1\n", "+1"),
    Sample("no headers, two lines", b"Hello you\n\nbye: now\n", "Hello you\n\nbye: now"),
    Sample("nothing", b"", ""),
    Sample("only headers", head(), ""),
    Sample("headers without a blank line", head() + b"+1 it happens\n", "+1 it happens"),
    Sample("a mailbox's first line", b"From bela@example.org Mon Nov 23 10:00:00 2026\n" + head() + part("+1"), "+1"),
    Sample("blank lines first", b"\r\n\r\n" + head() + part("+1"), "+1"),
    Sample("a byte order mark first", b"\xef\xbb\xbf" + head() + part("+1"), "+1"),
    Sample("two types", head(Content_Type="text/html") + part("<p>+1</p>", "text/plain"), "+1"),
    Sample("no type", head() + b"\n+1\n", "+1"),
    Sample("an unknown type", head() + part("+1", "text; charset=utf-8"), "+1"),
    Sample("type in quotes", head() + part("+1", '"text/plain"'), "+1"),
    Sample("zeros", head() + part(b"+\x001\x00\n"), "+1"),
    Sample("mixed line ends", head().replace(b"\n", b"\r\n") + multipart("mixed", PLAIN, LOG), "+1", ("a.log",)),
    Sample("crlf throughout", MIXED.replace(b"\n", b"\r\n"), "+1", ("a.log",)),
    Sample("nested 20 deep", _nested(20), "+1"),
    Sample("nested 400 deep", _nested(400), "", fault="deeply"),
    Sample("3,000 parts", head() + multipart("mixed", PLAIN, *[part(".", "text/x-log; name=l")] * 2_999), "+1", ("l",) * 500, fault="many"),
    Sample("3,000 headers", head() + b"X-More: y\n" * 3_000 + b"\n+1\n", "+1"),
    Sample("a header of a megabyte", head(X_Long="x" * 2**20) + part("+1"), "+1"),
    Sample("a line of a megabyte", head() + part("x" * 2**20 + f"\n{quoted()}"), None, fault="too long"),
    Sample("from several", head(From="a@example.org, b@example.org") + part("+1"), "+1"),
]  # fmt: skip
