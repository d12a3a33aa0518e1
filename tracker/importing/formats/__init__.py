"""The formats, one module each, and how a file tells which one it is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tracker.importing.formats import bugzilla_xml, csvs, debbugs, gitea, github, gnats, mbox
from tracker.importing.source import Format, Reading, Record, UnreadableFile

FORMATS: Final = {
    one.name: one
    for one in (
        csvs.BUGZILLA, csvs.JIRA, bugzilla_xml.FORMAT, gnats.FORMAT, debbugs.FORMAT, mbox.FORMAT,
        github.FORMAT, gitea.FORMAT,
    )
}  # fmt: skip
# As the option was called when there was only CSV.
ALIASES: Final = {"bugzilla": "bugzilla-csv", "jira": "jira-csv"}
_HEAD: Final = 64 * 1024
_COMPRESSED: Final = {
    b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}  # fmt: skip
_GNATS: Final = re.compile(r"^>(Number|Category|Synopsis|Responsible):", re.MULTILINE)
_DEBBUGS: Final = re.compile(
    r"^(?:Received: \(at \w+\) by|X-(?:Debian|Debbugs)-|Package: |To: .*\bsubmit@bugs\.)",
    re.MULTILINE,
)


def choose(path: Path, wanted: str) -> Format:
    """The format of a file or folder: what it is, or what is `wanted` ("auto" for either).

    Raises `UnreadableFile` when it is another one than is wanted, or none.
    """
    first = next(files(path), None)
    if first is None:
        raise UnreadableFile(f"{path} holds no file.")
    wanted = ALIASES.get(wanted, wanted)
    found = recognise(first)
    if wanted == "auto":
        if found is None:
            raise UnreadableFile(
                "The statuses in the file are neither clearly Bugzilla's nor JIRA's; say which "
                "with --format bugzilla-csv or --format jira-csv."
            )
        return found
    asked = FORMATS[wanted]
    family = found.family if found else "csv"
    # A mailbox of reports that send-pr made is either.
    is_either = asked.family == "mail" and family == "gnats" and _is_mailbox(first)
    if family != asked.family and not is_either:
        raise UnreadableFile(
            f"{first.name} is {found.title if found else 'CSV'}, not {asked.title}. Leave --format "
            f"out, or say --format {found.name if found else 'bugzilla-csv'}."
        )
    return asked


def _is_mailbox(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) == b"From "


def recognise(path: Path) -> Format | None:
    """What a file says of itself; None for CSV whose words are nobody's."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None
    for magic, name in _COMPRESSED.items():
        if head.startswith(magic):
            raise UnreadableFile(f"{path.name} is packed with {name}; unpack it first.")
    if re.match(rb"[\x01\x02\x06\x07]\n", head):
        return debbugs.FORMAT
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = head[: len(head) // 2 * 2].decode("utf-16", "replace").lstrip()
    else:
        text = head.removeprefix(codecs.BOM_UTF8).decode("latin-1").lstrip()
    found = _by_text(text)
    if found is not None:
        return found
    system = csvs.system_of(path)
    return FORMATS[f"{system}-csv"] if system else None


def _by_text(text: str) -> Format | None:
    if text.startswith("<"):
        return bugzilla_xml.FORMAT
    if text.startswith(("{", "[")):
        return gitea.FORMAT if gitea.has_marks(text) else github.FORMAT
    if len({match[1] for match in _GNATS.finditer(text.replace("\r\n", "\n"))}) >= 2:
        return gnats.FORMAT
    if text.startswith("From "):
        return debbugs.FORMAT if _DEBBUGS.search(text) else mbox.FORMAT
    return None


def files(path: Path, companions: tuple[str, ...] = (".summary", ".status")) -> Iterator[Path]:
    """The file itself, or all of a folder in the order of their numbers. Links are not followed."""
    if not path.is_dir():
        yield path
        return
    found = (
        child
        for child in path.rglob("*")
        if child.is_file() and not child.is_symlink() and child.suffix not in companions
        and not any(part.startswith(".") for part in child.relative_to(path).parts)
        and "gnats-adm" not in child.parts
    )  # fmt: skip
    yield from sorted(found, key=lambda child: _natural(str(child.relative_to(path))))


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d{1,18}|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def read(path: Path, chosen: Format, reading: Reading) -> Iterator[Record]:
    """The records of a file, or of every file of a folder."""
    for file in files(path, chosen.companions):
        for record in chosen.read(file, reading):
            if path.is_dir() and file.name not in record.place:
                record.place = f"{file.name}, {record.place}"
            yield record
