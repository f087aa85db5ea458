"""What tenants spend on a feature in all, beside what is expected of them at this hour of this weekday.

Expected is what the same hour a week ago has held, or what such hours of the last seven days usually hold, whichever is
more: their mean alone is five sevenths of an office hour, and still less before closing time. It says whether traffic
has only moved between the leaves of a feature, not what is odd.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from alerts.signals.arrays import Floats, grown
from alerts.signals.hours import DAYS
from alerts.signals.usual import HOUR, Usual


class Parents(Usual):
    """``Usual`` of features of tenants, whose ``rate`` is what is expected."""

    def __init__(self) -> None:
        super().__init__()
        self._week_ago: Floats = np.zeros(0)

    def begin_hour(self, hour: int, days: float) -> None:
        """Learn what is expected of this hour; ``days`` of history there are."""
        super().begin_hour(hour, days)
        [week_ago] = deque(self._hours.like(hour, DAYS), maxlen=1)
        self._week_ago = grown(week_ago / HOUR, self._sum.size)

    def _rate_at(self, minute: int) -> Floats:
        week_ago: Floats = grown(self._week_ago, self._sum.size)
        return np.asarray(np.maximum(super()._rate_at(minute), week_ago))
