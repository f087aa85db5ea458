"""What weekdays have of a mean day, as far as it shows above the noise, and logarithms of spend without it.

The effect of a weekday is the mean of its logarithms over the level of the week around, single days held near the
weekday's median. It is shrunk towards none by how sure it is (empirical Bayes, as Efron and Morris 1975, doi
10.1080/01621459.1975.10479864): weekdays that repeat exactly stay as they are, those that noise alone tells apart are
one. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

WEEK = 7
CLIP, NEAR = 3.0, 0.1
"""A day counts no further off than three standard deviations, or a tenth."""
NORMAL = 1.4826
"""Standard deviation of normal errors over their median size."""
SMOOTHED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekdays:
    """``effects``: (7,) what a weekday adds to the logarithm, 0 on average; ``unsure``: (7,) standard deviations."""

    effects: Reals
    unsure: Reals


def week_of(logs: Reals, days: Indices, weekday: Indices) -> Weekdays:
    """Of some days: ``logs`` of their spend, ``days`` counted from any, ascending, and their ``weekday``; (n,) each."""
    effects = np.zeros(WEEK)
    counts = np.bincount(weekday, minlength=WEEK)
    if counts.max(initial=0) < SMOOTHED:
        return Weekdays(effects=effects, unsure=effects)
    noise = np.zeros(logs.size)
    for _ in range(SMOOTHED):
        over = logs - around(logs - effects[weekday], days)
        middle = np.array([median(over[weekday == day]) if counts[day] else 0.0 for day in range(WEEK)])
        noise = held(over - middle[weekday], 0.0)
        effects = middle + np.bincount(weekday, noise, WEEK) / np.maximum(counts, 1)
        effects = np.where(counts > 0, effects - effects[weekday].mean(), 0.0)
        noise = noise - (effects - middle)[weekday]
    seen = counts > 0
    within = float(np.sum((noise - noise.mean()) ** 2)) / max(logs.size - int(seen.sum()), 1)
    of_mean = within / np.maximum(counts, 1)
    between = max(float(np.mean(effects[seen] ** 2 - of_mean[seen])), 0.0)
    sure = between / (between + of_mean) if between else np.zeros(WEEK)
    return Weekdays(effects=effects * sure, unsure=np.sqrt(of_mean * sure))


def around(logs: Reals, days: Indices) -> Reals:
    """The mean of the week around each day, of the first and last whole week at the ends."""
    first, size = days[0], int(days[-1] - days[0]) + 1
    if size < WEEK:
        return np.full(logs.size, logs.mean())
    sums, counts = np.zeros(size), np.zeros(size)
    sums[days - first], counts[days - first] = logs, 1
    kernel = np.ones(WEEK)
    weeks = np.convolve(sums, kernel, "valid") / np.maximum(np.convolve(counts, kernel, "valid"), 1)
    return np.asarray(weeks[np.clip(days - first - WEEK // 2, 0, weeks.size - 1)])


def calm(logs: Reals) -> Reals:
    """Each no further than CLIP from the median of the seven around it."""
    if logs.size < WEEK:
        return held(logs, median(logs))
    windows = np.lib.stride_tricks.sliding_window_view(logs, WEEK)
    middle = np.sort(windows, axis=1)[:, WEEK // 2][np.clip(np.arange(logs.size) - WEEK // 2, 0, windows.shape[0] - 1)]
    return held(logs, middle)


def held(values: Reals, middle: Reals | float) -> Reals:
    """The values, none further than CLIP from their middle."""
    limit = max(CLIP * NORMAL * median(np.abs(values - middle)), NEAR)
    return np.asarray(np.clip(values, middle - limit, middle + limit))


def median(values: Reals) -> float:
    """The one in the middle, or the mean of two; some must be. Of few, numpy's own takes ten times as long."""
    ordered = np.sort(values)
    return float(ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2
