"""The report as a text file: how it is read, and every fault in it with its line.

The file has two parts. In the head each line is ``Name: value``. The text starts with the first
``Description:`` or ``How-To-Repeat:``; from there on every line is text, except

- a line that begins with ``#:``, which is a note to the writer and is left out;
- the name of a text section that was not begun yet, or that stands alone on its line.

A backslash before such a line makes it text: ``\\Description:`` is read as ``Description:``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from send_problem.words import nearest

NOTE = "#:"


@dataclass(frozen=True)
class Field:
    """A field of the form: its name in the file, its key in the API, whether it is needed."""

    name: str
    key: str
    is_needed: bool = False
    advice: str = ""


HEAD = (
    Field("Product", "product", True, "write which product has the problem"),
    Field("Component", "component", True, "write which part of the product has the problem"),
    Field("Kind", "kind"),
    Field("Severity", "severity"),
    Field("Release", "release"),
    Field("Architecture", "architecture"),
    Field("Hardware", "hardware"),
    Field("Confidential", "is_confidential"),
    Field("Synopsis", "synopsis", True, "write one line that says what is wrong"),
)
TEXTS = (
    Field("Description", "description", True, "write what happens and what you expected"),
    Field("How-To-Repeat", "how_to_repeat"),
)
FIELDS = HEAD + TEXTS
_BY_NAME = {item.name.casefold(): item for item in FIELDS}
_HEADER = re.compile(r"\s*([A-Za-z][A-Za-z _-]*?)[ \t]*:(.*)")
_TEXT_HEADER = re.compile(r"(Description|How-To-Repeat)[ \t]*:(.*)", re.IGNORECASE)
_ESCAPED = re.compile(
    r"\\+(?:#:|(?:" + "|".join(item.name for item in FIELDS) + r")[ \t]*:)", re.IGNORECASE
)


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong in a report; ``line`` counts from 1 and is 0 when it is about no line."""

    line: int
    field: str
    detail: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.detail}" if self.line else self.detail


@dataclass
class Report:
    """What was read: values by API key, the line of each, and the faults found so far."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    encoding: str = "utf-8"

    def fault(self, line: int, name: str, detail: str) -> None:
        """Add a fault."""
        self.faults.append(Fault(line, name, detail))


def read_report(data: bytes) -> Report:
    """Read the bytes of a report file; faults of form are in the result's ``faults``."""
    report = Report()
    text, report.encoding = decode(data)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    _find_binary(report, lines)
    if not report.faults:
        _Reader(report).read(lines)
        _find_missing(report, lines)
    report.faults.sort()
    return report


def decode(data: bytes) -> tuple[str, str]:
    """Text and encoding: by byte order mark, else UTF-8, else Latin-1 (which reads all bytes)."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), "utf-16"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def _find_binary(report: Report, lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            detail = "holds a zero byte: is this a text file? Attach other files instead"
            report.fault(number, "report", detail)
            return


class _Reader:
    """Takes a report line by line; before the first text section a line belongs to the head."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.section: Field | None = None
        self.texts: dict[str, list[str]] = {}

    def read(self, lines: list[str]) -> None:
        for number, line in enumerate(lines, 1):
            if line.startswith(NOTE):
                continue
            if self.section:
                self._take_text(number, line, self.texts[self.section.key])
            else:
                self._take_head(number, line)
        for key, text in self.texts.items():
            self.report.values[key] = _without_blank_ends(text)

    def _take_head(self, number: int, line: str) -> None:
        if not line.strip():
            return
        match = _HEADER.fullmatch(line)
        if match is None:
            detail = "belongs to no field; free text goes below 'Description:'"
            self.report.fault(number, "report", detail)
            return
        name, value = match[1].strip(), match[2].strip()
        known = _BY_NAME.get(name.casefold().replace(" ", "-").replace("_", "-"))
        if known is None:
            self.report.fault(number, name, _unknown_name(name))
        elif known in TEXTS:
            self._begin(known, number, match[2])
        elif known.key in self.report.lines:
            self.report.fault(number, known.name, self._twice(known))
        else:
            self.report.lines[known.key] = number
            self.report.values[known.key] = value

    def _take_text(self, number: int, line: str, text: list[str]) -> None:
        match = _TEXT_HEADER.fullmatch(line)
        known = _BY_NAME[match[1].casefold()] if match else None
        if match and known and known.key not in self.texts:
            self._begin(known, number, match[2])
        elif match and known and not match[2].strip():
            detail = f"{self._twice(known)}; if it is text, write '\\{known.name}:'"
            self.report.fault(number, known.name, detail)
        else:
            text.append(line[1:] if _ESCAPED.match(line) else line)

    def _begin(self, section: Field, number: int, rest: str) -> None:
        self.section = section
        self.report.lines[section.key] = number
        self.texts[section.key] = [rest.strip()]

    def _twice(self, known: Field) -> str:
        return f"'{known.name}:' was given in line {self.report.lines[known.key]} already"


def _unknown_name(name: str) -> str:
    near = nearest(name, [item.name for item in FIELDS], 1)
    hint = f"did you mean '{near[0]}:'?" if near else "free text goes below 'Description:'"
    return f"there is no field '{name}'; {hint}"


def _without_blank_ends(lines: list[str]) -> str:
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    last = next((i for i in range(len(lines), 0, -1) if lines[i - 1].strip()), first)
    return "\n".join(lines[first:last])


def _find_missing(report: Report, lines: list[str]) -> None:
    for item in FIELDS:
        if not item.is_needed or report.values.get(item.key):
            continue
        if item.key in report.lines:
            report.fault(report.lines[item.key], item.name, f"{item.name} is empty; {item.advice}")
            continue
        stray = _stray_line(item, report, lines)
        detail = f"'{item.name}:' is missing; {item.advice}"
        if stray:
            detail = f"'{item.name}:' stands in the text; move it above 'Description:'"
        report.fault(stray, item.name, detail)


def _stray_line(item: Field, report: Report, lines: list[str]) -> int:
    start = f"{item.name}:".casefold()
    begun = min((report.lines[t.key] for t in TEXTS if t.key in report.lines), default=len(lines))
    found: Callable[[int], bool] = lambda n: lines[n].casefold().startswith(start)  # noqa: E731
    return next((n + 1 for n in range(begun, len(lines)) if found(n)), 0)
