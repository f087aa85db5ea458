"""Seeded minutes of spend: Poisson calls with log-normal prices on a diurnal curve, and the usage rows they make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa

from alerts.minutes import to_time
from alerts.signals.arrays import Floats
from warehouse.schemas import USAGE

DAY = 1440
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
FIRST = int(START.timestamp()) // 60
MEAN_CALL_USD = 0.02


def diurnal(minutes: int, *, first: int = FIRST, swing: float = 0.7, phase_h: float = 9.0) -> Floats:
    """Busyness of each minute relative to the mean of a day."""
    hours = (first + np.arange(minutes)) / 60
    return 1 + swing * np.sin(2 * np.pi * (hours - phase_h) / 24)


def spend_of(rng: np.random.Generator, calls_per_minute: Floats, *, sigma: float = 0.8) -> Floats:
    """USD of each minute: a compound Poisson sum of log-normal calls with a mean of MEAN_CALL_USD."""
    calls = rng.poisson(calls_per_minute)
    prices = MEAN_CALL_USD * np.exp(rng.normal(-(sigma**2) / 2, sigma, calls.sum()))
    return np.bincount(np.repeat(np.arange(len(calls)), calls), prices, len(calls))


def grid_of(
    rng: np.random.Generator, minutes: int, *, series: int, calls_per_minute: float, first: int = FIRST
) -> Floats:
    """(minutes, series) USD of series with the same mean, each with its own time of day."""
    rates = [calls_per_minute * diurnal(minutes, first=first, phase_h=24 * i / series) for i in range(series)]
    return np.stack([spend_of(rng, rate) for rate in rates], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Spend of one combination in one minute."""

    minute: int
    usd: str | float | None
    tenant: str | None = "acme"
    feature: str | None = "chat"
    model: str | None = "gpt-4o"
    principal: str | None = "key-1"
    calls: int = 1


def usage_table(spent: Iterable[Spent]) -> pa.Table:
    """Rows of the ``usage`` table."""
    rows = [
        {
            "day": to_time(one.minute).date(),
            "minute": to_time(one.minute),
            "tenant": one.tenant,
            "feature": one.feature,
            "model": one.model,
            "principal": one.principal,
            "calls": one.calls,
            "input_tokens": one.calls * 1000,
            "output_tokens": one.calls * 100,
            "priced_calls": 0 if one.usd is None else one.calls,
            "cost_usd": None if one.usd is None else Decimal(str(one.usd)).quantize(Decimal("1e-12")),
        }
        for one in spent
    ]
    return pa.Table.from_pylist(rows, schema=USAGE)


def usage_of(first: int, spend: Floats, **names: str | None) -> pa.Table:
    """Rows of one series, of as many calls as they are worth; minutes without spend have none."""
    return usage_table(
        Spent(minute=first + int(row), usd=float(spend[row]), calls=max(round(spend[row] / MEAN_CALL_USD), 1), **names)
        for row in np.flatnonzero(spend)
    )
