"""What the operator sees: one stream of lines, each with the name of the process it comes from."""

from __future__ import annotations

import contextlib
import os
import sys

COLOURS = {"web": 36, "worker": 32, "beat": 33, "redis": 35, "setup": 34, "reload": 34}
NAME_WIDTH = 7


class Console:
    """Prints lines; colours only on a terminal that has not asked for none (no-color.org)."""

    def __init__(self) -> None:
        self.in_colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def line(self, name: str, text: str) -> None:
        """Print a line of a process."""
        label = f"{name:<{NAME_WIDTH}}"
        if self.in_colour and name in COLOURS:
            label = f"\x1b[{COLOURS[name]}m{label}\x1b[0m"
        self._print(f"{label}| {text}")

    def say(self, text: str) -> None:
        """Print a line of our own."""
        self._print(f"\x1b[1m{text}\x1b[0m" if self.in_colour else text)

    def _print(self, text: str) -> None:
        # A closed terminal is no reason to stop serving.
        with contextlib.suppress(OSError):
            print(text, flush=True)
