"""Columns of text from a heap: each value once, and per row the number of its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from processors.decode.wire.cells import MISSING, MOST_DIFFERENT
from processors.decode.wire.compiled import compiled
from processors.decode.wire.room import fresh, to_array


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """``codes``: (n,) int32, the number of each row's value, -1: NULL. ``values``: where most differ, some repeat."""

    codes: NDArray[np.int32]
    values: pa.Array

    def column(self) -> pa.Array:
        """A dictionary column; a plain one where most rows have a value of their own."""
        rows = to_array(self.codes, self.codes == MISSING)
        if len(self.values) <= len(self.codes) * MOST_DIFFERENT:
            return pa.DictionaryArray.from_arrays(rows, self.values)
        is_each_its_own = len(self.values) == len(self.codes) and (self.codes == np.arange(len(self.codes))).all()
        return self.values if is_each_its_own else self.values.take(rows)


@compiled
def _sizes(places: Any, offsets: Any) -> int:
    total = np.int64(0)
    for i in range(len(places)):
        offsets[i] = total
        total += places[i, 1]
    offsets[len(places)] = total
    return total


@compiled
def _copy(heap: Any, places: Any, data: Any) -> None:
    at = 0
    for i in range(len(places)):
        begin = places[i, 0]
        for j in range(places[i, 1]):
            data[at + j] = heap[begin + j]
        at += places[i, 1]


def gather(heap: NDArray[np.uint8], places: NDArray[np.int64]) -> pa.Array:
    """The texts whose begins and sizes are (n, 2) ``places`` of the heap."""
    offsets = fresh(len(places) + 1, np.int32)
    size = int(_sizes(places, offsets))
    if size > np.iinfo(np.int32).max:
        raise ValueError(f"{size} bytes of one field's texts are more than a column holds: give the range in parts")
    data = fresh(size, np.uint8)
    _copy(heap, places, data)
    return pa.StringArray.from_buffers(len(places), pa.py_buffer(offsets), pa.py_buffer(data))
