"""How busy it is: a working day with a dip at lunch, quiet nights, slow weekends; 1.0 is the mean of a week."""

from __future__ import annotations

import math
from functools import cache

from ingest.simulator.tasks import SECOND_NS

HOUR_NS = 3600 * SECOND_NS
WEEK_H = 168
WEEKEND = 0.7
_EPOCH_WEEKDAY_H = 3 * 24  # 1970-01-01 was a Thursday; weeks here start on Monday


def busyness(at_ns: int, utc_offset_h: int) -> float:
    """Traffic at that time in that place, relative to the mean of the week."""
    hour = (at_ns / HOUR_NS + _EPOCH_WEEKDAY_H + utc_offset_h) % WEEK_H
    before = int(hour)
    share = hour - before
    week = _week()
    return week[before] * (1 - share) + week[(before + 1) % WEEK_H] * share


def busiest() -> float:
    """The largest value that busyness() takes."""
    return max(_week())


@cache
def _week() -> tuple[float, ...]:
    raw = [_shape(hour % 24) * (WEEKEND if hour >= 5 * 24 else 1.0) for hour in range(WEEK_H)]
    mean = sum(raw) / WEEK_H
    return tuple(value / mean for value in raw)


def _shape(hour: int) -> float:
    morning = math.exp(-(((hour - 10.5) / 2.2) ** 2))
    afternoon = math.exp(-(((hour - 15.5) / 2.8) ** 2))
    evening = math.exp(-(((hour - 20.5) / 2.0) ** 2))
    return 0.5 + morning + 0.95 * afternoon + 0.3 * evening
