"""Patterns of paths, many at once: one walk down a path finds all that cover it.

A pattern is a list of parts, one for each name between slashes. All patterns of a file make one
tree, so that what a path costs depends on how deep it is, and hardly on how many patterns there
are. `*` and `?` never match a slash; `**` is any number of names, also none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

PATTERN_CHARS: Final = 1000
# More wildcards than anybody means in one name.
WILDCARDS: Final = 20


class BadPattern(ValueError):
    """A pattern that means nothing; the message says why, as the end of a sentence."""


class Covers(Enum):
    """What lies under a pattern that matches a path from its beginning."""

    FILE = auto()  # the path itself
    BELOW = auto()  # what is below it
    BOTH = auto()


@dataclass(frozen=True)
class Part:
    """A name of a pattern: literal where `regex` is "", else with how it begins and ends."""

    begin: str
    end: str = ""
    regex: str = ""
    literal_chars: int = 0

    @property
    def is_loose(self) -> bool:
        """Whether names must be tried one by one: it neither begins nor ends with letters."""
        return self.regex not in {"", "**", ".*"} and not self.begin and not self.end


DEEP: Final = Part("**", regex="**")


@dataclass(frozen=True)
class Pattern:
    """What is looked for, and where it counts."""

    parts: tuple[Part, ...]
    covers: Covers

    @property
    def weight(self) -> tuple[int, bool]:
        """How close it is: its literal characters and slashes, and whether it has no wildcard."""
        slashes = len(self.parts) - 1
        literal = sum(part.literal_chars for part in self.parts)
        return literal + slashes, not any(part.regex for part in self.parts)


def read(text: str, *, is_rooted: bool, covers: Covers, classes: bool = False) -> Pattern:
    """A pattern without slashes at its ends. Where it is not `is_rooted`, it counts at any depth.

    A backslash takes the meaning from the character behind it. `classes` allows `[a-z]`.
    Raises BadPattern.
    """
    if len(text) > PATTERN_CHARS:
        raise BadPattern(f"has more than {PATTERN_CHARS:,} characters")
    parts = [_part(name, classes) for name in _names(text)]
    while parts[-1:] == [DEEP]:
        # All that is below, which is everything where nothing stands before it.
        covers = Covers.BELOW
        parts.pop()
    if not parts:
        return Pattern((_part("*", classes),), Covers.BOTH)
    if not is_rooted:
        parts.insert(0, DEEP)
    # A second one behind another means nothing more.
    twice = {at for at in range(1, len(parts)) if parts[at] is parts[at - 1] is DEEP}
    return Pattern(tuple(part for at, part in enumerate(parts) if at not in twice), covers)


def _names(text: str) -> list[str]:
    names = re.findall(r"(?:\\.|[^/\\]|\\$)+|(?<=/)(?=/)", text, re.DOTALL)
    if not names or "" in names or any(name in {".", ".."} for name in names):
        raise BadPattern("is no path within the project")
    return names


_TOKEN = re.compile(
    r"\\(?P<escaped>.)|(?P<star>\*+)|(?P<one>\?)|(?P<set>\[[!^]?\]?[^\]]*\])|.", re.DOTALL
)


_SPECIAL: Final = frozenset("*?[\\")


def _part(name: str, classes: bool) -> Part:
    """One name: `**` is DEEP, other runs of stars are one star."""
    if name == "**":
        return DEEP
    if _SPECIAL.isdisjoint(name):
        return Part(name, literal_chars=len(name))
    pieces, literals = _pieces(name, classes)
    single = sum(text.count(_ANY_ONE) for text in literals)
    wild = len(pieces) - 1 + single
    chars = sum(map(len, literals)) - single
    if not wild:
        return Part(literals[0], literal_chars=chars)
    if wild > WILDCARDS:
        raise BadPattern(f"has more than {WILDCARDS} wildcards in one name")
    begin = literals[0].split(_ANY_ONE)[0]
    end = literals[-1].rsplit(_ANY_ONE, maxsplit=1)[-1]
    return Part(begin, end, _regex(pieces), chars)


# In place of a wildcard for one character; no pattern holds it, since texts are cleaned of it.
_ANY_ONE: Final = "\0"


def _pieces(name: str, classes: bool) -> tuple[list[str], list[str]]:
    """What stands between the stars: as regular expressions, and as they are written."""
    pieces, literals = [""], [""]
    for token in _TOKEN.finditer(name):
        if token["star"]:
            pieces.append("")
            literals.append("")
        elif token["one"] or (token["set"] and classes):
            pieces[-1] += "." if token["one"] else _set(token["set"])
            literals[-1] += _ANY_ONE
        else:
            # A bracket that begins no class stands for itself.
            literal = token["escaped"] or token[0]
            pieces[-1] += re.escape(literal)
            literals[-1] += literal
    return pieces, literals


def _set(text: str) -> str:
    """A class of characters as the shell writes it, for `re`."""
    inner, negated = text[1:-1], ""
    if inner[:1] in {"!", "^"}:
        inner, negated = inner[1:], "^"
    if not inner or "--" in inner:
        raise BadPattern("has brackets that mean no characters")
    regex = f"[{negated}" + re.sub(r"([\\\[\]^&~|])", r"\\\1", inner) + "]"
    try:
        re.compile(regex)
    except re.error as error:
        raise BadPattern("has a range in brackets that runs backwards") from error
    return regex


def _regex(pieces: Sequence[str]) -> str:
    """What stands between two stars is taken where it first fits, once and for all: no way that a
    name could make `re` try all combinations."""
    if len(pieces) == 1:
        return pieces[0]
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1] if piece)
    return f"{pieces[0]}{middle}.*{pieces[-1]}"


class _Wild:
    """A part with wildcards, and the node behind it."""

    def __init__(self, part: Part) -> None:
        self.node = _Node()
        self._part = part
        # Compiled when first needed: of thousands of patterns a patch meets a few.
        self._regex: re.Pattern[str] | None = None

    def fits(self, name: str) -> bool:
        """Whether `name` is one that the part means."""
        begin, end = self._part.begin, self._part.end
        if len(name) < len(begin) + len(end) or not (name.startswith(begin) and name.endswith(end)):
            return False
        if self._part.regex == f"{re.escape(begin)}.*{re.escape(end)}":
            return True
        if self._regex is None:
            self._regex = re.compile(self._part.regex, re.DOTALL)
        return self._regex.fullmatch(name) is not None


@dataclass(eq=False)
class _Node:
    """A place in the tree: what may follow there, and which patterns end there."""

    is_deep: bool = False
    deep: _Node | None = None
    literal: dict[str, _Node] = field(default_factory=dict)
    wild: dict[str, _Wild] = field(default_factory=dict)
    # Of the wild ones, by what they begin with, else by what they end with.
    by_begin: dict[str, list[_Wild]] = field(default_factory=dict)
    by_end: dict[str, list[_Wild]] = field(default_factory=dict)
    begins: dict[int, None] = field(default_factory=dict)
    ends_with: dict[int, None] = field(default_factory=dict)
    ends: list[tuple[int, Covers]] = field(default_factory=list)

    def child(self, part: Part) -> _Node:
        """The node behind `part`, made if there is none."""
        if part is DEEP:
            self.deep = self.deep or _Node(is_deep=True)
            return self.deep
        if not part.regex:
            return self.literal.setdefault(part.begin, _Node())
        if part.regex not in self.wild:
            self.wild[part.regex] = found = _Wild(part)
            if part.begin:
                self.by_begin.setdefault(part.begin, []).append(found)
                self.begins[len(part.begin)] = None
            else:
                self.by_end.setdefault(part.end, []).append(found)
                self.ends_with[len(part.end)] = None
        return self.wild[part.regex].node

    def after(self, name: str) -> Iterator[_Node]:
        """The nodes that are reached with one more name of a path."""
        if self.is_deep:
            yield self
        if name in self.literal:
            yield self.literal[name]
        for length in self.begins:
            yield from _fitting(self.by_begin.get(name[:length]), name)
        for length in self.ends_with:
            if length <= len(name):
                yield from _fitting(self.by_end.get(name[len(name) - length :]), name)


def _fitting(wild: list[_Wild] | None, name: str) -> Iterator[_Node]:
    return (each.node for each in wild or () if each.fits(name))


class Tree:
    """Patterns by number, in the order in which they were added."""

    def __init__(self, patterns: Sequence[Pattern] = ()) -> None:
        self._root = _Node()
        for number, pattern in enumerate(patterns):
            node = self._root
            for part in pattern.parts:
                node = node.child(part)
            node.ends.append((number, pattern.covers))

    def covering(self, path: str) -> set[int]:
        """The numbers of all patterns that cover `path`, which has no slash at its ends."""
        found: set[int] = set()
        names = path.split("/")
        nodes = _with_deep([self._root])
        for at, name in enumerate(names, start=1):
            nodes = _with_deep(next_node for node in nodes for next_node in node.after(name))
            unfit = Covers.BELOW if at == len(names) else Covers.FILE
            for node in nodes:
                found.update(number for number, covers in node.ends if covers is not unfit)
        return found


def _with_deep(nodes: Iterable[_Node]) -> list[_Node]:
    """Each once; where any number of names may follow, none may as well."""
    found: dict[_Node, None] = {}
    for node in nodes:
        found[node] = None
        if node.deep is not None:
            found[node.deep] = None
    return list(found)
