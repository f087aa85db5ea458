"""Words without which nothing of a kind stands in a text: a long text without one need not be looked into.

Of each word the two neighbouring letters are looked for that are rarest in English, at 32 places at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types, uint32
from numba.extending import intrinsic

from processors.decode import refusals, verdicts
from processors.decode.wire.compiled import CHECKED, compiled
from processors.decode.wire.words import is_run, load_bytes

KINDS = ((verdicts.FIELD, verdicts.MENTIONS), (refusals.FIELD, (refusals.WORD,)))
"""Fields that stand in long texts, and the words one of which stands there too; ``about``: a place in this list."""
REFUSALS = 1
_COMMON = "etaoinshrdlcumwfgypbvkjxqz"


def _rare_pair(word: bytes) -> int:
    def rarity(at: int) -> int:
        return sum(_COMMON.find(chr(letter)) % 27 for letter in word[at : at + 2])

    return max(range(len(word) - 1), key=rarity)


_WORDS = tuple(dict.fromkeys(word.encode() for _, words in KINDS for word in words))
_PAIRS = tuple((word[_rare_pair(word)], word[_rare_pair(word) + 1]) for word in _WORDS)
_TEXT = np.frombuffer(b"".join(_WORDS) + bytes(32), np.uint8)
_FIRST, _SECOND = (np.array([pair[i] for pair in _PAIRS], np.uint8) for i in range(2))
_SIZES = np.array([len(word) for word in _WORDS])
_STARTS = np.cumsum(_SIZES) - _SIZES
_PLACES = np.array([_rare_pair(word) for word in _WORDS])
_ABOUT = np.array(
    [sum(1 << about for about, (_, words) in enumerate(KINDS) if word.decode() in words) for word in _WORDS]
)


if CHECKED:

    @compiled
    def _pairs32(buffer: Any, at: int) -> Any:
        """At which of 32 places a rare pair begins, as bits; every byte checked."""
        found = np.uint32(0)
        for i in range(32):
            for word in range(len(_FIRST)):
                if buffer[at + i] == _FIRST[word] and buffer[at + i + 1] == _SECOND[word]:
                    found |= np.uint32(1) << np.uint32(i)
        return found

else:

    @intrinsic
    def _pairs32(_typing: Any, buffer: Any, at: Any) -> Any:
        """At which of 32 places a rare pair begins, as bits."""

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            letters = ir.VectorType(ir.IntType(8), 32)

            def is_letter(here: Any, letter: int) -> Any:
                return builder.icmp_unsigned("==", here, ir.Constant(letters, [letter] * 32))

            one = context.get_constant(types.intp, 1)
            here = load_bytes(context, builder, signature.args[0], arguments, letters)
            behind = load_bytes(
                context, builder, signature.args[0], (arguments[0], builder.add(arguments[1], one)), letters
            )
            found = ir.Constant(ir.VectorType(ir.IntType(1), 32), None)
            for first, second in _PAIRS:
                found = builder.or_(found, builder.and_(is_letter(here, first), is_letter(behind, second)))
            return builder.bitcast(found, ir.IntType(32))

        return uint32(buffer, types.intp), generate


@compiled
def mentions(buffer: Any, at: int, size: int, about: int) -> bool:
    """Whether one of the words stands in a text without which nothing of some kinds does; ``about``: kinds, as bits."""
    i = at
    while i < at + size:
        found = _pairs32(buffer, i)
        if found:
            for bit in range(32):
                if found >> bit & 1 and _stands_around(buffer, i + bit, at, at + size, about):
                    return True
        i += 32
    return False


@compiled
def _stands_around(buffer: Any, place: int, at: int, end: int, about: int) -> bool:
    """Whether one of the words stands so that its rare pair is at ``place``."""
    for word in range(len(_SIZES)):
        begin, size = place - _PLACES[word], _SIZES[word]
        if (
            buffer[place] == _FIRST[word]
            and (_ABOUT[word] & about and begin >= at and begin + size <= end)
            and is_run(buffer, begin, _TEXT, _STARTS[word], size)
        ):
            return True
    return False
