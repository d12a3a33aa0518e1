"""What the sender of a patch says about its place among others, in plain words."""

from __future__ import annotations

import re
from typing import Final

from patches.parsed import ParsedPatch
from tracker.models import Attachment, Comment

_TOLD: Final = re.compile(
    r"^(?:this is )?(?:"
    r"(?:a |the )?(?:new|next|updated) version of patch[ \t]*#?(?P<number>\d{1,18})\b"
    r"|(?:another|a separate|a different) patch\b)",
    re.I | re.M,
)
_LOOKED_AT: Final = 10_000


def told_by(parsed: ParsedPatch, source: Attachment | Comment | None = None) -> int | None:
    """The number of the patch of which it says to be a version ("New version of patch 12"), 0 where
    it says to be another one ("Another patch"), None where it says neither.

    Read are its own words and those of the comment or mail that it came with.
    """
    said = source.comment if isinstance(source, Attachment) else source
    for text in (parsed.description, said.text if said is not None else ""):
        if found := _TOLD.search(text[:_LOOKED_AT]):
            return int(found["number"] or 0)
    return None
