"""How acting on a mail ends: something was done, or nothing was and its sender is told why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tracker.models import Comment, Problem

# A mail that is sent again, which has another Message-ID, says nothing new.
SAME_WORDS_WITHIN: Final = timedelta(hours=1)
NOTHING_SAID: Final = (
    "There are no words of your own in your mail, only what it quotes and a signature. Write above "
    "what you quote."
)


@dataclass(frozen=True)
class Done:
    """What a mail did.

    outcome   in one line, for the page of administrators
    comment   what it became, of `problem`; None for a report, a vote or a change
    answer    text to mail back, "" where nothing needs saying
    """

    outcome: str
    problem: Problem | None = None
    comment: Comment | None = None
    answer: str = ""


class Refusal(Exception):
    """Nothing was done; `sentences` say why and what to do, and are mailed back once."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = list(sentences)
