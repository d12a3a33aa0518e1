"""GitHub's CODEOWNERS.

The rules are read as "About code owners" in GitHub's documentation has them, and where that leaves
them to gitignore, as the manual page gitignore(5) of git does:

- A line is a pattern and, behind it, who owns what it covers; `#` begins a comment, also behind
  white space in a line.
- The last line that covers a path decides alone. One without owners means that nobody is asked.
- A pattern with a slash anywhere but at its end counts from the root of the project, others at any
  depth. One with a slash at its end covers what is below such a folder, others a file of that name
  or all below a folder of that name. `docs/*` covers the files of that folder and none below, `/*`
  those at the root.
- `*` and `?` match within one name, `**` any number of folders. A space in a path is written
  behind a backslash. Upper and lower case differ.
- `!` and `[ ]` do not work there, nor a `#` behind a backslash at the beginning, and so lines with
  them are left out. Sections, with which GitLab extends the format, are not known either.
- An owner is `@handle` or an e-mail address. Teams (`@org/team`) are somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from patches.owners.patterns import BadPattern, Covers, Pattern, read
from patches.owners.rules import Draft, Rule, Rules

_LINE = re.compile(r"(?P<pattern>(?:\\.|[^\s\\]|\\$)+)(?P<rest>.*)", re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_HANDLE = re.compile(r"@[A-Za-z0-9._-]+")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def parse(text: str) -> Rules:
    """The rules of a whole file, and what cannot be followed in it."""
    draft = Draft()
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.strip(" \t\r")
        if words and not words.startswith("#"):
            _read_line(draft, number, words)
    return Rules(draft.rules, draft.faults, last_wins=True)


def parse_patterns(patterns: Sequence[str]) -> Rules:
    """Patterns alone, of which the longest decides; the line of a rule is its place, from 0."""
    draft = Draft()
    for number, text in enumerate(patterns):
        try:
            draft.add(Rule(number, text, (), read_pattern(text)))
        except BadPattern as bad:
            draft.fault(number, f"“{text[:80]}” {bad}")
    return Rules(draft.rules, draft.faults)


def _read_line(draft: Draft, number: int, words: str) -> None:
    found = _LINE.match(words)
    assert found is not None  # noqa: S101 - any line that is not blank fits
    text, owners = found["pattern"], _COMMENT.sub("", found["rest"]).split()
    try:
        pattern = read_pattern(text)
    except BadPattern as bad:
        draft.fault(number, f"“{text[:80]}” {bad}")
        return
    names = tuple(name for owner in owners if (name := _name(draft, number, owner)))
    draft.add(Rule(number, text, names, pattern, is_nobodys=not owners))


def read_pattern(text: str) -> Pattern:
    """One pattern. Raises BadPattern, whose words follow on the pattern."""
    if text.startswith("!"):
        raise BadPattern("takes something out again, which this format cannot")
    if text.startswith(("[", "^[")):
        raise BadPattern("is a section, which is not known here")
    if "[" in text.replace("\\[", ""):
        raise BadPattern("has a range in brackets, which this format cannot")
    if text.startswith("\\#"):
        raise BadPattern("begins with a “#”, which this format cannot")
    is_folder = text.endswith("/") and not text.endswith("\\/")
    bare = text.strip("/")
    if not bare:
        raise BadPattern("names nothing; write “*” for everything")
    covers = Covers.BELOW if is_folder else Covers.BOTH
    if text.endswith("/*"):
        covers = Covers.FILE
    is_rooted = text.startswith("/") or "/" in bare
    if is_folder and f"/{bare}".endswith("/**"):
        # Folders at any depth, so not what lies beside them.
        bare += "/*"
    return read(bare, is_rooted=is_rooted, covers=covers)


def _name(draft: Draft, number: int, owner: str) -> str:
    """A handle or an address; "" for what is neither, which is told."""
    if _HANDLE.fullmatch(owner):
        return owner[1:]
    if _ADDRESS.fullmatch(owner):
        return owner
    if owner.startswith("@") and "/" in owner:
        reason = f"“{owner[:80]}” is a team, which is not known here; name its people"
    else:
        reason = f"“{owner[:80]}” is neither an @handle nor an e-mail address"
    draft.fault(number, reason)
    return ""
