"""What the words around a patch say: subjects, versions, problems."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from patches.finding.limits import NAMED_PROBLEMS
from patches.models import TITLE_CHARS

_ANSWER: Final = re.compile(r"(?:(?:re|aw|sv|fwd?|wg|antw)\s*:\s*)+", re.I)
_BRACKET: Final = re.compile(r"\[([^\[\]]{0,100})\]\s*")
_OF_PATCH: Final = re.compile(r"patch|\brfc\b|^\s*v?\d+(?:/\d+)?\s*$", re.I)
_VERSION: Final = re.compile(r"(?:\b|patch)v(\d{1,4})\b", re.I)
_PART: Final = re.compile(r"\b(\d{1,4})/(\d{1,4})\b")
_SPACE: Final = re.compile(r"\s+")
_NAMED: Final = re.compile(
    r"^[ \t]*(?:(?:fix(?:es|ed)?|clos(?:es|ed)|resolv(?:es|ed))(?:[ \t]*:)?[ \t]+(?=\#)"
    r"|(?:pr|bug|problem|fixes|closes|resolves)[ \t]*:[ \t]*"
    r"(?:(?:bin|kern|conf|misc|ports|docs?)/)?)"
    r"((?:\#?\d{1,9}\b(?![./\w-])(?:[ \t]*,[ \t]*|[ \t]+and[ \t]+|[ \t]+(?=\#))?){1,20})",
    re.I | re.M,
)
_NUMBER: Final = re.compile(r"\d{1,9}")


@dataclass(frozen=True)
class Subject:
    """A subject without the brackets of `git format-patch`. 0 where it says nothing."""

    title: str
    version: int = 0
    part: int = 0
    parts: int = 0
    # Whether it has such brackets.
    is_patch: bool = False


def read_subject(line: str) -> Subject:
    """`Re: [PATCH v2 3/7] em: stop` is `em: stop`, version 2, part 3 of 7."""
    rest = _SPACE.sub(" ", line[:2_000]).strip()
    version = part = parts = 0
    is_patch = False
    while True:
        bare = _ANSWER.sub("", rest, count=1) if _ANSWER.match(rest) else rest
        found = _BRACKET.match(bare)
        if found is None or not _OF_PATCH.search(found[1]):
            return Subject(bare.strip(), version, part, parts, is_patch)
        is_patch = True
        if says := _VERSION.search(found[1]):
            version = int(says[1])
        if says := _PART.search(found[1]):
            part, parts = int(says[1]), int(says[2])
        rest = bare[found.end() :]


def cut_title(title: str) -> str:
    """A subject as long as one is kept."""
    return title if len(title) <= TITLE_CHARS else f"{title[: TITLE_CHARS - 1]}…"


def named_problems(text: str) -> list[int]:
    """The numbers behind "Fixes: #12", "Closes #12, #13", "PR: 12", sorted."""
    found: set[int] = set()
    for named in _NAMED.finditer(text):
        found.update(int(each) for each in _NUMBER.findall(named[1]))
    return sorted(found - {0})[:NAMED_PROBLEMS]
