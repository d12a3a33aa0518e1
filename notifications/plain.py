"""Plain text for mail: paragraphs that fit 72 columns, and logs left as they are."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

COLUMNS = 72


def wrap(text: str, columns: int = COLUMNS) -> str:
    """Break lines that are too long, except where breaking would spoil what was pasted."""
    return "\n".join(_wrapped(text.split("\n"), columns))


def _wrapped(lines: Iterable[str], columns: int) -> Iterator[str]:
    is_fenced = False
    for line in lines:
        if line.lstrip().startswith(("```", "~~~")):
            is_fenced = not is_fenced
        if is_fenced or len(line) <= columns or line.startswith(("    ", "\t", "|")):
            yield line
            continue
        indent = line[: len(line) - len(line.lstrip(" >*-"))]
        if len(indent) > columns // 2:
            # No paragraph; and each line that it is broken into would begin with all of that.
            yield line
            continue
        yield from textwrap.wrap(
            line,
            columns,
            subsequent_indent=indent if ">" in indent else " " * len(indent),
            break_long_words=False,
            break_on_hyphens=False,
        )


def paragraphs(parts: Iterable[str]) -> str:
    """The parts that say something, a blank line between them."""
    return "\n\n".join(part for part in parts if part) + "\n"
