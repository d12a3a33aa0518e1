"""How long the page of a diff takes: 5,000 lines, 200,000 lines, a line of 300 KB.

    .venv/bin/python bench/diffs.py                                   # SQLite, in a fresh folder
    DATABASE_URL=postgres://user@host/empty .venv/bin/python bench/diffs.py

Makes C files of its own, changes every few lines of them, and submits what `git diff` says as
patches. Prints for each page: the time of the first answer, when nothing of it is kept, the median
of nine further ones, this process's processor time of the first, its size, and how many pages there
are. With --browser also how long Chromium takes until the first page can be scrolled. It needs
Redis for what is kept: REDIS_URL, or the one that comes with Groundswell.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests import services

WORDS = ["sc", "ifp", "m", "error", "len", "flags", "queue", "mbuf", "ring", "dma", "ctx", "unit"]


def line(chance: random.Random) -> str:
    """One line that has the look of C."""
    a, b, c = (chance.choice(WORDS) for _ in range(3))
    return chance.choice(
        [
            f"\t{a}->{b} = em_{c}({a}, {chance.randint(0, 9999)});",
            f"\tif ({a}->{b} != NULL && {c} > 0x{chance.randint(0, 65535):x})",
            f'\t\tprintf("%s: {a} {b} %d\\n", {c}->name, {chance.randint(0, 99)});',
            f"\t/* The {a} of a {b} is the {c}'s. */",
            f"static int {a}_{b}(struct {c} *{a});",
            "}",
            "",
        ]
    )


def changed(chance: random.Random, lines: list[str]) -> list[str]:
    """The lines with every eighth or so changed in a word, and some added."""
    found = []
    for each in lines:
        if chance.random() < 0.12:
            each = re.sub(r"\d+|NULL|struct", lambda _: str(chance.randint(0, 9)), each) + " /**/"  # noqa: PLW2901
        found.append(each)
        if chance.random() < 0.04:
            found.append(line(chance))
    return found


def a_diff(files: int, lines: int) -> bytes:
    """What git says of so many changed files of so many lines."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "a"), Path(folder, "b")
        for number in range(files):
            text = [line(chance) for _ in range(lines)]
            for side, content in ((before, text), (after, changed(chance, text))):
                path = side / f"sys/dev/d{number // 20}/file{number}.c"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("\n".join(content) + "\n")
        return subprocess.run(
            ["git", "diff", "--no-index", "--no-color", "--no-prefix", "a", "b"],
            cwd=folder, capture_output=True, check=False,
        ).stdout  # fmt: skip


def a_new_file(lines: int) -> bytes:
    """One added file."""
    chance = random.Random(2)
    body = "".join(f"+{line(chance)}\n" for _ in range(lines))
    return (
        "diff --git a/sys/new.c b/sys/new.c\nnew file mode 100644\n--- /dev/null\n"
        f"+++ b/sys/new.c\n@@ -0,0 +1,{lines} @@\n{body}"
    ).encode()


def a_long_line() -> bytes:
    """A line of 300 KB that changed in one place."""
    words = " ".join(str(number) for number in range(60_000))[:300_000]
    return (
        "diff --git a/data.json b/data.json\nindex 1111111..2222222 100644\n--- a/data.json\n"
        f"+++ b/data.json\n@@ -1 +1 @@\n-{words}\n+{words.replace('4242', '2424')}\n"
    ).encode()


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "5,000 lines in 60 files": (lambda: a_diff(60, 105), ""),
    "5,000 lines in 60 files, side by side": (lambda: a_diff(60, 105), "?view=split"),
    "5,000 lines, one new file": (lambda: a_new_file(5000), ""),
    "200,000 lines in 1,000 files, first page": (lambda: a_diff(1000, 250), ""),
    "200,000 lines in 1,000 files, page 30": (lambda: a_diff(1000, 250), "?page=30"),
    "200,000 lines, one new file, its page 30": (
        lambda: a_new_file(200_000), "?file=1:sys/new.c&page=30",
    ),
    "a line of 300 KB": (a_long_line, ""),
}  # fmt: skip


def measure(name: str, text: bytes, more: str) -> str:
    """Submit it, read it, print the figures; the address is the answer."""
    from django.core.cache import cache
    from django.test import Client

    from patches.finding import read
    from tests.patching import make_patch

    patch = make_patch(text=read(text))
    address = f"/patches/{patch.pk}/1/{more}"
    client = Client()
    # What a process does once: templates, the names of languages.
    client.get(f"/patches/{make_patch(text=read(a_diff(1, 40))).pk}/1/")
    cache.clear()
    begin, cpu = time.perf_counter(), time.process_time()
    response = client.get(address)
    first, work = 1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - cpu)
    assert response.status_code == 200, response.status_code
    html = response.content.decode()
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        client.get(address)
        times.append(1000 * (time.perf_counter() - begin))
    pages = re.search(r"Page \d+ of (\d+)", html)
    rows = len(re.findall(r"<tr", html))
    print(
        f"{name:42} {text.count(10):8,} {first:7.0f} {work:7.0f} {statistics.median(times):7.0f} "
        f"{rows:7,} {len(response.content) // 1024:6,} {pages[1] if pages else '1':>5}",
        flush=True,
    )
    return address


def in_browser(addresses: dict[str, str]) -> None:
    """Time from the click until the page is laid out and its scripts have run."""
    import threading

    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    from tests.chromium import chromium

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("\nin Chromium, milliseconds until all is loaded and scrolled once")
    with chromium() as browser:
        for name, address in addresses.items():
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/products/")
            begin = time.perf_counter()
            page.goto(f"http://127.0.0.1:{server.server_port}{address}", wait_until="load")
            page.evaluate("new Promise(done => { scrollBy(0, 400); requestAnimationFrame(done); })")
            print(f"{name:42} {1000 * (time.perf_counter() - begin):7.0f}", flush=True)
            page.close()
    server.shutdown()


def prepare() -> None:
    """An empty database with all tables, in a fresh folder unless DATABASE_URL names another."""
    os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="bench-diffs-"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    settings.LOGGING_CONFIG = None
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--browser", action="store_true", help="measure in Chromium, too")
    asked = parser.parse_args()
    with services.redis() as url:
        os.environ.setdefault("REDIS_URL", url)
        prepare()
        head = f"{'':42} {'lines':>8} {'first':>7} {'cpu':>7} {'again':>7} "
        print(head + f"{'rows':>7} {'KB':>6} {'pages':>5}")
        made: dict[str, bytes] = {}
        addresses = {}
        for name, (make, more) in CASES.items():
            key = name.rpartition(",")[0] if more.startswith("?page") else name
            text = made.setdefault(key, make())
            addresses[name] = measure(name, text, more)
        if asked.browser:
            in_browser(addresses)


if __name__ == "__main__":
    main()
