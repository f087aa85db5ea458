"""Sums over the windows that end with the present minute, in 352 bytes a series.

The last 5 and 15 minutes are exact; an hour is twelve pieces of five minutes, six hours are twelve of half an hour, so
that these windows reach 56 to 60 and 331 to 360 minutes back.
"""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import Floats, grown

MINUTES = (5, 15, 60, 360)
"""Lengths of the windows."""
QUARTER, LONGEST = 1, 3
"""Places of those of 15 minutes and of six hours."""
PIECE = (1, 1, 5, 30)
"""Minutes of the pieces that each is made of."""


class Windows:
    """Sums of what was pushed, by window and series."""

    def __init__(self) -> None:
        self.sums: Floats = np.zeros((len(MINUTES), 0))
        self._pieces = [np.zeros((whole // piece, 0)) for whole, piece in zip(MINUTES, PIECE, strict=True)]
        self._minute = 0

    def grow(self, series: int) -> None:
        """Make room."""
        self.sums = grown(self.sums, series)
        self._pieces = [grown(pieces, series) for pieces in self._pieces]

    def push(self, minute: int, values: Floats) -> None:
        """The values (series,) of a minute; every minute is pushed once, in order."""
        self._minute = minute
        for place, (pieces, piece) in enumerate(zip(self._pieces, PIECE, strict=True)):
            slot = minute // piece % len(pieces)
            if minute % piece == 0:
                self.sums[place] -= pieces[slot]
                pieces[slot] = 0
            pieces[slot] += values
            self.sums[place] += values
        np.maximum(self.sums, 0, out=self.sums)  # what rounding leaves

    def since(self, first: int) -> Floats:
        """(series,) the sums of the minutes from ``since_start(first, …)`` on."""
        place, numbers = _pieces_since(first, self._minute)
        pieces = self._pieces[place]
        return np.asarray(pieces[[number % len(pieces) for number in numbers]].sum(axis=0))


def since_start(first: int, minute: int) -> int:
    """The first minute from ``first`` on that sums up to ``minute`` begin with: six hours back at most.

    It is ``first`` itself in the last quarter of an hour, four minutes later at most in the last hour, 29 before.
    """
    place, numbers = _pieces_since(first, minute)
    return numbers.start * PIECE[place]


def _pieces_since(first: int, minute: int) -> tuple[int, range]:
    """The place of the shortest window that reaches back to a minute, and the pieces that begin there or later."""
    oldest = [minute // piece - whole // piece + 1 for whole, piece in zip(MINUTES, PIECE, strict=True)]
    place = next((one for one, piece in enumerate(PIECE) if oldest[one] * piece <= first), LONGEST)
    return place, range(max(-(-first // PIECE[place]), oldest[place]), minute // PIECE[place] + 1)
