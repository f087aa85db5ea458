"""A quick look at the bytes of names: which ones cannot be secrets or texts, so that nothing else need look at them.

Compiled, because names that differ in every span (responses, sessions) are most of what there is to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_PART = 3  # characters that are compared at a time, by the last five bits of each
_BITS, _MASK = 5, (1 << 15) - 1
_FIRST_PRINTED, _DELETE = 0x20, 0x7F


def suspects(names: pa.Array, most: int, beginnings: Iterable[str], signs: str) -> NDArray[np.int64]:
    """The rows, ascending, of all names that have any of these, and of some that do not.

    More than ``most`` bytes; a byte that is no printed ASCII; one of ``signs``; one of ``beginnings`` in any case, of
    which three letters are compared.
    """
    plain = names.cast(pa.string())
    _, offsets, data = plain.buffers()
    at = np.frombuffer(offsets, np.int32)[plain.offset : plain.offset + len(plain) + 1] if len(plain) else _NONE
    found = np.zeros(len(plain), np.bool_)
    bytes_ = np.frombuffer(data or b"", np.uint8)
    for each in (at, bytes_):
        each.setflags(write=False)  # as most are: the others would need machine code of their own
    _look(at, bytes_, most, _odd_bytes(signs), _parts(beginnings), found)
    rows = np.flatnonzero(found)
    return rows[np.asarray(pc.is_valid(plain.take(pa.array(rows))).to_numpy(zero_copy_only=False), np.bool_)]


_NONE = np.zeros(1, np.int32)


def _odd_bytes(signs: str) -> NDArray[np.bool_]:
    odd = np.ones(256, np.bool_)
    odd[_FIRST_PRINTED:_DELETE] = False
    odd[list(signs.encode())] = True
    return odd


def _parts(beginnings: Iterable[str]) -> NDArray[np.bool_]:
    parts = np.zeros(_MASK + 1, np.bool_)
    for beginning in beginnings:
        key = 0
        for byte in beginning.encode()[:_PART]:
            key = key << _BITS | byte & 31
        parts[key] = True
    return parts


def _look_at(offsets: Any, data: Any, most: int, odd: Any, parts: Any, found: Any) -> None:
    for row in range(len(found)):
        begin, end = offsets[row], offsets[row + 1]
        bad, key = end - begin > most, 0
        for at in range(begin, end):
            key = ((key << _BITS) | (data[at] & 31)) & _MASK
            bad |= odd[data[at]] | parts[key]
        found[row] = bad


_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
_look: Any = numba.njit(**_OPTIONS)(_look_at)
