"""A version as text for others: a diff, or mails that `git am` makes the same commits of.

The diffs are always the stored ones, which the page shows: whatever else stood in the mail that
brought them is not passed on. An address is written only as far as the patch itself has one;
for a person who has no address in the patch it is `<handle>@users.noreply.<host>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email.charset import SHORTEST, Charset
from email.header import Header
from email.utils import format_datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models.fields.files import FieldFile

from accounts.models import Person
from patches.git.heads import heads_of
from patches.git.series import Commit, series_of
from patches.models import Patch, PatchVersion

UTF8 = Charset("utf-8")
UTF8.header_encoding = SHORTEST
ADDRESS = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")
SPECIALS = re.compile(r'[()<>@,:;".\[\]\\]')
# Lines at which `git am` would take the diff to begin, or, as the first one, the header to go on.
BREAKS = re.compile(
    r"^(?=diff -|Index: |---(?:[ \t]|$))|\A(?=>?From[:\s]|Date:|Subject:|\[PATCH\]\s)",
    re.MULTILINE,
)
MAIL_LINE = re.compile(rb"^From ", re.MULTILINE)
# Longer lines some mail servers cut.
LINE_BYTES = 990
QUOTED_BYTES = 75
QUOTED = [
    b"%c" % byte if byte in b" \t" or (33 <= byte <= 126 and byte != ord("=")) else b"=%02X" % byte
    for byte in range(256)
]


def as_patch(version: PatchVersion) -> bytes:
    """The diffs, commit by commit, as `git apply` and `patch -p1` take them."""
    return _read(version.file)


def as_mbox(version: PatchVersion) -> bytes:
    """One mail for each commit, which `git am` takes.

    Where it came as git's own mails, author, date and words are as they were there. A diff that
    came alone has the title, description and author of its patch.
    """
    series = series_of(version)
    heads = heads_of(_read(version.original), series.commits)
    mails = []
    for commit, head in zip(series.commits, heads, strict=True):
        header, words = (head.lines, head.words) if head else _made(version, commit)
        mails.append(_mail(version, commit, header, words))
    return b"".join(mails)


def _read(stored: FieldFile) -> bytes:
    if not stored:
        return b""
    with stored.open("rb") as file:
        return bytes(file.read())


def _mail(version: PatchVersion, commit: Commit, header: bytes, words: bytes) -> bytes:
    url = f"{settings.BASE_URL}{version.get_absolute_url()}\n"
    base = version.base_commit if commit.position == 1 else ""
    below = f"base-commit: {base}\n" if base else ""
    diff = commit.diff if commit.diff.endswith(b"\n") else commit.diff + b"\n"
    body = b"%s---\n%s\n%s%s-- \nGroundswell\n\n" % (
        words,
        url.encode(),
        diff,
        below.encode(),
    )
    encoding, body = _encoded(body)
    return (
        b"From %040d Mon Sep 17 00:00:00 2001\n%s"
        b"MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
        b"Content-Transfer-Encoding: %s\n\n%s" % (0, header, encoding, body)
    )


def _made(version: PatchVersion, commit: Commit) -> tuple[bytes, bytes]:
    """The header and the words of one that has none of its own."""
    patch = version.patch
    is_bare = not commit.subject
    subject = commit.subject or _title(version, commit)
    words = commit.message if not is_bare else patch.description
    name, address = _author(patch, commit)
    date = commit.authored_at or version.created_at
    lines = [
        _field("From", f"{_phrase(name)} <{address}>"),
        f"Date: {_date(date)}\n",
        _field("Subject", f"{_prefix(version, commit)} {_line(subject)}"),
    ]
    body = BREAKS.sub(" ", words.replace("\r\n", "\n").strip("\n"))
    return "".join(lines).encode(), f"{body}\n".encode(errors="replace") if body else b""


def _title(version: PatchVersion, commit: Commit) -> str:
    title = version.patch.title
    is_one = version.commits_count == 1
    return title if is_one else f"{title} ({commit.position}/{version.commits_count})"


def _prefix(version: PatchVersion, commit: Commit) -> str:
    number = f" v{version.number}" if version.number > 1 else ""
    count = version.commits_count
    part = f" {commit.position:0{len(str(count))}}/{count}" if count > 1 else ""
    return f"[PATCH{number}{part}]"


def _author(patch: Patch, commit: Commit) -> tuple[str, str]:
    """Name and address: those in the patch, else those of who sent it, without their address."""
    person = patch.author or patch.submitter
    name = commit.author_name or patch.author_name or (_name(person) if person else "Unknown")
    if ADDRESS.fullmatch(commit.author_email):
        return name, commit.author_email
    handle = person.handle if person and not _is_somebody_elses(patch, commit) else "unknown"
    return name, f"{handle}@users.noreply.{urlsplit(settings.BASE_URL).hostname or 'localhost'}"


def _is_somebody_elses(patch: Patch, commit: Commit) -> bool:
    """Whether the patch names an author who is none of the accounts."""
    return bool(commit.author_name or patch.author_name)


def _name(person: Person) -> str:
    return person.get_full_name() or person.handle


def _date(at: datetime) -> str:
    return format_datetime(at)


def _line(text: str) -> str:
    return " ".join(text.split())


def _phrase(name: str) -> str:
    """A name as it stands before an address."""
    name = _line(name.replace("<", "").replace(">", ""))
    if not name.isascii() or "=?" in name:
        return Header(name, UTF8, maxlinelen=70, header_name="From").encode()
    if SPECIALS.search(name):
        return '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"'))
    return name


def _field(name: str, value: str) -> str:
    """One header line, folded where it is long."""
    if value.isascii() and "=?" not in value[8:]:
        return f"{name}: {Header(value, maxlinelen=76, header_name=name).encode()}\n"
    if name == "From":
        return f"{name}: {value}\n"
    prefix, _, rest = value.partition("] ")
    encoded = Header(rest, UTF8, maxlinelen=70, header_name=f"{name}: {prefix}").encode()
    return f"{name}: {prefix}] {encoded}\n"


def _encoded(body: bytes) -> tuple[bytes, bytes]:
    """The body, in quoted-printable where a mail program or `git am` would else change it."""
    is_safe = b"\r" not in body and b"\0" not in body and not MAIL_LINE.search(body)
    if is_safe and len(max(body.split(b"\n"), key=len)) <= LINE_BYTES:
        return b"8bit", body
    return b"quoted-printable", b"\n".join(map(_quoted, body.split(b"\n")))


def _quoted(line: bytes) -> bytes:
    text = b"".join(map(QUOTED.__getitem__, line))
    if line.startswith(b"From "):
        text = b"=46" + text[1:]
    if line[-1:] in (b" ", b"\t"):
        text = text[:-1] + b"=%02X" % line[-1]
    return text if len(text) <= QUOTED_BYTES else b"=\n".join(_cut(text))


def _cut(text: bytes) -> Iterator[bytes]:
    """Parts of a quoted line, none of which ends within an escape."""
    while len(text) > QUOTED_BYTES:
        at = text.rfind(b"=", QUOTED_BYTES - 2, QUOTED_BYTES)
        at = QUOTED_BYTES if at < 0 else at
        yield text[:at]
        text = text[at:]
    yield text
