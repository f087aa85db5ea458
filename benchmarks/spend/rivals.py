"""What is usually done, on spend by tenant and feature: each with one threshold, which a search sets on training seeds.

``rolling z``: an hour's spend against mean and deviation of the last week's hours. ``hour of week``: against median and
MAD of the same hours of earlier weeks. ``burn rate``: an hour and five minutes both above so many times the last week's
mean. ``daily``: a day's spend against the last fortnight's, told eight hours after the day, as bills are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.spend.lanes import DAY, HOUR, MINUTES, WEEK, Floats
from benchmarks.spend.world import BEGINS, to_time

LEAST_USD = 1.0
"""Nobody is told of less."""
CALM = 60
"""Minutes without excess after which an episode is over."""
BILL_LAG = 8 * HOUR
STEP = 5
TINY = 1e-9
Scope = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Signal:
    """How odd each minute is, and how many USD too many it has; (minutes, series), known ``delay`` minutes later."""

    oddness: Floats
    excess: Floats
    delay: int = 0


def spend_of(usage: pa.Table) -> tuple[list[Scope], Floats]:
    """Spend by minute, (minutes, series), of each tenant and feature."""
    cells = (
        pl.DataFrame(usage)
        .with_columns(at=((pl.col("minute") - BEGINS).dt.total_minutes()))
        .group_by("tenant", "feature", "at")
        .agg(pl.col("cost_usd").sum())
    )
    scopes = (
        cells.select("tenant", "feature").unique(maintain_order=False).sort("tenant", "feature", nulls_last=True).rows()
    )
    places = {scope: place for place, scope in enumerate(scopes)}
    spend = np.zeros((MINUTES, len(scopes)))
    spend[cells["at"].to_numpy(), [places[scope] for scope in cells.select("tenant", "feature").iter_rows()]] = cells[
        "cost_usd"
    ].to_numpy()
    return scopes, spend


def _sums(values: Floats, width: int) -> Floats:
    """Sums over the ``width`` minutes that end with each."""
    total = np.cumsum(values, axis=0)
    total[width:] -= total[:-width].copy()
    return total


def rolling_z(spend: Floats) -> Signal:
    """An hour against the last week's hours."""
    hour = _sums(spend, HOUR)
    known = np.minimum(np.arange(1, MINUTES + 1), WEEK)[:, None]
    mean = _sums(hour, WEEK) / known
    spread = np.sqrt(np.maximum(_sums(hour**2, WEEK) / known - mean**2, 0))
    odd = (hour - mean) / np.maximum(spread, TINY)
    odd[:DAY] = 0
    return Signal(odd, hour - mean)


def hour_of_week(spend: Floats) -> Signal:
    """An hour against the same ones, and those beside them, of the weeks before."""
    hour = _sums(spend, HOUR)
    odd, excess = np.zeros_like(hour), np.zeros_like(hour)
    for week in range(1, MINUTES // WEEK):
        for at in range(0, WEEK, STEP):
            minute = week * WEEK + at
            like = [
                min(max(minute - back * WEEK + near, 0), minute) for back in range(1, week + 1) for near in (-60, 0, 60)
            ]
            median = np.median(hour[like], axis=0)
            spread = np.maximum(1.4826 * np.median(np.abs(hour[like] - median), axis=0), 0.1 * median)
            span = slice(minute, minute + STEP)
            odd[span] = (hour[span] - median) / np.maximum(spread, TINY)
            excess[span] = hour[span] - median
    return Signal(odd, excess)


def burn_rate(spend: Floats) -> Signal:
    """How many times the last week's mean both an hour and five minutes burn."""
    known = np.minimum(np.arange(1, MINUTES + 1), WEEK)[:, None]
    mean = np.maximum(_sums(spend, WEEK) / known, TINY)
    hour, short = _sums(spend, HOUR), _sums(spend, 5)
    odd = np.minimum(hour / HOUR, short / 5) / mean
    odd[:DAY] = 0
    return Signal(odd, hour - mean * HOUR)


def daily(spend: Floats) -> Signal:
    """A whole day against the last fortnight's."""
    days = spend.reshape(-1, DAY, spend.shape[1]).sum(axis=1)
    odd, excess = np.zeros_like(spend), np.zeros_like(spend)
    for day in range(3, len(days)):
        before = days[max(day - 14, 0) : day]
        mean, spread = before.mean(axis=0), np.maximum(before.std(axis=0), 0.05 * before.mean(axis=0) + TINY)
        last = (day + 1) * DAY - 1
        odd[last], excess[last] = (days[day] - mean) / spread, days[day] - mean
    return Signal(odd, excess, delay=BILL_LAG)


RIVALS: dict[str, Callable[[Floats], Signal]] = {
    "rolling z of 1 h": rolling_z,
    "hour of week, MAD": hour_of_week,
    "burn rate 1 h, 5 min": burn_rate,
    "daily, as vendors": daily,
}


def notices(scopes: list[Scope], signal: Signal, threshold: float) -> Iterator[dict[str, Any]]:
    """One for each episode above the threshold."""
    hot = (signal.oddness > threshold) & (signal.excess > LEAST_USD)
    for place, (tenant, feature) in enumerate(scopes):
        until = -1
        for minute in np.flatnonzero(hot[:, place]).tolist():
            if minute > until and minute + signal.delay < MINUTES:
                yield {
                    "opened_at": to_time(minute + signal.delay),
                    "tenant": tenant,
                    "feature": feature,
                    "model": None,
                    "principal": None,
                    "contributors": [],
                }
            until = minute + CALM
