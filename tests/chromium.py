"""The real browser that tests drive, and how long they wait for it on a busy machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

PATIENCE = 90_000  # milliseconds


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a headless Chromium; give its contexts `PATIENCE` as their time limit too."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu"],
            timeout=PATIENCE,
        )
        yield started
        started.close()
