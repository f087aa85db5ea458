"""Columns of text from a heap: each value once, and per row the number of its value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from processors.decode.wire.cells import MISSING, MOST_DIFFERENT
from processors.decode.wire.compiled import compiled
from processors.decode.wire.room import fresh, to_array, valid
from processors.decode.wire.words import load64, store64


@compiled
def _sizes(places: Any, codes: Any, offsets: Any) -> int:
    total = np.int64(0)
    for row in range(len(codes)):
        offsets[row] = total
        if codes[row] >= 0:
            total += places[codes[row], 1]
    offsets[len(codes)] = total
    return total


@compiled
def _copy(heap: Any, places: Any, codes: Any, data: Any) -> None:
    """Eight bytes at a time: ``data`` is longer by as many."""
    at = 0
    for row in range(len(codes)):
        if codes[row] < 0:
            continue
        begin, size = places[codes[row], 0], places[codes[row], 1]
        for i in range(0, size, 8):
            store64(data, at + i, load64(heap, begin + i))
        at += size


def gather(
    heap: NDArray[np.uint8], places: NDArray[np.int64], codes: NDArray[np.int32], missing: NDArray[np.bool_] | None
) -> pa.Array:
    """The text of each code; ``places``: (n, 2) begins and sizes in the heap; ``missing``: NULL, code ``MISSING``."""
    offsets = fresh(len(codes) + 1, np.int32)
    size = int(_sizes(places, codes, offsets))
    if size > np.iinfo(np.int32).max:
        raise ValueError(f"{size} bytes of one field's texts are more than a column holds: give the range in parts")
    data = fresh(size + 8, np.uint8)
    _copy(heap, places, codes, data)
    given = None if missing is None else valid(missing)
    return pa.StringArray.from_buffers(len(codes), pa.py_buffer(offsets), pa.py_buffer(data[:size]), given)


def column(
    heap: NDArray[np.uint8], places: NDArray[np.int64], codes: NDArray[np.int32], missing: NDArray[np.bool_] | None
) -> pa.Array:
    """A dictionary column; a plain one where most rows have a text of their own."""
    if len(places) > len(codes) * MOST_DIFFERENT:
        return gather(heap, places, codes, missing)
    values = gather(heap, places, np.arange(len(places), dtype=np.int32), None)
    return pa.DictionaryArray.from_arrays(to_array(codes, missing), values)


def column_of(values: pa.Array, codes: NDArray[np.int32]) -> pa.Array:
    """Likewise of texts that are an array already."""
    rows = to_array(codes, codes == MISSING)
    return (
        values.take(rows) if len(values) > len(codes) * MOST_DIFFERENT else pa.DictionaryArray.from_arrays(rows, values)
    )
