"""The form that `send-problem template` makes, when it comes by mail. No database.

The grammar is that of the client's form: a head of `Name: value` lines, then texts that begin with
`Description:` and `How-To-Repeat:`, notes that begin with `#:`, and a backslash that keeps such a
line as text. Mail adds two things: readers of mail wrap long lines of the head, and people greet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from notifications.gate.commands import shown

NOTE: Final = "#:"
HEAD: Final = {
    "product": "product",
    "component": "component",
    "kind": "kind",
    "severity": "severity",
    "release": "release",
    "architecture": "architecture",
    "hardware": "hardware",
    "confidential": "is_confidential",
    "synopsis": "synopsis",
}
TEXTS: Final = {"description": "description", "how-to-repeat": "how_to_repeat"}
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z _-]*")
_LONGEST_NAME: Final = 40
# Whose form has more faults has sent something else.
MOST_FAULTS: Final = 30
_TEXT_HEADER: Final = re.compile(r"(Description|How-To-Repeat)[ \t]*:(.*)", re.IGNORECASE)
_ESCAPED: Final = re.compile(
    rf"\\+(?:#:|(?:{'|'.join([*HEAD, *TEXTS])})[ \t]*:)", re.IGNORECASE
)  # fmt: skip
# A bold “Confidential” must not become words of the field above it.
_DECORATED: Final = re.compile(
    rf"[\W_]+(?:{'|'.join([*HEAD, *TEXTS])})[\W_]*:", re.IGNORECASE
)  # fmt: skip


MANY_FAULTS: Final = "There are more faults than these: put in the form only what it asks for."


@dataclass
class Form:
    """What was filled in, by the names of a draft, and what could not be understood."""

    values: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def read_form(text: str) -> Form | None:
    """The form in `text`; None for free text, which has no `Product:` above a `Description:`."""
    lines = text.replace("\r\n", "\n").split("\n")
    first = next((n for n, line in enumerate(lines) if _name_of(line) in HEAD), None)
    if first is None or not {"product", "synopsis"} & {_name_of(line) for line in lines[first:]}:
        return None
    if not any(_TEXT_HEADER.fullmatch(line) for line in lines[first:]):
        return None
    reader = _Reader()
    for line in lines[first:]:
        reader.take(line)
        if len(reader.faults) > MOST_FAULTS:
            return Form(faults=[*reader.faults[:MOST_FAULTS], MANY_FAULTS])
    greeting = [line for line in lines[:first] if not line.startswith(NOTE)]
    return reader.form("\n".join(greeting).strip("\n"))


def _name_of(line: str) -> str:
    name, colon, _ = line.lstrip()[:_LONGEST_NAME].partition(":")
    is_name = colon and _NAME.fullmatch(name)
    return re.sub("[ _]", "-", name.strip().lower()) if is_name else ""


class _Reader:
    """Takes a form line by line; before the first text a line belongs to the head."""

    def __init__(self) -> None:
        self.head: dict[str, str] = {}
        self.texts: dict[str, list[str]] = {}
        self.faults: list[str] = []
        self.section = ""
        # What a line of the head that names no field goes on with: "" nothing, NOTE a note.
        self.open = ""

    def take(self, line: str) -> None:
        if line.startswith(NOTE):
            self.open = NOTE
        elif self.section:
            self._take_text(line)
        else:
            self._take_head(line)

    def _take_head(self, line: str) -> None:
        name = _name_of(line)
        value = line.partition(":")[2].strip()
        if not line.strip():
            self.open = ""
        elif name in TEXTS:
            self._begin(TEXTS[name], value)
        elif name in HEAD and HEAD[name] not in self.head:
            self.open = HEAD[name]
            self.head[self.open] = value
        elif name in HEAD:
            self.faults.append(f"“{shown(line)}”: this field was given already.")
        elif near := get_close_matches(name, [*HEAD, *TEXTS], n=1, cutoff=0.75):
            field_name = near[0].title()
            self.faults.append(f"“{shown(line)}”: did you mean “{field_name}:”?")
        elif _DECORATED.match(line):
            self.faults.append(f"“{shown(line)}”: write the name of the field without other signs.")
        elif self.open in self.head:
            self.head[self.open] = f"{self.head[self.open]} {line.strip()}".strip()
        elif self.open != NOTE:
            self.faults.append(
                f"“{shown(line)}” belongs to no field; free text goes below “Description:”."
            )

    def _take_text(self, line: str) -> None:
        found = _TEXT_HEADER.fullmatch(line)
        key = TEXTS[found[1].lower()] if found else ""
        if found and key not in self.texts:
            self._begin(key, found[2].strip())
        elif found and not found[2].strip():
            self.faults.append(
                f"“{shown(line)}” begins a second time; if it is text, write “\\{line.strip()}”."
            )
        else:
            self.texts[self.section].append(line[1:] if _ESCAPED.match(line) else line)

    def _begin(self, key: str, rest: str) -> None:
        self.section = key
        self.texts[key] = [rest] if rest else []

    def form(self, greeting: str) -> Form:
        texts = {key: "\n".join(lines).strip("\n") for key, lines in self.texts.items()}
        if greeting:
            texts["description"] = f"{greeting}\n\n{texts.get('description', '')}".rstrip()
        return Form(self.head | texts, self.faults)
