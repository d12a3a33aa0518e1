"""The line above which a reply is written: mails print it, replies are cut at it."""

from __future__ import annotations

import re
from typing import Final

# ASCII and short, so that no client encodes, wraps or translates it. It is no signature's "-- ".
REPLY_ABOVE: Final = "----- Reply above this line -----"

# Dashes come back as other dashes, with a quote's signs before them, in bold, or with none left.
_AROUND: Final = r"[\s>|*_=\-\u2010-\u2015\u2212#]*"
_PATTERN: Final = re.compile(_AROUND + r"reply above this line" + _AROUND, re.IGNORECASE)
_LONGEST: Final = 200


def is_marker(line: str) -> bool:
    """Whether a line is the marker and nothing else, however it was quoted."""
    return len(line) <= _LONGEST and _PATTERN.fullmatch(line.replace("\xa0", " ")) is not None
