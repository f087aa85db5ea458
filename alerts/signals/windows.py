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

    def grow(self, series: int) -> None:
        """Make room."""
        self.sums = grown(self.sums, series)
        self._pieces = [grown(pieces, series) for pieces in self._pieces]

    def push(self, minute: int, values: Floats) -> None:
        """The values (series,) of a minute; every minute is pushed once, in order."""
        for place, (pieces, piece) in enumerate(zip(self._pieces, PIECE, strict=True)):
            slot = minute // piece % len(pieces)
            if minute % piece == 0:
                self.sums[place] -= pieces[slot]
                pieces[slot] = 0
            pieces[slot] += values
            self.sums[place] += values
        np.maximum(self.sums, 0, out=self.sums)  # what rounding leaves
