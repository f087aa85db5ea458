"""A quick look at the bytes of names: which ones cannot be secrets or texts, so that nothing else need look at them.

Compiled, because names that differ in every span (responses, sessions) are most of what there is to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_LETTERS = 4  # of a beginning that are compared
_PART = 3  # of these are compared at first, by the last five bits of each
_BITS, _MASK = 5, (1 << 15) - 1
_MOST_BEGINNINGS = 64  # bits of a number
_FIRST_PRINTED, _DELETE = 0x20, 0x7F


def suspects(names: pa.Array, most: int, beginnings: Iterable[str], signs: str) -> NDArray[np.int64]:
    """The rows, ascending, of all names that have any of these, and of some that do not.

    More than ``most`` bytes; a byte that is no printed ASCII; one of ``signs``; one of ``beginnings`` in any case, of
    which four letters are compared.
    """
    plain = names.cast(pa.string())
    _, offsets, data = plain.buffers()
    at = np.frombuffer(offsets, np.int32)[plain.offset : plain.offset + len(plain) + 1] if len(plain) else _NONE
    found = np.zeros(len(plain), np.bool_)
    bytes_ = np.frombuffer(data or b"", np.uint8)
    for each in (at, bytes_):
        each.setflags(write=False)  # as most are: the others would need machine code of their own
    _look(at, bytes_, most, _odd_bytes(signs), *_letters(tuple(beginnings)), found)
    rows = np.flatnonzero(found)
    return rows[np.asarray(pc.is_valid(plain.take(pa.array(rows))).to_numpy(zero_copy_only=False), np.bool_)]


_NONE = np.zeros(1, np.int32)


def _odd_bytes(signs: str) -> NDArray[np.bool_]:
    odd = np.ones(256, np.bool_)
    odd[_FIRST_PRINTED:_DELETE] = False
    odd[list(signs.encode())] = True
    return odd


@lru_cache
def _letters(beginnings: tuple[str, ...]) -> tuple[NDArray[np.bool_], NDArray[np.uint64], np.uint64]:
    """What ``_look_at`` knows of the beginnings.

    Whether three letters, by their last bits, may be some; (letters, 256): the beginnings, as bits, that have this byte
    in this place; the beginnings that are shorter.
    """
    if len(beginnings) > _MOST_BEGINNINGS:
        raise ValueError(f"{len(beginnings)} beginnings are more than {_MOST_BEGINNINGS}")
    parts, places, short = np.zeros(_MASK + 1, np.bool_), np.zeros((_LETTERS, 256), np.uint64), 0
    for number, beginning in enumerate(beginnings):
        key = 0
        for byte in beginning.encode()[:_PART]:
            key = key << _BITS | byte & 31
        parts[key] = True
        for place, letter in enumerate(beginning[:_LETTERS]):
            for byte in {*letter.lower().encode(), *letter.upper().encode()}:
                places[place, byte] |= np.uint64(1 << number)
        if len(beginning) == _PART:
            short |= 1 << number
        elif len(beginning) < _PART:
            raise ValueError(f"a beginning has at least {_PART} letters, not {beginning!r}")
    return parts, places, np.uint64(short)


def _look_at(
    offsets: Any, data: Any, most: int, odd: Any, parts: Any, letters: Any, short: Any, found: Any
) -> None:  # fmt: skip
    for row in range(len(found)):
        begin, end = offsets[row], offsets[row + 1]
        bad, like, key = end - begin > most, False, 0
        for at in range(begin, end):
            key = ((key << _BITS) | (data[at] & 31)) & _MASK
            bad |= odd[data[at]]
            like |= parts[key]
        found[row] = bad or (like and _has_beginning(data, begin, end, letters, short))


def _find_beginning(data: Any, begin: int, end: int, letters: Any, short: Any) -> bool:
    nothing = np.uint64(0)
    hit, one, two, three = nothing, nothing, nothing, nothing  # beginnings of which so many letters stand before
    for at in range(begin, end):
        hit |= three & letters[3, data[at]]
        three = two & letters[2, data[at]]
        hit |= three & short
        two = one & letters[1, data[at]]
        one = letters[0, data[at]]
    return bool(hit != nothing)


_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
_has_beginning: Any = numba.njit(**_OPTIONS)(_find_beginning)
_look: Any = numba.njit(**_OPTIONS)(_look_at)
