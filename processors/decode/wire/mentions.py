"""Words without which nothing of a kind stands in a text: a long text without one need not be looked into."""

from __future__ import annotations

from typing import Any

import numpy as np

from processors.decode.wire.compiled import compiled
from processors.decode.wire.keys import ABOUT, AT, SIZE, STRIDE, fold
from processors.decode.wire.words import is_same, load64


@compiled
def mentions(buffer: Any, at: int, size: int, about: int, keys: Any, base: int) -> bool:
    """Whether a text has one of the words without which nothing of some kinds stands in it; ``about``: kinds, as bits.

    Two bytes in every four are looked at: of a word that is longer than four, one such pair is always among them.
    """
    last = at + size - 1
    pair = np.uint64(0xFFFF)
    i = at
    while i < last:
        word = load64(buffer, i)
        may_be = keys.bigrams[fold(word & pair)] or keys.bigrams[fold(word >> np.uint64(32) & pair)]
        if may_be and _stands_near(buffer, i, at, at + size, about, keys, base):
            return True
        i += 2 * STRIDE
    return False


@compiled
def _stands_near(buffer: Any, i: int, at: int, end: int, about: int, keys: Any, base: int) -> bool:
    for word in range(len(keys.mentions)):
        size = keys.mentions[word, SIZE]
        for begin in range(max(i - STRIDE + 1, at), i + STRIDE + 1):
            if (
                about >> keys.mentions[word, ABOUT] & 1
                and begin + size <= end
                and is_same(buffer, begin, base + keys.mentions[word, AT], size)
            ):
                return True
    return False
