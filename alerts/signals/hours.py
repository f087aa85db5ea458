"""What hours have held, for eight days: rows that are written once, so that copies of a state share them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.signals.arrays import Floats

DAYS = 7
"""Days before the present one that are compared with."""
DAY_HOURS = 24
KEPT_HOURS = (DAYS + 1) * DAY_HOURS


class Hours:
    """Rows (…, series) of the last ``KEPT_HOURS``; of an hour that never was: zeros."""

    def __init__(self, *shape: int) -> None:
        self._none = np.zeros((*shape, 0), np.float32)
        self._rows: list[NDArray[np.float32]] = [self._none] * KEPT_HOURS

    def __deepcopy__(self, _: Any) -> Hours:
        other = Hours(*self._none.shape[:-1])
        other._rows = list(self._rows)
        return other

    def put(self, hour: int, row: Floats) -> None:
        """What an hour has held."""
        self._rows[hour % KEPT_HOURS] = row.astype(np.float32)

    def like(self, hour: int, days: int, near: int = 0) -> Iterator[NDArray[np.float32]]:
        """The same hour, or one near it, of as many days before."""
        for day in range(1, days + 1):
            yield self._rows[(hour - DAY_HOURS * day + near) % KEPT_HOURS]

    def all(self) -> Iterator[NDArray[np.float32]]:
        """Every hour."""
        yield from self._rows

    def most(self, rows: Iterator[NDArray[np.float32]], series: int) -> Floats:
        """The highest of each series."""
        found = np.zeros((*self._none.shape[:-1], series), np.float32)
        for row in rows:
            part = found[..., : row.shape[-1]]
            np.maximum(part, row, out=part)
        return found.astype(np.float64)

    def sum(self, rows: Iterator[NDArray[np.float32]], series: int) -> Floats:
        """The sum of each series."""
        found = np.zeros((*self._none.shape[:-1], series))
        for row in rows:
            found[..., : row.shape[-1]] += row
        return found
