"""A forecast of one series with intervals, and how good it would have been from days of the past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.planning.gaps import Flags, draw_gaps, has_gaps
from warehouse.planning.model import LEAST_DAYS, PATHS, WEEK, Indices, Reals, draw_paths, fit

QUANTILES = (0.5, 0.1, 0.9, 0.025, 0.975)
"""The forecast, and the bounds of the intervals of 80 and 95 of 100."""
MOST_ORIGINS = 28
LEAST_ORIGINS = WEEK


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


def _draw(spend: Reals, first_weekday: int, origins: Indices, gaps: Flags, horizon: int) -> Reals:
    """(origins, paths, horizon) days to come, by the model that what was known then asks for."""
    drawn = np.empty((origins.size, PATHS, horizon))
    if gaps.any():
        drawn[gaps] = draw_gaps(spend, first_weekday, origins[gaps], horizon)
    if not gaps.all():
        steady = origins[~gaps]
        drawn[~gaps] = draw_paths(fit(spend, first_weekday, steady), (first_weekday + steady) % WEEK, horizon)
    return drawn


def _origins(days: int, horizon: int) -> tuple[Indices, int]:
    """Days of the past to forecast from, the last ones, and how many days each; a week of them or none at all."""
    ahead = min(horizon, days - LEAST_DAYS - LEAST_ORIGINS + 1)
    if ahead < 1:
        return np.zeros(0, np.int64), 0
    last = days - ahead
    return np.arange(max(LEAST_DAYS, last - MOST_ORIGINS + 1), last + 1), ahead


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
