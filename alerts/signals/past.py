"""How odd a series has been before: whoever is often odd must be odder than ever to be told of.

An episode is a time in which a series is odd, with gaps of three hours at most. What the episodes before the present
one have scored at most is forgotten by half in three weeks, and counts up to a limit: one great incident does not hide
the next.
"""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import Floats, Numbers, grown

GAP = 180
"""Minutes."""
FORGET = 0.5 ** (1 / (21 * 1440))  # of minutes: three weeks
NEVER = np.iinfo(np.int64).min // 2


class Past:
    """Of one signal and window, 40 bytes a series."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._most: Floats = np.zeros(0)
        self._most_at: Numbers = np.zeros(0, np.int64)
        self._peak: Floats = np.zeros(0)
        self._began: Numbers = np.zeros(0, np.int64)
        self._last: Numbers = np.zeros(0, np.int64)

    def grow(self, series: int) -> None:
        """Make room."""
        known = self._last.size
        for name in ("_most", "_most_at", "_peak", "_began", "_last"):
            setattr(self, name, grown(getattr(self, name), series))
        self._last[known:] = NEVER

    def note(self, minute: int, series: Numbers, scores: Floats) -> Floats:
        """What each of the series had scored before its present episode; the scores are of that."""
        new = series[minute - self._last[series] > GAP]
        known = self._most[new] * FORGET ** (self._last[new] - self._most_at[new]).clip(0)
        self._most[new] = np.maximum(known, np.minimum(self._peak[new], self._limit))
        self._most_at[new] = self._last[new]
        self._peak[new], self._began[new] = 0, minute
        self._last[series] = minute
        self._peak[series] = np.maximum(self._peak[series], scores)
        return np.asarray(self._most[series] * FORGET ** (self._began[series] - self._most_at[series]))
