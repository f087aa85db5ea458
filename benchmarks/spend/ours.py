"""``alerts.signals`` on a world: what is odd becomes one notification for a tenant, or a model, until all is quiet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from alerts.signals.fold import CALLS, PRICE, SPEND, TOKENS, Fold, Minute, Odd
from alerts.signals.leaves import DIMENSIONS, Leaves
from benchmarks.spend.lanes import HOUR, MINUTES
from benchmarks.spend.world import BEGINS, to_time

QUIET = 3 * HOUR
"""Minutes without anything odd after which a notification may follow."""
LEAST_USD = 0.25
EARLY, LATE = 30, 2 * HOUR
"""Minutes before and after an announced event in which it still explains what is odd."""
BARS = {
    (CALLS, 15): 0.7,
    (CALLS, 60): 1.6,
    (CALLS, 360): 4.0,
    (SPEND, 15): 3.0,
    (SPEND, 60): 2.0,
    (SPEND, 360): 1.5,
    (TOKENS, 2): 8.0,
    (TOKENS, 7): 8.0,
    (TOKENS, 24): 8.0,
}
"""Scores from which something is told, found on seeds 1 and 2. What is fitted to a budget is a factor for all."""
PRICE_BAR = 0.1
COUNTS = ("calls", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everything odd of a world, in order of time; ``scopes``: of leaves and of models, by number."""

    odd: Sequence[Odd]
    leaves: Sequence[Mapping[str, str | None]]
    models: Sequence[Mapping[str, str | None]]
    calendar: Sequence[Mapping[str, Any]]


def look(usage: pa.Table, calendar: Sequence[Mapping[str, Any]]) -> Told:
    """Step through all minutes of the usage."""
    rows = pl.DataFrame(usage).with_columns(at=(pl.col("minute") - BEGINS).dt.total_minutes()).sort("at")
    leaves = Leaves()
    numbers = leaves.numbers(rows.select(DIMENSIONS).iter_rows())  # type: ignore[arg-type]  # four texts
    cuts = np.searchsorted(rows["at"].to_numpy(), np.arange(MINUTES + 1))
    columns = [rows[name].cast(pl.Float64).to_numpy() for name in COUNTS]
    fold, odd = Fold(leaves), []
    for minute in range(MINUTES):
        span = slice(cuts[minute], cuts[minute + 1])
        sums = [np.bincount(numbers[span], column[span], len(leaves.keys)) for column in columns]
        odd += fold.step(Minute(minute, *sums))
    scopes = [dict(zip(DIMENSIONS, key, strict=True)) for key in leaves.keys]
    models = [dict.fromkeys(DIMENSIONS) | {"model": model} for model in leaves.models]
    return Told(odd=odd, leaves=scopes, models=models, calendar=calendar)


def notices(told: Told, factor: float) -> Iterator[dict[str, Any]]:
    """One for each tenant, or model, that was quiet before."""
    until: dict[tuple[str, str | None], int] = {}
    for odd in told.odd:
        bar = PRICE_BAR if odd.signal == PRICE else factor * BARS[odd.signal, odd.window]
        for number in odd.series[(odd.score > bar) & (odd.excess_usd > LEAST_USD)].tolist():
            scope = (told.models if odd.signal == PRICE else told.leaves)[number]
            about = (odd.signal, scope["model"]) if odd.signal == PRICE else ("tenant", scope["tenant"])
            if odd.minute > until.get(about, -1):
                if odd.signal != PRICE and _is_announced(told.calendar, odd.minute, scope):
                    continue
                yield {**scope, "opened_at": to_time(odd.minute), "signal": odd.signal, "contributors": []}
            until[about] = odd.minute + QUIET


def _is_announced(calendar: Sequence[Mapping[str, Any]], minute: int, scope: Mapping[str, str | None]) -> bool:
    return any(
        event["first"] - EARLY <= minute <= event["last"] + LATE
        and all(scope[name] is None or event.get(name) in (None, scope[name]) for name in DIMENSIONS)
        for event in calendar
    )
