"""Reads changed messages without end, and hostile ones by the clock.

    .venv/bin/python -m bench.mail_parsing [how many, 10000] [seed, 1]

Prints how many of the changed messages of `tests/gate/corpus` were read, how long the slowest
took, and the seconds for each hostile message. Stops with the message at the first fault.
"""

from __future__ import annotations

import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from notifications.gate.parsing import read
from tests.gate.corpus import OTHERS, SAMPLES
from tests.gate.corpus.building import head, multipart, part
from tests.gate.corpus.mutations import mutate
from tests.gate.test_parsing_fuzz import complaints

_SMALL: Final = [sample for sample in SAMPLES if len(sample.raw) < 20_000]
_MIB: Final = 2**20


def fuzz(seed: int, count: int) -> tuple[int, int, float]:
    """(messages read, of which structure was left intact, seconds of the slowest)."""
    chance = random.Random(seed)
    intact, slowest = 0, 0.0
    for _ in range(count):
        sample = chance.choice(_SMALL)
        raw, is_intact = mutate(sample, chance)
        begin = time.perf_counter()
        mail = read(raw, sample.sender)
        slowest = max(slowest, time.perf_counter() - begin)
        intact += is_intact
        own = [line for line in mail.own_text.split("\n") if OTHERS in line]
        is_foreign = is_intact and not sample.automatic and any(not o.startswith(">") for o in own)
        if complaints(mail) or is_foreign:
            raise SystemExit(f"{sample.name}, seed {seed}: {complaints(mail)} {own}\n{raw!r}")
    return count, intact, slowest


def hostile() -> dict[str, bytes]:
    """Messages that were made to keep a reader busy."""
    plain = head() + b"Content-Type: text/plain; charset=utf-8\n\n"
    random_file = part(os.urandom(26 * _MIB), "application/x-bin; name=a.bin", "base64")
    nested = part(b"x" * 34 * _MIB)
    for level in range(49):
        nested = multipart("mixed", nested, boundary=f"level{level}")
    markup = "<p>" + "<b>x" * 4_000
    return {
        "35 MB with a file": head() + multipart("mixed", part("hi"), random_file),
        "35 MB of text": plain + b"word word word\n" * 2_400_000,
        "35 MB of noise": os.urandom(35 * _MIB),
        "35 MB, 50 deep": head() + nested,
        "35 MB of headers": b"X-A: b\n" * 5_000_000 + b"\nhi",
        "35 MB of lines like a boundary": head() + multipart("mixed", part(b"--bbx\n" * 5_000_000), boundary="bb"),
        "padded base64 in 8,000,000 pieces": head() + b"Content-Transfer-Encoding: base64\n\n" + b"QQ==" * 8_000_000,
        "100,000 quoted lines": plain + b"answer\n\nOn 1 Jan 2026 a@b wrote:\n" + b"> quoted line\n" * 100_000,
        "a megabyte of >": plain + b">" * _MIB,
        "a megabyte of >, flowed": head() + part(b">" * _MIB, "text/plain; format=flowed"),
        "100,000 times wrote": plain + b"On 1 Jan 2026 a@b wrote:\n" * 100_000,
        "100,000 lines with a colon": plain + b"it was 2026 12:30 a b c d e f g h:\n" * 100_000,
        "200,000 times On": plain + b"On x " * 200_000 + b"wrote:\n",
        "100,000 lines of dashes": plain + (b"-" * 500 + b" x\n") * 60_000,
        "10,000 parts": head() + multipart("mixed", *[part("hi", "text/plain; name=x")] * 10_000),
        "300,000 empty parts": head() + multipart("mixed", *[b"\n"] * 300_000),
        "1,900 parts of markup": head() + multipart("mixed", *[part(f"{n}{markup}", "text/html") for n in range(1_900)]),
        "90,000 elements": head() + part("<div>x</div>" * 90_000, "text/html"),
        "200,000 elements, nested": head() + part("<div>" * 200_000, "text/html"),
        "250,000 line breaks": head() + part("<br>" * 250_000, "text/html"),
        "60,000 tables, nested": head() + part("<table><tr><td>" * 60_000, "text/html"),
        "Cyrillic that nobody declared": head() + b"\n" + ("привет мир " * 400_000).encode("koi8-r"),
        "a name of quotes": b"From: " + b'"\\' * 8_000 + b"\n\nhi",
        "pictures of winmail.dat": head() + part(b"\x78\x9f\x3e\x22\x01\x00" + b"\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00" * 3_000_000, "application/ms-tnef", "base64"),
    }  # fmt: skip


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    begin = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        done = list(pool.map(fuzz, [seed, seed + 1], [count - count // 2, count // 2]))
    read_, intact = sum(each[0] for each in done), sum(each[1] for each in done)
    slowest = max(each[2] for each in done)
    taken = time.perf_counter() - begin
    print(f"{read_} changed messages in {taken:.1f} s, {intact} intact; slowest {slowest:.3f} s")
    for name, raw in hostile().items():
        begin = time.perf_counter()
        mail = read(raw, "bela@example.org")
        print(
            f"{time.perf_counter() - begin:6.2f} s  {name} ({len(raw) / 1e6:.1f} MB, {len(mail.files)} files)"
        )


if __name__ == "__main__":
    main()
