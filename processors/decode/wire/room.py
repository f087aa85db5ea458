"""Working memory that is kept between ranges: fresh pages cost more than the work that is done in them."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_SPARE = 1.25


class Room:
    """Arrays by name; what is taken holds whatever stood there before, and is whoever takes the name next's."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def take(self, name: str, size: int, kind: Any, columns: int | None = None) -> NDArray[Any]:
        """An array of ``size`` (rows); ``columns`` makes it two-dimensional."""
        held = self._arrays.get(name)
        if held is None or len(held) < size:
            most = int(size * _SPARE) + 1
            held = np.empty(most if columns is None else (most, columns), kind)
            self._arrays[name] = held
        return held[:size]

    def take_wide(self, name: str, rows: int, columns: int, kind: Any, *deep: int) -> NDArray[Any]:
        """(rows, at least columns, …): all of it, so that every row begins where it began, on pages it has."""
        held = self._arrays.get(name)
        if held is None or held.shape[1] < columns:
            held = self._arrays[name] = sparse((rows, int(columns * _SPARE) + 1, *deep), kind)
        return held

    def grow(self, name: str) -> NDArray[Any]:
        """The array of that name with twice the rows, and what stood in it."""
        held = self._arrays[name]
        wider = np.empty((2 * len(held) + 64, *held.shape[1:]), held.dtype)
        wider[: len(held)] = held
        self._arrays[name] = wider
        return wider

    def renew_wide(self, name: str, columns: int) -> NDArray[Any]:
        """Another array of that name with so many columns, which the one before it does not share."""
        held = self._arrays[name]
        self._arrays[name] = sparse((len(held), columns, *held.shape[2:]), held.dtype)
        return self._arrays[name]

    def all_of(self, name: str) -> NDArray[Any]:
        """The whole array of that name."""
        return self._arrays[name]


def sparse(shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
    """An array of which what is touched takes memory, and no more: numpy's large ones have pages of 2 MiB."""
    size = math.prod(shape) * np.dtype(kind).itemsize
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # Linux
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, kind).reshape(shape)


def fresh(size: int, kind: Any) -> NDArray[Any]:
    """An array that may become a column: Arrow's own memory, which it uses again without asking for new pages."""
    return np.frombuffer(pa.allocate_buffer(size * np.dtype(kind).itemsize), kind)


def valid(missing: NDArray[np.bool_]) -> pa.Buffer | None:
    """The bits of what is not missing; None where nothing is."""
    return pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None


def to_array(values: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """A column of numbers, without a copy of the values."""
    mask = None if missing is None else valid(missing)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [mask, pa.py_buffer(values)])
