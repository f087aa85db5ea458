"""What is usual at this time of day: the mean of such hours of the last seven days, between the middles of hours.

On the first day it is the mean of all hours so far.
"""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import Floats, grown
from alerts.signals.hours import DAY_HOURS, DAYS, Hours
from alerts.signals.windows import Windows

HOUR = 60
HALF = 0.5


class Usual:
    """Windows of a quantity, and of what was usual in these minutes; ``rate``: (series,) usual in the last minute."""

    def __init__(self) -> None:
        self.windows, self.usual = Windows(), Windows()
        self.rate: Floats = np.zeros(0)
        self._hours = Hours()
        self._sum: Floats = np.zeros(0)
        self._near: list[Floats] = [np.zeros(0)] * 3

    def grow(self, series: int) -> None:
        """Make room."""
        self.windows.grow(series)
        self.usual.grow(series)
        self._sum = grown(self._sum, series)
        self._near = [grown(rates, series) for rates in self._near]

    def begin_hour(self, hour: int, days: float) -> None:
        """Learn what was usual about this hour; ``days`` of history there are."""
        known = min(int(days), DAYS)
        for place, near in enumerate((-1, 0, 1)):
            hours = self._hours.like(hour, known, near) if known else self._hours.all()
            count = known or max(days * DAY_HOURS, 1)
            self._near[place] = self._hours.sum(hours, self._sum.size) / count / HOUR

    def end_hour(self, hour: int) -> None:
        """Remember the hour."""
        self._hours.put(hour, self._sum)
        self._sum = np.zeros(self._sum.size)

    def push(self, minute: int, values: Floats) -> None:
        """The values (series,) of a minute."""
        self.windows.push(minute, values)
        self._sum = self._sum + values
        self.rate = self._rate_at(minute)
        self.usual.push(minute, self.rate)

    def beyond(self) -> Floats:
        """(windows, series) by how much the windows exceed what is usual."""
        return self.windows.sums - self.usual.sums

    def _rate_at(self, minute: int) -> Floats:
        share = (minute % HOUR + 0.5) / HOUR
        before, now, after = self._near
        early = share < HALF
        edge, near = (HALF - share, before) if early else (share - HALF, after)
        return now * (1 - edge) + near * edge
