"""What the detector remembers of a series: one row of a structured array, 987 bytes, whatever the history's length.

A series is the spend of one scope per minute, in USD. Minutes and hours are counted from the Unix epoch; an hour's slot
in the week is ``hour % 168``, so a slot is the same hour of the same weekday (UTC).

A minute trains the state only when it leaves the longest window, so a spike never hides itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOWS = (2, 5, 15)
"""Lengths of the trailing windows, in minutes; the shortest finds fast, the longest finds the merely persistent."""
SPAN = WINDOWS[-1]
HOUR = 60
DAY_HOURS = 24
WEEK_HOURS = 168
SETTLE_HOURS = 12
"""An hour enters the weekly profile this much later: what is expected now is made of other days only."""
QUARTER = 15
PEAK, LAST_QUARTER, THIS_QUARTER = 0, 1, 2
"""A maximum comes into force a quarter of an hour after the quarter it was seen in: a spike never hides itself."""
NEVER = np.iinfo(np.int64).max

STATE = np.dtype(
    [
        ("first_minute", np.int64),  # of the first spend ever seen; NEVER before
        ("spend", np.float32, SPAN),  # the last minutes, at minute % SPAN
        ("expected", np.float32, SPAN),  # what was expected of them
        ("hot", np.bool_, SPAN),  # whether they were part of a spike
        ("week", np.float32, WEEK_HOURS),  # USD a minute by hour of the week; NaN = never seen
        ("day", np.float32, SETTLE_HOURS),  # the last hours, on their way into ``week``
        ("hour_usd", np.float64),  # of the hour that is being trained
        ("hour_minutes", np.int32),
        ("level_usd", np.float64),  # short memory: decayed sums of spend, of the profile, and of the weights
        ("level_season", np.float64),
        ("level_weight", np.float64),
        ("noise_square", np.float64),  # decayed sums of squared error and of expectation: their ratio is the dispersion
        ("noise_mean", np.float64),
        ("peak_usd", np.float32, (3, len(WINDOWS))),  # decayed maximum of a window's spend: see PEAK
        ("peak_score", np.float32, (3, len(WINDOWS))),  # … of a window's standardised excess
    ]
)

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
States = NDArray[np.void]


def unseen(series: int) -> States:
    """States of series that have not spent yet."""
    states = np.zeros(series, dtype=STATE)
    states["first_minute"] = NEVER
    states["week"] = np.nan
    states["day"] = np.nan
    return states


def profile(states: States, hour: int) -> Floats:
    """USD a minute that the series' own history says of this hour of the week; NaN where it says nothing.

    The same hour of other weekdays stands in for a slot that was never seen.
    """
    slots = states["week"][:, hour % DAY_HOURS :: DAY_HOURS]
    known = ~np.isnan(slots)
    count = known.sum(axis=1)
    mean = np.where(known, slots, 0).sum(axis=1, dtype=np.float64) / np.maximum(count, 1)
    own = states["week"][:, hour % WEEK_HOURS].astype(np.float64)
    return np.where(np.isnan(own), np.where(count > 0, mean, np.nan), own)


def close_hour(states: States, hour: int, *, least_minutes: int, weight: float) -> None:
    """Put the trained hour aside, and the one of ``SETTLE_HOURS`` ago into the weekly profile (in place)."""
    settled = states["day"][:, hour % SETTLE_HOURS].copy()
    mean = states["hour_usd"] / np.maximum(states["hour_minutes"], 1)
    states["day"][:, hour % SETTLE_HOURS] = np.where(states["hour_minutes"] >= least_minutes, mean, np.nan)
    states["hour_usd"] = 0
    states["hour_minutes"] = 0
    slot = states["week"][:, (hour - SETTLE_HOURS) % WEEK_HOURS]
    blended = np.where(np.isnan(slot), settled, slot + weight * (settled - slot))
    states["week"][:, (hour - SETTLE_HOURS) % WEEK_HOURS] = np.where(np.isnan(settled), slot, blended)
