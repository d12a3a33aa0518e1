"""Which words alone are a +1, or take one back. No database.

The whole mail must be these words: "me too, and it also eats my mail" is a comment.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from notifications.gate.parsing.plain import without_unseen

# Each says "I have this too" and, alone, nothing else. What is not here: "confirmed" and "same
# issue" (a developer says so of a report), "thanks" and "agreed" (of a comment), "subscribe",
# "bump" and "any news?" (of what is done about it).
PLUS_ONE: Final = frozenset(
    {
        "+1", "👍", ":+1:", ":thumbsup:", "plus one", "plus 1", "+1, me too", "+1 me too",
        "me too", "me, too", "same here", "same problem here", "same for me", "i have this too",
        "i have it too", "i have this problem too", "i see this too", "happens here too",
        "happens to me too", "affects me too",
        "ich auch", "mir auch", "bei mir auch", "hier auch", "geht mir auch so",
        "moi aussi", "idem", "pareil", "pareil ici",
        "yo también", "yo tambien", "a mí también", "a mi también", "a mi tambien",
        "anch'io", "anche io", "anche a me", "eu também", "eu tambem",
        "ik ook", "ja też", "já taky", "jag också", "meg is",
        "я тоже", "у меня тоже", "і в мене", "bende de", "κι εγώ", "και σε μένα",
        "私も", "私もです", "我也是", "我也有", "나도", "저도요", "저도 그래요",
        "أنا أيضا", "وأنا أيضا", "גם אני", "גם אצלי",
    }
)  # fmt: skip
MINUS_ONE: Final = frozenset({"-1"})

# What stands around words that says no more: ends of sentences, quotes, bold.
_AROUND: Final = " .!\u2026\u3002\u00a1*_`\"'\u201c\u201d()"


def is_plus_one(text: str) -> bool:
    """Whether all of `text` says that its writer has the problem too."""
    return _plain(text) in PLUS_ONE


def is_minus_one(text: str) -> bool:
    """Whether all of `text` takes a +1 back."""
    return _plain(text) in MINUS_ONE


def _plain(text: str) -> str:
    if len(text) > 200:
        return ""
    # Full-width and typographic forms of the same; a thumb in any colour.
    text = unicodedata.normalize("NFKC", without_unseen(text))
    text = text.translate({0x2212: "-", 0x2019: "'", 0xFE0F: None})
    text = re.sub("[\U0001f3fb-\U0001f3ff]", "", text).casefold()
    text = " ".join(text.split()).strip(_AROUND)
    return re.sub(r"^([+-]) 1$", r"\g<1>1", text)
