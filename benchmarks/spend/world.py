"""The simulated world as the usage table that a backtest reads, and its calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.spend.lanes import MINUTES, MODELS, Key, cost
from benchmarks.spend.plans import World

BEGINS = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)
COUNTS = ("calls", "input", "cached", "output")


def to_time(minute: int) -> datetime:
    """The minute's beginning."""
    return BEGINS + minute * MINUTE


def to_minute(time: datetime) -> int:
    """The minute of the world that the time lies in."""
    return int((time - BEGINS) // MINUTE)


def usage_of(world: World) -> pa.Table:
    """A row for each minute and key with anything in it; columns as ``spanledger alerts backtest`` takes them."""
    sums: dict[Key, dict[str, np.ndarray[Any, Any]]] = {}
    for cell in world.cells:
        mine = sums.setdefault(
            cell.key, {**{name: np.zeros(MINUTES, np.int64) for name in COUNTS}, "usd": np.zeros(MINUTES)}
        )
        span = slice(cell.calls.first, cell.calls.first + cell.calls.calls.size)
        for name in COUNTS:
            mine[name][span] += getattr(cell.calls, name)
        mine["usd"][span] += cost(cell.calls, cell.key.model) * world.price_times[cell.key.model][span]
    return pa.concat_tables([_rows(key, mine) for key, mine in sums.items()])


def _rows(key: Key, sums: dict[str, np.ndarray[Any, Any]]) -> pa.Table:
    minutes = np.flatnonzero((sums["calls"] > 0) | (sums["input"] > 0))
    first = np.datetime64(BEGINS.replace(tzinfo=None), "us")
    times = pa.array(first + minutes.astype("timedelta64[m]")).cast(pa.timestamp("us", tz="UTC"))
    said = {
        "tenant": key.tenant,
        "feature": key.feature,
        "provider": MODELS[key.model].provider,
        "model": key.model,
        "principal": key.principal,
    }
    texts = {
        name: pa.array([value], pa.string()).take(pa.array(np.zeros(minutes.size, np.int32)))
        for name, value in said.items()
    }
    return pa.table(
        {
            "minute": times,
            **texts,
            "calls": sums["calls"][minutes],
            "input_tokens": sums["input"][minutes],
            "cached_input_tokens": sums["cached"][minutes],
            "output_tokens": sums["output"][minutes],
            "cost_usd": sums["usd"][minutes],
        }
    )


def calendar_of(world: World) -> str:
    """What was announced, as TOML."""
    tables = []
    for event in world.calendar:
        scope = [f'{name} = "{event[name]}"' for name in ("tenant", "feature", "model", "principal") if event.get(name)]
        lines = [
            "[[event]]",
            f'kind = "{event["kind"]}"',
            f"starts_at = {to_time(event['first']).isoformat()}",
            f"ends_at = {to_time(event['last']).isoformat()}",
            *scope,
        ]
        tables.append("\n".join(lines))
    return "\n\n".join(tables) + "\n"
