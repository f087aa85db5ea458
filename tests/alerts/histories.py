"""Usage by minute, made up: what a series is, and what happens to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from alerts.usage_file import COLUMNS

BEGINS = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
DAY, HOUR = 1440, 60
INPUT, OUTPUT = 1000, 100
USD_PER_CALL = 0.005


def usage_of(series: Mapping[tuple[str | None, ...], Sequence[float]], seed: int = 5) -> pa.Table:
    """Rows of ``COLUMNS``; ``series``: tenant, feature, model, principal -> calls a minute expected of each minute."""
    random = np.random.default_rng(seed)
    rows = []
    for (tenant, feature, model, principal), rate in series.items():
        for minute, calls in enumerate(random.poisson(rate).tolist()):
            if calls:
                time, tokens = BEGINS + timedelta(minutes=minute), (calls * INPUT, 0, calls * OUTPUT)
                rows.append((time, tenant, feature, model, principal, "alpha", calls, *tokens, calls * USD_PER_CALL))
    columns = [list(column) for column in zip(*rows, strict=True)]
    types = [pa.timestamp("us", "UTC"), *[pa.string()] * 5, *[pa.int64()] * 4, pa.float64()]
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], list(COLUMNS))


def rate(days: float, calls: float = 6.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """As many calls in every minute."""
    return np.full(round(days * DAY), calls)
