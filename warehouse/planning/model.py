"""How spend goes on: a damped trend times weekday factors, and paths drawn from the errors it made.

Damped-trend exponential smoothing (Gardner and McKenzie 1985, doi 10.1287/mnsc.31.10.1237) of spend over its weekday's
factor, a median of ratios to the mean of the week around. As in robust smoothing (Gelper, Fried and Croux 2010, doi
10.1002/for.1125) a day that is off by more than three mean errors moves the level no further than that. Of a few speeds
of adaptation the one is taken whose one-day forecasts were best. Intervals are quantiles of paths in which the relative
errors of the past come again in any order; they are widened by sqrt(n / (n - 10)), as so many values were fitted, and
half of what they have in common is taken off: the rest may be a drift that goes on. A path also has a level, a drift
and weekday factors of its own, as far from the fitted ones as their standard errors make likely: of a mean that
forgets, of a slope through n days, and of medians of n / 7.

All is one pass over the days for many *origins* at once: what an origin knows are the days before it. Pure: the same
days give the same paths, of fixed draws.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

WEEK = 7
LEAST_DAYS = 2 * WEEK
MOST_DAYS = 26 * WEEK
PATHS = 400
FITTED = 10
"""Six weekday factors, level, trend and their speeds."""
TREND_FITTED, FICKLE = 2.0, 8.0
"""Little history prefers a slow level without a trend: errors count exp((8 x speed + 2 if trend) / days) times."""
WARM_UP = WEEK
"""Errors of the first days say more about the start than about the model."""
NOTHING = 1e-12
"""What stands for the level where nothing was ever spent."""
QUIET = 0.1
"""A weekday with less than this share of a mean day says nothing about the level."""
CLIP, SCALE_SPEED, FIRST_SCALE = 3.0, 0.2, 0.2
NORMAL = 1.4826
"""Standard deviation of normal errors over their median size."""
MEDIAN_VARIANCE, SLOPE_VARIANCE = np.pi / 2, 12.0
"""Of a median of n, times n; of the slope of a line through n days, times n cubed."""
SPEEDS = np.array(
    [
        (a, b, d)
        for a, (b, d) in itertools.product(
            (0.05, 0.1, 0.2, 0.4, 0.6), [(0, 1)] + [(b, d) for b in (0.05, 0.1, 0.2) for d in (0.9, 0.98)]
        )
    ]
)
"""Of level, of trend, and how much of the trend is left each day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What each origin knows. All (origins,), but ``weekdays`` (origins, 7) and ``errors`` (origins, days).

    ``errors``: relative ones of one-day forecasts, as they come again; ``known``: so many of a row, from the left.
    """

    weekdays: Reals
    level: Reals
    trend: Reals
    scale: Reals
    speed: Reals
    errors: Reals
    known: Indices


def fit(spend: Reals, first_weekday: int, origins: Indices) -> Fitted:
    """The model as it stood before each of the days ``origins``, all at least LEAST_DAYS.

    ``spend``: (days,) >= 0; ``first_weekday``: of its first day, any count modulo 7.
    """
    days = (first_weekday + np.arange(spend.size)) % WEEK
    weekdays = np.array([weekday_factors(spend[:origin], days[:origin]) for origin in origins])
    least = float(spend.mean()) * 1e-3 or NOTHING
    alpha, beta, damping = SPEEDS.T
    level = _start(spend, days, weekdays, least)
    trend = np.zeros_like(level)
    scale = np.full_like(level, FIRST_SCALE)
    missed = np.zeros_like(level)
    errors = np.zeros((spend.size, *level.shape))
    for day in range(spend.size):
        knows = (day < origins)[:, None]
        factor = weekdays[:, days[day], None]
        ahead = np.maximum(level + damping * trend, least)
        error = np.where(factor >= QUIET, spend[day] / np.maximum(ahead * factor, least * QUIET) - 1, 0.0)
        errors[day] = error
        missed += knows * (day >= WARM_UP) * np.minimum(np.abs(error), CLIP) * ahead * factor
        moved = np.clip(error, -CLIP * scale, CLIP * scale) * ahead
        level = np.where(knows, ahead + alpha * moved, level)
        trend = np.where(knows, damping * trend + alpha * beta * moved, trend)
        scale = np.where(knows, scale + SCALE_SPEED * (np.minimum(np.abs(error), CLIP * scale) - scale), scale)
    rows = np.arange(origins.size)
    best = (missed * np.exp((FICKLE * alpha + TREND_FITTED * (beta > 0)) / origins[:, None])).argmin(axis=1)
    known = origins - WARM_UP
    made = errors[WARM_UP:, rows, best].T
    centre = np.array([np.median(row[:some]) for row, some in zip(made, known, strict=True)])
    widened = np.sqrt(origins / (origins - FITTED))[:, None]
    return Fitted(
        weekdays=weekdays,
        level=level[rows, best],
        trend=trend[rows, best],
        scale=np.maximum(scale[rows, best], 1e-9),
        speed=SPEEDS[best],
        errors=(made - centre[:, None] / 2) * widened,
        known=known,
    )


def weekday_factors(spend: Reals, days: Indices) -> Reals:
    """(7,): what a weekday has of a mean day, 1 on average; all 1 of spend without any."""
    ratios = np.ones(WEEK)
    around = np.convolve(spend, np.full(WEEK, 1 / WEEK), mode="valid")
    middle = slice(WEEK // 2, spend.size - WEEK // 2)
    some = around > 0
    relative, weekday = spend[middle][some] / around[some], days[middle][some]
    for day in range(WEEK):
        if np.any(weekday == day):
            ratios[day] = np.median(relative[weekday == day])
    total = ratios.sum()
    return ratios * (WEEK / total) if total > 0 else np.ones(WEEK)


def _start(spend: Reals, days: Indices, weekdays: Reals, least: float) -> Reals:
    """(origins, speeds): the level of the first week."""
    plain = spend[:WEEK] / np.maximum(weekdays[:, days[:WEEK]], QUIET)
    level = np.maximum(np.median(plain, axis=1), least)
    return np.repeat(level[:, None], SPEEDS.shape[0], axis=1)


def draw_paths(fitted: Fitted, first_weekdays: Indices, horizon: int) -> Reals:
    """(origins, PATHS, horizon): days from each origin on, whose weekday is of ``first_weekdays``; all >= 0."""
    draws = np.random.default_rng(0).random((PATHS, horizon))
    alpha, beta, damping = fitted.speed.T[:, :, None]
    off, drift, weekdays = _unsure(fitted, alpha)
    level, trend = fitted.level[:, None] * off, np.repeat(fitted.trend[:, None], PATHS, axis=1)
    limit = CLIP * fitted.scale[:, None]
    rows = np.arange(fitted.level.size)
    paths = np.zeros((rows.size, PATHS, horizon))
    for day in range(horizon):
        weekday = (first_weekdays + day) % WEEK
        factor = fitted.weekdays[rows, weekday][:, None]
        error = fitted.errors[rows[:, None], (draws[:, day] * fitted.known[:, None]).astype(np.int64)]
        error = np.where(factor >= QUIET, error, 0.0)
        ahead = np.maximum((level + damping * trend) * drift, 0.0)
        paths[:, :, day] = np.maximum(ahead * factor * weekdays[rows, :, weekday] * (1 + error), 0.0)
        moved = np.clip(error, -limit, limit) * ahead
        level, trend = ahead + alpha * moved, damping * trend + alpha * beta * moved
    return paths


def _unsure(fitted: Fitted, alpha: Reals) -> tuple[Reals, Reals, Reals]:
    """What each path has times the level, times the level each day, (origins, PATHS), and times weekdays (…, 7)."""
    level, drift, *weekdays = np.random.default_rng(1).standard_normal((2 + WEEK, PATHS))
    typical = [np.median(np.abs(row[:some])) for row, some in zip(fitted.errors, fitted.known, strict=True)]
    deviation = np.minimum(NORMAL * np.array(typical), 1.0)[:, None]
    days = (fitted.known + WARM_UP)[:, None]
    of_weekday = deviation * np.sqrt(MEDIAN_VARIANCE * WEEK / days)
    return (
        np.maximum(1 + level * deviation * np.sqrt(alpha / (2 - alpha) + 1 / days), 0.0),
        np.maximum(1 + drift * deviation * np.sqrt(SLOPE_VARIANCE / days**3), 0.0),
        np.maximum(1 + np.array(weekdays).T * of_weekday[:, :, None], 0.0),
    )
