"""No message stops the reader, and none makes it take others' words for somebody's own.

`bench/mail_parsing.py` runs many more of these.
"""

from __future__ import annotations

import random

import pytest

from notifications.gate.parsed import ParsedMail
from notifications.gate.parsing import limits, read
from tests.gate.corpus import OTHERS, SAMPLES
from tests.gate.corpus.mutations import crlf, double_boundaries, mutate, trace

# Reading these takes longer than all others together.
_SMALL = [sample for sample in SAMPLES if len(sample.raw) < 20_000]


def complaints(mail: ParsedMail) -> list[str]:
    """What no database would take, or is longer than was promised."""
    shown = [mail.subject, mail.text, mail.own_text, mail.from_name, mail.automatic, mail.reply_to]
    shown += [*mail.from_addresses, *mail.references, *mail.faults, mail.message_id]
    shown += [file.name for file in mail.files] + [file.content_type for file in mail.files]
    found = []
    for text in shown:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            found.append(f"half a letter: {text!r}")
        if "\x00" in text:
            found.append(f"zero: {text!r}")
    headers = [mail.subject, mail.from_name, *mail.from_addresses, *mail.references]
    found += [f"two lines: {text!r}" for text in headers if "\n" in text or "\r" in text]
    is_long = len(mail.text) > limits.TEXT or len(mail.files) > limits.FILES
    return [*found, "long"] if is_long else found


def test_a_mail_that_was_carried_on_comes_out_the_same() -> None:
    chance = random.Random(1)  # one that repeats
    # A server that writes above these makes others of them.
    fragile = {"cr", "blank lines first", "a byte order mark first"}

    for sample in [sample for sample in _SMALL if sample.name not in fragile]:
        carried = trace(crlf(double_boundaries(sample.raw, chance), chance), chance)
        mail = read(carried, sample.sender)

        assert sample.own is None or mail.own_text == sample.own, sample.name
        assert tuple(file.name for file in mail.files) == sample.files, sample.name
        assert bool(mail.automatic) == bool(sample.automatic), sample.name
        assert mail.is_bounce == sample.is_bounce, sample.name


@pytest.mark.parametrize("part", range(4))
def test_changed_messages_are_read_without_a_fault_of_ours(part: int) -> None:
    chance = random.Random(part)  # one that repeats

    for _ in range(500):
        sample = chance.choice(_SMALL)
        raw, is_intact = mutate(sample, chance)
        mail = read(raw, sample.sender)

        assert complaints(mail) == [], (sample.name, raw)
        if is_intact and not sample.automatic:
            own = [line for line in mail.own_text.split("\n") if OTHERS in line]
            assert all(line.startswith(">") for line in own), (sample.name, raw)
