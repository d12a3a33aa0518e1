"""The command lines that a mail may begin with. No database: words go in, orders come out.

A command is a line `!word`, or `!word what follows`, before the first other words of a mail. Blank
lines between them do not matter. A line there that begins with `!` and a letter and names no
command is a fault and never text, so that no typo is ever posted as a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from notifications.gate.parsing.plain import without_unseen
from tracker.drafts import nearest
from tracker.models import Kind, Resolution, Severity, State
from tracker.text import clean_line

_COMMAND: Final = re.compile(r"[!！]([A-Za-z][A-Za-z_-]*)[:：=.!！]*\s*(.*)")
_NUMBER: Final = re.compile(r"(?:\S*/|#)?([0-9]{1,18})")
_TRUTH: Final = {"": True, "yes": True, "no": False}
_LONGEST_QUOTE: Final = 80
# More than there are commands: who writes so many has sent something else.
MOST_LINES: Final = 30


class Unreadable(Exception):
    """What follows a command is not what it takes; the message says what it takes."""


@dataclass(frozen=True)
class Command:
    """One word, what follows it as the help shows it, what it does, and how it is read.

    `read` gives fields of `ProblemChange`, or of a draft; None for what is no field.
    """

    word: str
    takes: str
    says: str
    read: Callable[[str], dict[str, Any]] | None = None

    @property
    def is_for_reports(self) -> bool:
        """Whether a new report may begin with it."""
        return self.word in _FOR_REPORTS

    @property
    def usage(self) -> str:
        """Such as: !close RESOLUTION."""
        return f"!{self.word} {self.takes}".rstrip()


@dataclass(frozen=True)
class Order:
    """One command as it was written: its line, its word, what followed, and the fields it sets."""

    line: str
    word: str
    rest: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Leading:
    """What a mail begins with: orders, what is wrong with them, and the words behind them."""

    orders: tuple[Order, ...]
    faults: tuple[str, ...]
    rest: str

    @property
    def words(self) -> frozenset[str]:
        return frozenset(order.word for order in self.orders)


def read_leading(text: str, read: Callable[[str, str, str], Order] | None = None) -> Leading:
    """Take the command lines off the beginning of `text`.

    `read` makes an order of a line, its word and what follows, or raises `Unreadable`; without it
    the commands are those about problems.
    """
    read = read or _order
    orders: list[Order] = []
    faults: list[str] = []
    lines = text.split("\n")
    seen = [without_unseen(line).strip() for line in lines]
    place = 0
    for place, line in enumerate([*seen, "."]):  # noqa: B007 - the place is used below
        found = _COMMAND.fullmatch(line)
        if found is None and line:
            break
        if found is not None:
            if len(orders) + len(faults) == MOST_LINES:
                says = f"A mail begins with {MOST_LINES} command lines at the most."
                return Leading((), (says,), "")
            try:
                orders.append(read(line, found[1], found[2]))
            except Unreadable as why:
                faults.append(f"“{shown(line)}”: {why}")
    faults += _contradictions(orders)
    return Leading(tuple(orders), tuple(faults), "\n".join(lines[place:]).strip("\n"))


def stray_commands(text: str) -> list[str]:
    """Lines further down that look like commands, and were taken as text."""
    lines = without_unseen(text).split("\n")
    found = ((_COMMAND.fullmatch(line.strip()), line) for line in lines)
    return [shown(line) for match, line in found if match and known_word(match[1]) in COMMANDS]


def shown(line: str) -> str:
    """A line of somebody's as our sentences quote it."""
    line = clean_line(line)
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"


def help_text() -> str:
    """All commands, for a mail."""
    width = max(len(command.usage) for command in COMMANDS.values()) + 2
    return "\n".join(f"{each.usage:<{width}}{each.says}" for each in COMMANDS.values())


def known_word(word: str) -> str:
    """A word as it is looked for, however it was written."""
    return word.lower().replace("_", "").replace("-", "")


def _order(line: str, word: str, rest: str) -> Order:
    command = COMMANDS.get(known_word(word))
    if command is None:
        near = nearest(f"!{word}", [f"!{known}" for known in COMMANDS])
        raise Unreadable(f"there is no such command.{near or ' “!help” lists them all.'}")
    rest = clean_line(rest)
    if not command.takes and rest:
        raise Unreadable(f"write “!{command.word}” alone.")
    if command.takes and not command.takes.startswith("[") and not rest:
        raise Unreadable(f"say what: {command.usage}.{_choices_of(command.word)}")
    return Order(line, command.word, rest, command.read(rest) if command.read else {})


def _choices_of(word: str) -> str:
    choices = {"state": State.values, "severity": Severity.values, "kind": Kind.values,
               "close": Resolution.values}  # fmt: skip
    return nearest("", choices[word]) if word in choices else ""


def _contradictions(orders: Sequence[Order]) -> list[str]:
    """A field that two lines set, and opposites: which of them is meant cannot be known."""
    said: dict[str, Order] = {}
    faults = []
    for order in orders:
        names = [*order.fields] or [_OPPOSITES.get(order.word, order.word)]
        if "duplicate_of" in names:
            names.append("state")
        other = next((said[name] for name in names if name in said), None)
        if other is not None and other.line != order.line:
            faults.append(
                f"“{shown(other.line)}” and “{shown(order.line)}” cannot both be: choose one."
            )
        said.update(dict.fromkeys(names, order))
    return faults


def _plain(words: str) -> str:
    """A choice of several words, also as one: in-progress."""
    return " ".join(re.sub(r"[-_]", " ", words).split()).lower()


def _state(rest: str) -> dict[str, Any]:
    word, _, how = _plain(rest).partition(" ")
    if word == State.CLOSED and how:
        return {"state": State.CLOSED.value, "resolution": how}
    return {"state": _one_of("state", _plain(rest), State.values)}


def _one_of(name: str, word: str, choices: list[str]) -> str:
    if word not in choices:
        raise Unreadable(f"there is no {name} “{word}”.{nearest(word, choices)}")
    return word


def _close(rest: str) -> dict[str, Any]:
    how = _one_of("resolution", _plain(rest), Resolution.values)
    if how == Resolution.DUPLICATE:
        raise Unreadable("say of which problem: !duplicate NUMBER.")
    return {"state": State.CLOSED.value, "resolution": how}


def _assign(rest: str) -> dict[str, Any]:
    """`ME` stands for the sender, whose handle is not known here."""
    if rest.lower() == "me":
        return {"assignee": ME}
    return {"assignee": "" if rest.lower() in {"nobody", "none"} else rest.lstrip("@")}


def _number(rest: str) -> dict[str, Any]:
    found = _NUMBER.fullmatch(rest)
    if found is None:
        raise Unreadable("give the number of a problem, such as !duplicate 123.")
    return {"duplicate_of": int(found[1])}


def _place(rest: str) -> dict[str, Any]:
    product, slash, component = rest.rpartition("/")
    return {"product": product, "component": component} if slash else {"component": rest}


def _confidential(rest: str) -> dict[str, Any]:
    if rest.lower() not in _TRUTH:
        raise Unreadable("write “!confidential” alone, or with yes or no.")
    return {"is_confidential": _TRUTH[rest.lower()]}


def _choice(name: str, choices: list[str]) -> Callable[[str], dict[str, Any]]:
    return lambda rest: {name: _one_of(name, _plain(rest), choices)}


def _field(name: str) -> Callable[[str], dict[str, Any]]:
    return lambda rest: {name: "" if rest.lower() == "none" else rest}


ME: Final = "\0me"
_OPPOSITES: Final = {"unvote": "vote", "mute": "follow"}
_FOR_REPORTS: Final = frozenset(
    {"component", "severity", "kind", "release", "architecture", "hardware", "confidential", "help"}
)
_TABLE: Final = (
    Command("vote", "[RELEASE]", "your +1, as “+1” alone is; with a release, where you have it"),
    Command("unvote", "", "take your +1 back, as “-1” alone does"),
    Command("follow", "", "be told of all that happens to the problem"),
    Command("mute", "", "be told nothing of it any more"),
    Command("state", "STATE", f"one of: {', '.join(State.values[1:])}", _state),
    Command("close", "RESOLUTION", "close it; how it was resolved must be said", _close),
    Command("reopen", "", "open a closed problem again", lambda _: {"state": State.OPEN.value}),
    Command("assign", "WHO", "to me, nobody, or a handle", _assign),
    Command("duplicate", "NUMBER", "close it as a duplicate of that problem", _number),
    Command("notduplicate", "", "undo that", lambda _: {"duplicate_of": None}),
    Command("severity", "SEVERITY", f"one of: {', '.join(Severity.values)}",
            _choice("severity", Severity.values)),
    Command("kind", "KIND", f"one of: {', '.join(Kind.values)}", _choice("kind", Kind.values)),
    Command("component", "COMPONENT", "move it, also to another product: base/net", _place),
    Command("synopsis", "WORDS", "another synopsis", _field("synopsis")),
    Command("release", "RELEASE", "the release in which it was found", _field("release")),
    Command("architecture", "NAME", "the architecture", _field("architecture")),
    Command("hardware", "WORDS", "the hardware", _field("hardware")),
    Command("fixed", "RELEASE", "the release in which it is fixed; closes nothing",
            _field("fixed_in")),
    Command("confidential", "[yes|no]", "show it to few, or to everybody again", _confidential),
    Command("help", "", "mail this list to me"),
)  # fmt: skip
COMMANDS: Final[Mapping[str, Command]] = {command.word: command for command in _TABLE}
