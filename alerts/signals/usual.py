"""What is usual at this time of day: the mean of such hours of the last seven days, between the middles of hours."""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import Floats, grown
from alerts.signals.envelope import DAY_HOURS, DAYS, KEPT_HOURS
from alerts.signals.windows import Windows

HOUR = 60
HALF = 0.5


class Usual:
    """Windows of a quantity, and of what was usual in these minutes."""

    def __init__(self) -> None:
        self.windows, self.usual = Windows(), Windows()
        self._hours = np.zeros((KEPT_HOURS, 0), np.float32)
        self._sum: Floats = np.zeros(0)
        self._near: list[Floats] = [np.zeros(0)] * 3

    def grow(self, series: int) -> None:
        """Make room."""
        self.windows.grow(series)
        self.usual.grow(series)
        self._hours, self._sum = grown(self._hours, series), grown(self._sum, series)
        self._near = [grown(rates, series) for rates in self._near]

    def begin_hour(self, hour: int, days: float) -> None:
        """Learn what was usual about this hour; ``days`` of history there are."""
        known = min(int(days), DAYS)
        for place, near in enumerate((-1, 0, 1)):
            like = [(hour - DAY_HOURS * day + near) % KEPT_HOURS for day in range(1, known + 1)]
            sums = self._hours[like].mean(axis=0) if known else np.zeros(self._sum.size)
            self._near[place] = np.asarray(sums / HOUR, np.float64)

    def end_hour(self, hour: int) -> None:
        """Remember the hour."""
        self._hours[hour % KEPT_HOURS] = self._sum
        self._sum = np.zeros(self._sum.size)

    def push(self, minute: int, values: Floats) -> None:
        """The values (series,) of a minute."""
        self.windows.push(minute, values)
        self._sum = self._sum + values
        share = (minute % HOUR + 0.5) / HOUR
        before, now, after = self._near
        early = share < HALF
        rate = before * (HALF - share) + now * (HALF + share) if early else now * (1.5 - share) + after * (share - HALF)
        self.usual.push(minute, rate)

    def beyond(self) -> Floats:
        """(windows, series) by how much the windows exceed what is usual."""
        return self.windows.sums - self.usual.sums
