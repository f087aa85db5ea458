"""A forecast of one series with intervals, and how good it would have been from days of the past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.planning.gaps import draw_gaps, has_gaps
from warehouse.planning.model import LEAST_DAYS, PATHS, draw_days
from warehouse.planning.weekdays import WEEK, Flags, Indices, Reals

QUANTILES = (0.5, 0.1, 0.9, 0.025, 0.975)
"""The forecast, and the bounds of the intervals of 80 and 95 of 100."""
MOST_ORIGINS = 28
MOST_DAILY = 14
"""From so many days on it is tried from every other one: sums of days that overlap say much the same."""
LEAST_ORIGINS = WEEK
MOST_GROWN = 3.0
"""A forecast is at most so many times the largest sum of as many days of history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """``quantiles``: QUANTILES of the sum; ``path``: (horizon,) the median so far by the end of each day.

    ``wape``, ``coverage_80``, ``coverage_95``: None where there is too little history, or nothing came (wape).
    """

    quantiles: tuple[float, ...]
    path: Reals
    wape: float | None = None
    coverage_80: float | None = None
    coverage_95: float | None = None
    backtests: int = 0
    backtest_days: int | None = None


def needed_days(horizon: int) -> int:
    """Days of history without which nothing is said about so many days ahead."""
    return max(LEAST_DAYS, -(-horizon // 2))


def look_ahead(spend: Reals, first_weekday: int, weights: Reals, factors: Reals, added: Reals) -> Outlook:
    """The days after ``spend``, as many as ``weights``, of which each counts with its weight.

    ``spend``: (days,), at least ``needed_days``; ``first_weekday``: of its first day. ``factors``, ``added``: (days +
    horizon,) what launches make of a day: ``spend = factor x plain + added``.
    """
    days, horizon = spend.size, weights.size
    origins, ahead = _origins(days, int(np.flatnonzero(weights)[-1]) + 1 if weights.any() else 1)
    plain = np.maximum((spend - added[:days]) / factors[:days], 0.0)
    begins = np.append(origins, days)
    drawn = _draw(plain, first_weekday, begins, has_gaps(spend, first_weekday, begins), max(horizon, ahead))
    paths = np.maximum(drawn[-1, :, :horizon] * factors[days:] + added[days:], 0.0) * weights
    sums = paths.cumsum(axis=1)
    outlook = Outlook(
        quantiles=tuple(float(one) for one in np.quantile(sums[:, -1], QUANTILES)),
        path=np.median(sums, axis=0),
    )
    if not origins.size:
        return outlook
    tried = origins[:, None] + np.arange(ahead)
    told = np.maximum(drawn[:-1, :, :ahead] * factors[tried][:, None] + added[tried][:, None], 0.0).sum(axis=2)
    return _judged(outlook, told, spend[tried].sum(axis=1), ahead)


def outlook_of(spend: Reals, first_weekday: int, horizon: int) -> tuple[float, ...]:
    """QUANTILES of the sum of so many days after these, without launches and back-tests."""
    origin = np.array([spend.size])
    sums = _draw(spend, first_weekday, origin, has_gaps(spend, first_weekday, origin), horizon)[0].sum(axis=1)
    return tuple(float(one) for one in np.quantile(sums, QUANTILES))


def _draw(spend: Reals, first_weekday: int, origins: Indices, gaps: Flags, horizon: int) -> Reals:
    """(origins, paths, horizon) days to come, by the model that what was known then asks for."""
    drawn = np.empty((origins.size, PATHS, horizon))
    if gaps.any():
        drawn[gaps] = draw_gaps(spend, first_weekday, origins[gaps], horizon)
    for row in np.flatnonzero(~gaps):
        drawn[row] = draw_days(spend[: origins[row]], first_weekday, horizon)
    middle = np.median(drawn.sum(axis=2), axis=1)
    most = np.array([MOST_GROWN * largest(spend[:origin], horizon) for origin in origins])
    drawn *= np.divide(most, middle, out=np.ones(origins.size), where=middle > most)[:, None, None]
    return drawn


def largest(spend: Reals, days: int) -> float:
    """The largest sum of so many days one after the other; of as many as there are, as if they went on."""
    some = min(days, spend.size)
    sums = np.append(0.0, spend.cumsum())
    return float((sums[some:] - sums[:-some]).max()) * days / some


def _origins(days: int, horizon: int) -> tuple[Indices, int]:
    """Days of the past to forecast from, the last ones, and how many days each; a week of them or none at all."""
    ahead = min(horizon, days - LEAST_DAYS - LEAST_ORIGINS + 1)
    if ahead < 1:
        return np.zeros(0, np.int64), 0
    last = days - ahead
    tried = np.arange(max(LEAST_DAYS, last - MOST_ORIGINS + 1), last + 1)
    return (tried[::-1][::2][::-1] if tried.size > MOST_DAILY else tried), ahead


def _judged(outlook: Outlook, told: Reals, came: Reals, ahead: int) -> Outlook:
    """The outlook with its error: ``told`` (origins, paths) sums against those that ``came`` (origins,)."""
    middle, low_80, high_80, low_95, high_95 = np.quantile(told, QUANTILES, axis=1)
    total = float(came.sum())
    return Outlook(
        quantiles=outlook.quantiles,
        path=outlook.path,
        wape=float(np.abs(middle - came).sum()) / total if total > 0 else None,
        coverage_80=float(np.mean((low_80 <= came) & (came <= high_80))),
        coverage_95=float(np.mean((low_95 <= came) & (came <= high_95))),
        backtests=came.size,
        backtest_days=ahead,
    )
