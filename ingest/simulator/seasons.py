"""What time changes: how busy it is, which users come and go, which version of a prompt is rolled out.

A working day has a dip at lunch, nights are quiet, weekends slow; 1.0 is the mean of a week.
"""

from __future__ import annotations

import math
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from ingest.simulator.tasks import SECOND_NS

if TYPE_CHECKING:
    from ingest.simulator.catalog import Feature

HOUR_NS = 3600 * SECOND_NS
WEEK_H = 168
WEEKEND = 0.7
WEEK_NS = WEEK_H * HOUR_NS
NEWCOMERS = 0.3  # of tasks: by users who came some week and mostly leave again
NEW_USERS_PER_WEEK = 15
STAY_WEEKS = 1.5
FIRST_WEEK = 2_950  # since 1970, when versions had the numbers of the catalog: July 2026
LEAST_SHARE = 0.08  # of the version that is rolled out, on its first day
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


def draw_user(tenant: str, rng: Random, at_ns: int) -> str:
    """Who comes at that time: mostly one of a few hundred who stay, some of them often, else one who came lately."""
    if rng.random() >= NEWCOMERS:
        return f"{tenant}-user-{int(rng.paretovariate(1.1)) % 400:03d}"
    came_in = max(0, (at_ns // HOUR_NS + _EPOCH_WEEKDAY_H) // WEEK_H - int(rng.expovariate(1 / STAY_WEEKS)))
    return f"{tenant}-user-{came_in}-{rng.randrange(NEW_USERS_PER_WEEK):02d}"


def draw_version(feature: Feature, rng: Random, at_ns: int) -> str:
    """Of a feature with two versions: each week the next number is rolled out, from a few tasks to nearly all."""
    first, *second = feature.prompt_versions
    if not second:
        return first
    weeks = at_ns / WEEK_NS + len(feature.name) / 7  # not all features on one day
    share = LEAST_SHARE + (1 - LEAST_SHARE) * (weeks % 1)
    return str(int(first) + int(weeks) - FIRST_WEEK + (rng.random() < share))
