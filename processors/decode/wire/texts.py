"""Columns of text from places in the buffer: each value once, and per row the number of its value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from processors.decode.wire.compiled import compiled
from processors.decode.wire.room import Room
from processors.decode.wire.words import hash_bytes, is_same

_SAMPLE = 2048
_MOST_DIFFERENT = 0.5
"""Share of different values among the first ``_SAMPLE`` from which on repeats are no longer looked for."""


@compiled
def _encode(buffer: Any, first: Any, second: Any, missing: Any, codes: Any, values: Any, table: Any) -> int:
    """Fill ``codes`` and ``values`` (the row where each value stands first); -> how many values there are."""
    mask = np.uint64(len(table) - 1)
    count = 0
    given = 0
    last = -1
    is_searching = True
    for row in range(len(first)):
        if missing[row]:
            codes[row] = -1
            continue
        given += 1
        at, size = first[row], second[row]
        if is_searching:
            if last >= 0 and second[last] == size and is_same(buffer, at, first[last], size):
                codes[row] = codes[last]
                continue
            place = hash_bytes(buffer, at, size) & mask
            code = -1
            while table[place] >= 0:
                seen = values[table[place]]
                if second[seen] == size and is_same(buffer, at, first[seen], size):
                    code = table[place]
                    break
                place = (place + np.uint64(1)) & mask
            last = row
            if code >= 0:
                codes[row] = code
                continue
            table[place] = count
            if (given == _SAMPLE and count > _SAMPLE * _MOST_DIFFERENT) or count * 2 > len(table):
                is_searching = False
        codes[row] = count
        values[count] = row
        count += 1
    return count


@compiled
def _sizes(second: Any, values: Any, offsets: Any) -> int:
    total = np.int64(0)
    for i in range(len(values)):
        offsets[i] = total
        total += second[values[i]]
    offsets[len(values)] = total
    return total


@compiled
def _gather(buffer: Any, first: Any, second: Any, values: Any, data: Any) -> None:
    at = 0
    for i in range(len(values)):
        begin = first[values[i]]
        for j in range(second[values[i]]):
            data[at + j] = buffer[begin + j]
        at += second[values[i]]


def encode(
    buffer: NDArray[np.uint8],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    missing: NDArray[np.bool_],
    room: Room,
) -> tuple[NDArray[np.int32], pa.Array]:
    """Number of its value per row (-1: NULL), and the values; where most differ, values may repeat.

    The numbers stand in ``room`` and are overwritten by the next column.
    """
    rows = len(first)
    codes, values = room.take("codes", rows, np.int32), room.take("values", rows, np.int64)
    places = max(1 << (2 * min(rows, 4 * _SAMPLE) - 1).bit_length(), 16) if rows else 16
    table = room.take("table", places, np.int32)
    table.fill(-1)
    count = _encode(buffer, first, second, missing, codes, values, table)
    return codes, gather(buffer, first, second, values[:count])


def gather(
    buffer: NDArray[np.uint8], first: NDArray[np.int64], second: NDArray[np.int64], values: NDArray[np.int64]
) -> pa.Array:
    """The texts of some rows as an Arrow array."""
    offsets = np.empty(len(values) + 1, np.int64)
    data = np.empty(_sizes(second, values, offsets), np.uint8)
    _gather(buffer, first, second, values, data)
    narrow = offsets.astype(np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(narrow), pa.py_buffer(data))


def spread(codes: NDArray[np.int32], values: pa.Array) -> pa.Array:
    """One text per row."""
    if len(values) == len(codes):
        return values  # every row has its own
    return values.take(pa.array(codes, mask=codes < 0)) if len(values) else pa.nulls(len(codes), pa.string())
