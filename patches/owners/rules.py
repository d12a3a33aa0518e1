"""What a list of owners says, however it is written: rules, and what is wrong with its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from patches.owners.patterns import Pattern, Tree

# Of one file; GitHub takes no CODEOWNERS of 3 MB or more.
FILE_CHARS: Final = 1_000_000
RULES: Final = 20_000
# Whom one line names; a patch is not for a crowd.
NAMES: Final = 100
# Patterns that neither begin nor end with a letter are asked one by one.
LOOSE: Final = 200


@dataclass(frozen=True)
class Rule:
    """One line: who is asked for what `pattern` covers.

    `names` are handles or addresses as they are written, without `@` before a handle.
    `is_nobodys` is set where the line wants nobody asked.
    """

    line: int
    text: str
    names: tuple[str, ...]
    pattern: Pattern
    is_nobodys: bool = False


@dataclass(frozen=True)
class Fault:
    """Something in a line that cannot be followed; the other lines hold all the same."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class Rules:
    """The rules of one file. `last_wins` tells which is the closest of several: the last in the
    file, or else the longest. Paths that the longest cover alike have all of them."""

    def __init__(
        self, rules: Sequence[Rule], faults: Sequence[Fault], *, last_wins: bool = False
    ) -> None:
        self.rules = tuple(rules)
        self.faults = tuple(faults)
        self._last_wins = last_wins
        self._tree = Tree([rule.pattern for rule in rules])

    def closest(self, path: str) -> tuple[Rule, ...]:
        """The rules that decide for `path`, in the order of the file; none where none covers it."""
        found = self._tree.covering(path)
        if not found:
            return ()
        if self._last_wins:
            return (self.rules[max(found)],)
        most = max(self.rules[number].pattern.weight for number in found)
        return tuple(
            self.rules[number]
            for number in sorted(found)
            if self.rules[number].pattern.weight == most
        )


class Draft:
    """Rules and faults while a file is read; what is beyond the bounds becomes a fault, once."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.faults: list[Fault] = []
        self._loose = 0

    def fault(self, line: int, reason: str) -> None:
        """Something to tell about a line."""
        self.faults.append(Fault(line, reason))

    def add(self, rule: Rule) -> None:
        """Take a rule, unless there are too many."""
        is_loose = any(part.is_loose for part in rule.pattern.parts)
        if len(self.rules) >= RULES:
            self._once(rule.line, f"there are {RULES:,} rules before it; the rest is not read")
        elif is_loose and self._loose >= LOOSE:
            reason = f"over {LOOSE} patterns begin and end with a wildcard; this is not followed"
            self.fault(rule.line, reason)
        else:
            self._loose += is_loose
            if len(rule.names) > NAMES:
                self.fault(rule.line, f"it names more than {NAMES} people; the rest is not read")
                rule = replace(rule, names=rule.names[:NAMES])
            self.rules.append(rule)

    def _once(self, line: int, reason: str) -> None:
        if not (self.faults and self.faults[-1].reason == reason):
            self.fault(line, reason)
