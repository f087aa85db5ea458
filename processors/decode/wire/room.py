"""Working memory that is kept between ranges: fresh pages cost more than the work that is done in them."""

from __future__ import annotations

from typing import Any

import numpy as np
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

    def grow(self, name: str) -> NDArray[Any]:
        """The array of that name with twice the rows, and what stood in it."""
        held = self._arrays[name]
        wider = np.empty((2 * len(held) + 64, *held.shape[1:]), held.dtype)
        wider[: len(held)] = held
        self._arrays[name] = wider
        return wider

    def all_of(self, name: str) -> NDArray[Any]:
        """The whole array of that name."""
        return self._arrays[name]
