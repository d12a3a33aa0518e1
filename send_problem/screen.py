"""What people see: sentences, tables and questions; and the one JSON object that scripts read.

Results go to standard output, everything else to standard error, so that a pipe or ``--json``
gets the result alone.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from send_problem.failures import Exit, Failure

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID
    from rich.text import Text

    from send_problem.outbox import Attachment


class Marked(str):
    """A cell of a table with spans that matter, and a line to stand below it on a terminal."""

    spans: Sequence[tuple[int, int]]
    below: Marked | None

    def __new__(
        cls, text: str, spans: Sequence[tuple[int, int]] = (), below: Marked | None = None
    ) -> Marked:
        cell = super().__new__(cls, text)
        cell.spans, cell.below = spans, below
        return cell


class Screen:
    """Writes for a person, or with ``is_json`` for a script."""

    def __init__(self, is_json: bool = False) -> None:
        self.is_json = is_json
        self._has_answered = False

    def say(self, text: str = "", **style: Any) -> None:
        """A sentence of the result; nothing with ``--json``."""
        if not self.is_json:
            _write(sys.stdout, text, **style)

    def note(self, text: str, **style: Any) -> None:
        """A sentence beside the result, always to standard error."""
        _write(sys.stderr, text, **style)

    def answer(self, value: dict[str, Any]) -> None:
        """The JSON object of this call, once; nothing without ``--json``."""
        if self.is_json and not self._has_answered:
            self._has_answered = True
            click.echo(json.dumps(value, ensure_ascii=not _speaks_unicode(sys.stdout)))

    def pairs(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and values, one below the other; empty values are left out."""
        if self.is_json:
            return
        shown = [(name, value) for name, value in rows if value]
        width = max((len(name) for name, _value in shown), default=0)
        for name, value in shown:
            indent = " " * (width + 4)
            room = max(20, _columns(sys.stdout) - len(indent)) if sys.stdout.isatty() else 10**6
            parts = textwrap.wrap(value, room, break_on_hyphens=False) or [""]
            _raw(sys.stdout, f"  {_paint(sys.stdout, f'{name:<{width}}', dim=True)}  {parts[0]}")
            for part in parts[1:]:
                _raw(sys.stdout, indent + part)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows; the last column takes the room that is left. Piped: tabs, no heading, all text."""
        if self.is_json or not rows:
            return
        if not sys.stdout.isatty():
            for row in rows:
                _raw(sys.stdout, "\t".join(row))
            return
        _rich_table(columns, rows)

    def can_ask(self) -> bool:
        """True when a person sits at this terminal."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def ask(self, question: str) -> str:
        """The line that the person types; end of input is ``Failure``."""
        try:
            sys.stderr.write(f"{_wrapped(sys.stderr, question)} ")
            sys.stderr.flush()
            line = sys.stdin.readline()
        except UnicodeDecodeError:
            return ""
        if not line:
            sys.stderr.write("\n")
            raise Failure("Stopped: the input ended.", Exit.STOPPED)
        return line.strip()

    def failure(self, failure: Failure) -> None:
        """Why the call ends, on standard error, and with ``--json`` as the answer."""
        self.note(failure.message, fg="red" if failure.code is not Exit.LATER else "yellow")
        for line in failure.lines:
            self.note(f"  {line}")
        self.answer({"error": failure.message, "exit_code": int(failure.code), **failure.members})

    def uploads(self) -> UploadBars | None:
        """A progress bar, where a terminal can show one."""
        is_plain = os.environ.get("TERM", "") in {"", "dumb"}
        return None if self.is_json or is_plain or not sys.stderr.isatty() else UploadBars()


class UploadBars:
    """One bar for each file that is uploaded, on standard error."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._task: TaskID | None = None

    def begin(self, attachment: Attachment) -> None:
        """The next file."""
        if self._bars is None:
            self._bars = _rich_bars()
            self._bars.start()
        self._task = self._bars.add_task(attachment.name, total=attachment.size)

    def advance(self, count: int) -> None:
        """So many more bytes went out (or, before another attempt, fewer)."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, count)

    def stop(self) -> None:
        """Leave the bars as they are."""
        if self._bars is not None:
            self._bars.stop()


def _rich_bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn
    from rich.table import Column

    console = Console(stderr=True, highlight=False)
    name = TextColumn(
        "  {task.description}",
        markup=False,
        table_column=Column(no_wrap=True, overflow="ellipsis", max_width=console.width // 3),
    )
    columns = [name, BarColumn(bar_width=None), TaskProgressColumn()]
    if console.width >= 60:
        columns.append(DownloadColumn())
    return Progress(*columns, console=console, expand=False)


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    for place, column in enumerate(columns):
        is_last = place == len(columns) - 1
        is_number = all(row[place].lstrip("#").isdigit() for row in rows)
        side: Literal["left", "right"] = "right" if is_number else "left"
        table.add_column(column, no_wrap=not is_last, justify=side, overflow="fold")
    for row in rows:
        table.add_row(*[_rich_text(cell) for cell in row])
    Console(highlight=False, emoji=False, markup=False).print(table)


def _rich_text(cell: str) -> Text:
    from rich.text import Text

    shown = Text(cell)
    if isinstance(cell, Marked):
        for start, end in cell.spans:
            shown.stylize("bold underline", start, end)
        if cell.below:
            below = _rich_text(cell.below)
            below.stylize("dim")
            shown = Text("\n").join([shown, below])
    return shown


def _write(stream: TextIO, text: str, **style: Any) -> None:
    _raw(stream, _paint(stream, _wrapped(stream, text), **style))


def _raw(stream: TextIO, text: str) -> None:
    click.echo(text, file=stream, color=_has_colour(stream))


def _paint(stream: TextIO, text: str, **style: Any) -> str:
    return click.style(text, **style) if style and _has_colour(stream) else text


def _has_colour(stream: TextIO) -> bool:
    # https://no-color.org: any value that is not empty.
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not is_plain


def _wrapped(stream: TextIO, text: str) -> str:
    if not stream.isatty():
        return text
    indent = " " * (len(text) - len(text.lstrip(" ")))
    # Addresses and commands stay whole, so that they can be copied.
    return textwrap.fill(
        text.strip(),
        _columns(stream),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _columns(stream: TextIO) -> int:
    return max(20, min(100, shutil.get_terminal_size().columns))


def _speaks_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "") == "utf8"
