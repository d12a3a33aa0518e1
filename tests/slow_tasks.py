"""A task that takes as long as it is told, and writes down when it began and ended."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import shared_task


@shared_task(name="tests.slow_tasks.note")
def note(diary: str, text: str, seconds: float) -> None:
    """Add ``begin <text> <process>`` to a file, wait, and add ``end <text> <process>``.

    A file called as the diary is, with the text behind it, ends the waiting.
    """
    ends, enough = time.monotonic() + seconds, Path(f"{diary}-{text}")
    _write(diary, f"begin {text}")
    while time.monotonic() < ends and not enough.exists():
        time.sleep(0.05)
    _write(diary, f"end {text}")


def _write(diary: str, words: str) -> None:
    with Path(diary).open("a") as file:
        file.write(f"{words} {os.getpid()}\n")
