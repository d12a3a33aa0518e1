"""A task that takes as long as it is told, and writes down when it began and ended."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import shared_task


@shared_task(name="tests.slow_tasks.note")
def note(diary: str, text: str, seconds: float) -> None:
    """Add ``begin <text> <process>`` to a file, wait, and add ``end <text> <process>``."""
    for word, wait in (("begin", seconds), ("end", 0.0)):
        with Path(diary).open("a") as file:
            file.write(f"{word} {text} {os.getpid()}\n")
        time.sleep(wait)
