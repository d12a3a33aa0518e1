"""Terms as numbers of 64 bits, so that every table of the index has rows of one small size."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

# The key under which `Frequency` counts the problems themselves: no term's.
ALL: Final = 0


@lru_cache(maxsize=100_000)
def key_of(term: str) -> int:
    """A number from -2^63 to 2^63 - 1. Among a million terms two share one in 1 of 10^7 cases,
    and then each finds the other's problems as well.
    """
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), signed=True) or 1


def pack(keys: Iterable[int]) -> bytes:
    """Eight bytes each, the low ones first."""
    packed = array("q", keys)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack(packed: bytes | memoryview) -> array[int]:
    """The keys that `pack` was given."""
    keys = array("q")
    keys.frombytes(packed)
    if sys.byteorder == "big":
        keys.byteswap()
    return keys
