"""The most that a window has held at about this time of day in the last seven days, and how far that usually varies.

What comes every night or every Monday is in the envelope, so it is nothing odd. An hour's maximum enters it at most
``CAP`` times as high as the envelope was: a spike widens it, a new level or a new habit becomes usual in some days. Of
a series that has no history at this hour the envelope is 0, and everything is beyond it.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

from alerts.signals.arrays import TINY, Floats, grown
from alerts.signals.hours import DAYS, Hours
from alerts.signals.windows import MINUTES, Windows

CAP = 3.0
"""A spike hides neither itself nor the next one: it counts so many times the envelope at most, after its hour."""
NEAR_HOURS = (-1, 0, 1)
COMMON_SHARE = 0.2
"""Part of the envelope that it may vary by for reasons of all calls at once, as a standard deviation."""
FIVE = 5
FORGET = 0.5 ** (1 / 168)  # of hours: a week
COLD_DAYS = 5.0
"""Scores grow with the days of history, up to so many."""
LEAST_DAYS = 2.0
"""Before, the envelope is the most of all hours so far."""


class Envelope:
    """Windows of one quantity, and what they have held."""

    def __init__(self, *, unit: float | None = None) -> None:
        """``unit``: variance over mean where it is known (calls), else it is learned."""
        self.windows = Windows()
        self.edge: Floats = np.zeros((len(MINUTES), 0))
        self._unit = unit
        self._hours = Hours(len(MINUTES))
        self._most: Floats = np.zeros((len(MINUTES), 0))
        self._five: Floats = np.zeros(0)
        self._squares: Floats = np.zeros(0)
        self._sum: Floats = np.zeros(0)
        self._new: Floats = np.zeros((2, 0))

    def grow(self, series: int) -> None:
        """Make room."""
        self.windows.grow(series)
        for name in ("edge", "_most", "_five", "_squares", "_sum", "_new"):
            setattr(self, name, grown(getattr(self, name), series))

    def begin_hour(self, hour: int, days: float) -> None:
        """Put up the envelope of this hour, given ``days`` of history: less than two know no days, but a maximum."""
        if days < LEAST_DAYS:
            hours = self._hours.all()
        else:
            hours = chain.from_iterable(self._hours.like(hour, DAYS, near) for near in NEAR_HOURS)
        self.edge = self._hours.most(hours, self._five.size)

    def end_hour(self, hour: int) -> None:
        """Remember what the hour has held."""
        limit = np.where(self.edge > 0, CAP * self.edge, np.inf)
        self._hours.put(hour, np.minimum(self._most, limit))
        self._most[:] = 0
        self._squares = self._squares * FORGET + self._new[0]
        self._sum = self._sum * FORGET + self._new[1]
        self._new[:] = 0

    def push(self, minute: int, values: Floats) -> None:
        """The values (series,) of a minute."""
        self.windows.push(minute, values)
        np.maximum(self._most, self.windows.sums, out=self._most)
        self._five += values
        if minute % FIVE == FIVE - 1:
            five = np.where(self.edge[0] > 0, np.minimum(self._five, CAP * self.edge[0]), self._five)
            self._new += np.stack([five**2, five])
            self._five[:] = 0

    def scores(self, sums: Floats, edge: Floats, days: float) -> Floats:
        """(windows, series) excess of sums over an edge in standard deviations of what it holds; less while young."""
        unit = self._squares / np.maximum(self._sum, TINY) if self._unit is None else self._unit
        known = min(1.0, days / COLD_DAYS) if days >= LEAST_DAYS else 1.0
        with np.errstate(invalid="ignore"):  # where the edge is infinite
            spread = np.sqrt(unit * edge + (COMMON_SHARE * edge) ** 2 + np.square(unit) + TINY)
            return np.asarray(np.where(np.isfinite(edge), (sums - edge) / spread * known, 0))
