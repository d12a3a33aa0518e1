"""The text of a diff, or of a diff of two diffs, as rows: what lies between two versions."""

from __future__ import annotations

from typing import Final

from django.utils.safestring import SafeString, mark_safe

from patches.reading.characters import visible
from patches.reading.lines import LINE_CHARS

# Of the text that is kept, so much is shown.
LINES: Final = 5000
_OUTER: Final = {"+": "a", "-": "d"}
_INNER: Final = {"+": "ia", "-": "id"}


def coloured(text: str, *, is_nested: bool = False) -> SafeString:
    """Rows of a table. In a nested one the first sign is that of the change between versions, the
    second that of the diff in which it stands."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    rows = [_row(line, is_nested=is_nested) for line in lines[:LINES]]
    if len(lines) > LINES:
        rows.append(f'<tr class="h"><td>{len(lines) - LINES:,} more lines are not shown.</td></tr>')
    return mark_safe("".join(rows))  # noqa: S308 - every line is escaped


def _row(line: str, *, is_nested: bool) -> str:
    sign, rest = line[:1], line[1 : LINE_CHARS + 1]
    if _is_heading(line, is_nested=is_nested):
        return f'<tr class="h"><td>{visible(line[: LINE_CHARS + 1])}</td></tr>'
    kind = _OUTER.get(sign, "")
    inner = _INNER.get(rest[:1], "") if is_nested else ""
    code = f'<span class="{inner}">{visible(rest)}</span>' if inner else visible(rest)
    if sign not in " +-":
        code = visible(line[: LINE_CHARS + 1])
    return (
        f'<tr class="{kind}"><td class="c">{code}</td></tr>'
        if kind
        else f'<tr><td class="c">{code}</td></tr>'
    )


def _is_heading(line: str, *, is_nested: bool) -> bool:
    if is_nested:
        return line.startswith(("@@ ", " ## ", "## ", " @@ "))
    return line.startswith(("@@", "diff --git ", "--- ", "+++ ", "index "))
