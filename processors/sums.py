"""Compiled loops over groups: their numbers, exact sums, and how often each bucket of a histogram occurs.

``of_row``: (n,) the group of each row. A column comes as Arrow has it: its values, and the bits that say which of them
are known. Every function releases the GIL; the machine code is kept beside this file, or in the user's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Numbers = NDArray[np.int64]

_ALL_KNOWN = np.frombuffer(b"\xff", np.uint8)
_FEW = 24  # buckets that are put in order one by one; of more the places between the lowest and the highest are counted


def _compiled(function: Function) -> Function:
    options: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
    made: Any = numba.njit(**options)(function)
    return cast("Function", made)


def add_up(column: pa.Array, of_row: Numbers, groups: int) -> pa.Array:
    """(groups,) sums of the known values of whole numbers or money, NULL where none is known; as the column's type.

    Sums must fit the type: tokens are below 2**30 each, money below 2**100.
    """
    wide = pa.types.is_decimal128(column.type)
    words = 2 if wide else 1
    values = np.frombuffer(column.buffers()[1] or b"", np.uint64 if wide else np.int64)
    values = values[column.offset * words : (column.offset + len(column)) * words]
    values.setflags(write=False)  # as most are: the others would need machine code of their own
    sums, seen = np.zeros(groups * words, values.dtype), np.zeros(groups, np.bool_)
    (_add_wide if wide else _add)(values, *_known(column), of_row, sums, seen)
    bits = pa.array(seen).buffers()[1]
    return pa.Array.from_buffers(column.type, groups, [bits, pa.py_buffer(sums)])


def _known(column: pa.Array) -> tuple[NDArray[np.uint8], int, int]:
    """Bits, the place of the first row's, and by how much a row's place is turned right to find its byte."""
    bits = column.buffers()[0]
    known = _ALL_KNOWN if bits is None else np.frombuffer(bits, np.uint8)
    known.setflags(write=False)
    return (known, 0, 63) if bits is None else (known, column.offset, 3)


@_compiled
def _add(values: Any, bits: Any, offset: int, turn: int, of_row: Any, sums: Any, seen: Any) -> None:
    for row in range(len(of_row)):
        at = offset + row
        if bits[at >> turn] >> (at & 7) & 1:
            sums[of_row[row]] += values[row]
            seen[of_row[row]] = True


@_compiled
def _add_wide(values: Any, bits: Any, offset: int, turn: int, of_row: Any, sums: Any, seen: Any) -> None:
    for row in range(len(of_row)):
        at = offset + row
        if bits[at >> turn] >> (at & 7) & 1:
            low = 2 * of_row[row]
            before = sums[low]
            sums[low] = before + values[2 * row]
            sums[low + 1] += values[2 * row + 1] + np.uint64(sums[low] < before)
            seen[of_row[row]] = True


def count_buckets(indices: NDArray[np.int32], group: Numbers, groups: int) -> tuple[Any, Any, Any]:
    """Offsets (groups + 1,) int32, indices int32 and counts int64 of each group's buckets, ascending."""
    starts = np.zeros(groups + 1, np.int64)
    np.cumsum(np.bincount(group, minlength=groups), out=starts[1:])
    width = int(indices.max(initial=0)) - int(indices.min(initial=0)) + 1
    room, places = np.empty(len(indices), np.int32), np.zeros(width, np.int64)
    offsets, found = np.empty(groups + 1, np.int32), np.empty(len(indices), np.int32)
    counts = np.empty(len(indices), np.int64)
    end = _count(indices, group, starts, starts[:-1].copy(), room, places, offsets, found, counts)
    return offsets, found[:end], counts[:end]


@_compiled
def _count(
    indices: Any, group: Any, starts: Any, next_: Any, room: Any, places: Any, offsets: Any, found: Any, counts: Any
) -> int:  # fmt: skip
    for row in range(len(indices)):
        room[next_[group[row]]] = indices[row]
        next_[group[row]] += 1
    end = 0
    for number in range(len(starts) - 1):
        offsets[number] = end
        begin, stop = starts[number], starts[number + 1]
        if stop - begin <= _FEW:
            end = _count_few(room, begin, stop, found, counts, end)
        else:
            end = _count_many(room, begin, stop, places, found, counts, end)
    offsets[len(starts) - 1] = end
    return end


@_compiled
def _count_few(room: Any, begin: int, stop: int, found: Any, counts: Any, end: int) -> int:
    for at in range(begin + 1, stop):
        value = room[at]
        place = at
        while place > begin and room[place - 1] > value:
            room[place] = room[place - 1]
            place -= 1
        room[place] = value
    for at in range(begin, stop):
        if at > begin and room[at] == room[at - 1]:
            counts[end - 1] += 1
        else:
            found[end], counts[end] = room[at], 1
            end += 1
    return end


@_compiled
def _count_many(room: Any, begin: int, stop: int, places: Any, found: Any, counts: Any, end: int) -> int:
    low, high = room[begin], room[begin]
    for at in range(begin, stop):
        low, high = min(low, room[at]), max(high, room[at])
    for at in range(begin, stop):
        places[room[at] - low] += 1
    for place in range(high - low + 1):
        if places[place]:
            found[end], counts[end] = low + place, places[place]
            places[place] = 0
            end += 1
    return end


@_compiled
def place_in_order(codes: Any, places: Any, of_row: Any, first: Any) -> int:
    """Number the codes as they occur; -> how many there are. ``places``: -1 for each; ``first``: the first rows."""
    count = 0
    for row in range(len(codes)):
        place = places[codes[row]]
        if place < 0:
            place = count
            places[codes[row]] = place
            first[count] = row
            count += 1
        of_row[row] = place
    return count
