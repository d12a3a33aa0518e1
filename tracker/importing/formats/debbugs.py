"""debbugs: one file is one bug, either its `.log` (with its `.summary` beside it) or its mailbox.

A `.log` is a row of records between lines of one control character (`Debbugs::Log`): ^G a mail that
came in, ^A one that was forwarded, ^B recipients and ^E what was sent to them, ^F a remark in HTML;
each ends with ^C, and lines of mails that begin with such a character are marked with ^X.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tracker.importing.formats.mails import (
    LARGEST_MAIL,
    Mail,
    author_of,
    decoded,
    message_at,
    parse,
    places,
    plain_subject,
)
from tracker.importing.formats.mbox import add_mail
from tracker.importing.source import Format, Reading, Record, UnreadableFile

_RECORD_STARTS: Final = (b"\x01\n", b"\x02\n", b"\x06\n", b"\x07\n")
_MARKED: Final = re.compile(rb"^\x18([\x01-\x07\x18])", re.MULTILINE)
_AT: Final = re.compile(r"\(at ([\w.+-]+)\)")
_PSEUDO_HEADER: Final = re.compile(
    r"(package|source|version|severity|tags|control|user|usertags|owner|affects|forwarded|file"
    r"|justification|followup-for|x-debbugs-cc):[ \t]*(.*)",
    re.IGNORECASE,
)
_BUG_PREFIX: Final = re.compile(r"^(?:Bug#\d+:\s*)+", re.IGNORECASE)
_STOPS: Final = frozenset({"thanks", "thank", "thankyou", "quit", "stop", "--", "kthxbye"})


@dataclass
class _Bug:
    """What the mails of a bug said so far."""

    number: str
    status: str = "open"
    tags: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    closed_at: str = ""
    merged: list[str] = field(default_factory=list)
    blocked_by: list[str] = field(default_factory=list)

    def obey(self, line: str, at: str) -> bool:
        """Carry out a line of `Control`; False when it ends the commands."""
        words = line.split()
        if not words or words[0].lower().rstrip(",.") in _STOPS:
            return not words
        verb, named = words[0].lower(), words[1].lstrip("#") if len(words) > 1 else ""
        rest = words[2:]
        if named not in (self.number, "-1"):
            if verb in ("merge", "forcemerge") and self.number in rest:
                self.merged.append(named)
            return True
        if verb in ("merge", "forcemerge"):
            self.merged += [word for word in rest if word.isdecimal()]
        elif verb in ("close", "done"):
            self.close(at)
        elif verb == "reopen":
            self.status, self.closed_at = "open", ""
        elif verb in ("tag", "tags"):
            self._tag(rest)
        elif verb in _FACTS and rest:
            self.facts[_FACTS[verb]] = " ".join(rest)
        return True

    def close(self, at: str) -> None:
        self.status, self.closed_at = "done", at

    def _tag(self, words: list[str]) -> None:
        sign = "+"
        for word in words:
            if word[0] in "+-=":
                sign, word = word[0], word[1:]  # noqa: PLW2901 - the sign may stand alone
            if sign == "-":
                self.tags = [tag for tag in self.tags if tag != word]
            elif word:
                self.tags.append(word.lower())


# Command of Control -> field; of several the last one counts.
_FACTS: Final = {
    "severity": "severity", "retitle": "summary", "reassign": "component", "owner": "assignee",
    "found": "version", "fixed": "fixed_in", "forwarded": "forwarded",
}  # fmt: skip
# Pseudo-header of a report, or line of a .summary -> field.
_SAID: Final = {
    "package": "component", "source": "component", "version": "version", "severity": "severity",
    "subject": "summary", "found-in": "version", "fixed-in": "fixed_in", "owner": "assignee",
}  # fmt: skip


def read(path: Path, reading: Reading) -> Iterator[Record]:
    """The one bug of a file."""
    mails = _unique(parse(raw, reading) for raw in _messages(path))
    first = next(mails, None)
    if first is None:
        raise UnreadableFile(f"{path.name} holds no mail, so there is no bug in it.")
    rest = list(mails)
    number = _number(path, [first, *rest])
    bug = _Bug(number)
    record = Record(f"bug {number or '(no number)'}, {path.name}")
    _open(record, bug, first)
    for mail in rest:
        _follow(record, bug, mail)
    summary = path.with_suffix(".summary")
    if path.suffix == ".log" and summary.is_file() and not summary.is_symlink():
        _take_summary(record, bug, summary)
    _put_facts(record, bug)
    yield record


def _messages(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        is_log = file.read(2) in _RECORD_STARTS
    if is_log:
        yield from _log_messages(path)
        return
    for place in places(path):
        yield message_at(path, place)


def _log_messages(path: Path) -> Iterator[bytes]:
    """The mails that came in. What was sent out are copies and receipts of those."""
    kind, lines, size, line = b"", list[bytes](), 0, 0
    with path.open("rb") as file:
        while piece := file.readline(LARGEST_MAIL):
            line += 1
            if not kind:
                if piece not in _RECORD_STARTS:
                    raise UnreadableFile(
                        f"{path.name}, line {line}: a record of a debbugs log must begin there "
                        "with a control character alone. The file is damaged."
                    )
                kind, lines, size = piece[:1], [], 0
            elif piece in (b"\x03\n", b"\x03"):
                if kind in (b"\x07", b"\x01"):
                    yield _MARKED.sub(rb"\1", b"".join(lines))
                kind = b""
            elif kind in (b"\x07", b"\x01") and size < LARGEST_MAIL:
                lines.append(piece)
                size += len(piece)
    if kind:
        raise UnreadableFile(f"{path.name} is cut off: its last record, in line {line}, is open.")


def _unique(mails: Iterable[Mail]) -> Iterator[Mail]:
    seen: set[str] = set()
    for mail in mails:
        if mail.key not in seen:
            seen.add(mail.key)
            yield mail


def _number(path: Path, mails: list[Mail]) -> str:
    """The bug's number: of the file's name, or else the one that most of its mails name."""
    if named := re.search(r"(?:^|[^0-9])(\d{1,9})$", path.stem):
        return named[1]
    found: Counter[str] = Counter()
    for mail in mails:
        sent_to = f"{mail.header('to')} {mail.header('cc')}"
        found.update(set(re.findall(r"\b(\d{1,9})(?:-[a-z]+)?@", sent_to)))
        found.update(set(re.findall(r"Bug#(\d{1,9})", mail.subject)))
        found.update(set(re.findall(r"\(at (\d{1,9})", mail.header("received"))))
    return found.most_common(1)[0][0] if found else ""


def _open(record: Record, bug: _Bug, mail: Mail) -> None:
    """The first mail is the report; it may begin with lines like "Package: net-tools"."""
    said, text, controls = _pseudo_headers(mail.text)
    for name, value in said.items():
        if field_name := _SAID.get(name):
            bug.facts[field_name] = value
    bug.facts["summary"] = _BUG_PREFIX.sub("", plain_subject(mail.subject))
    bug.tags += said.get("tags", "").lower().replace(",", " ").split()
    for line in controls:
        bug.obey(line, mail.at)
    record.put("id", bug.number)
    record.put("created", mail.at)
    record.put("description", text)
    record.reporter = mail.author
    record.files = mail.files


def _pseudo_headers(text: str) -> tuple[dict[str, str], str, list[str]]:
    """(name -> value, the text after them, commands given in them)."""
    said: dict[str, str] = {}
    controls: list[str] = []
    lines = text.lstrip().split("\n")
    for position, line in enumerate(lines[:100]):
        match = _PSEUDO_HEADER.fullmatch(line.strip())
        if match is None:
            return said, "\n".join(lines[position:]), controls
        if match[1].lower() == "control":
            controls.append(match[2])
        else:
            said[match[1].lower()] = match[2].strip()
    return said, "\n".join(lines[100:]), controls


def _follow(record: Record, bug: _Bug, mail: Mail) -> None:
    """A later mail is a comment; what it was sent to, or says to Control, changes the bug."""
    sent_to = set(_AT.findall(mail.header("received"))) | set(
        re.findall(r"([\w.+-]+)@", f"{mail.header('to')} {mail.header('cc')}")
    )
    said, mail.text, controls = _pseudo_headers(mail.text)
    if "control" in sent_to:
        controls += mail.text.split("\n")
    for line in controls[:500]:
        if not bug.obey(line, mail.at):
            break
    if {f"{bug.number}-done", f"{bug.number}-close"} & sent_to:
        bug.close(mail.at)
        if "version" in said:
            bug.facts["fixed_in"] = said["version"]
    add_mail(record, mail)


def _take_summary(record: Record, bug: _Bug, path: Path) -> None:
    """What debbugs itself keeps as the bug's present state."""
    said = {}
    for line in decoded(path.read_bytes()[:1_000_000]).split("\n"):
        name, colon, value = line.partition(":")
        if colon and value.strip():
            said[name.strip().lower()] = value.strip()
    for name, value in said.items():
        if field_name := _SAID.get(name):
            bug.facts[field_name] = value
    if "submitter" in said:
        record.reporter = author_of(said["submitter"])
    if said.get("date", "").isdecimal():
        at = datetime.fromtimestamp(min(int(said["date"][:12]), 253_000_000_000), tz=UTC)
        record.cells["created"] = [at.isoformat()]
    bug.tags = said.get("tags", "").lower().split()
    bug.merged += said.get("merged-with", "").split()
    bug.blocked_by += said.get("blocked-by", "").split()
    if "done" in said and bug.status != "done":
        bug.close("")
    elif "done" not in said:
        bug.status = "open"


def _put_facts(record: Record, bug: _Bug) -> None:
    facts = bug.facts
    for name in ("summary", "severity", "component"):
        record.put(name, facts.get(name, ""))
    for name in ("version", "fixed_in"):
        record.put(name, *facts.get(name, "").split())
    if facts.get("assignee"):
        record.assignee = author_of(facts["assignee"])
    record.put("status", _status(bug))
    if bug.status == "done":
        record.put("resolution", *[tag for tag in bug.tags if tag in ("wontfix", "unreproducible")])
        record.put("resolved", bug.closed_at)
    if bug.tags:
        record.notes.append(f"Tags there: {', '.join(dict.fromkeys(bug.tags))[:300]}.")
    if facts.get("forwarded"):
        record.notes.append("Forwarded there to another tracker.")
    merged = [number for number in dict.fromkeys(bug.merged) if number != bug.number]
    if merged:
        record.relations["Merged with"] = merged
    if bug.blocked_by:
        record.relations["Blocked by"] = bug.blocked_by


def _status(bug: _Bug) -> str:
    if bug.status == "done":
        return "done"
    for tag in ("moreinfo", "pending", "confirmed"):
        if tag in bug.tags:
            return tag
    return "open"


FORMAT: Final = Format(
    "debbugs", "debbugs", "debbugs", "mail", read, (".summary", ".status", ".report")
)
