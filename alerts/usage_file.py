"""Usage by minute as a file has it, and as the detectors step through it.

A row is a minute (UTC) of a series with anything in it: ``calls``, tokens, USD. Rows may come unsorted and a series may
have several rows of a minute, which add up. Unknown tokens and costs (null) are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from alerts.errors import BadUsage
from alerts.minutes import MINUTE_S
from alerts.signals.fold import Minute
from alerts.signals.leaves import Leaf, Leaves

COUNTS = ("calls", "input_tokens", "cached_input_tokens", "output_tokens", "cost_usd")
COLUMNS = ("minute", *Leaf._fields, *COUNTS)
LONGEST = timedelta(days=400)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def read_usage(path: Path) -> pa.Table:
    """``COLUMNS`` of a Parquet file, others are left. Raises BadUsage, which says what to change."""
    try:
        known = pq.read_schema(path).names
        usage = pq.read_table(path, columns=[name for name in COLUMNS if name in known])
    except OSError as error:
        raise BadUsage(f"{path}: cannot be read: {error.strerror or error}") from error
    except pa.ArrowInvalid as error:
        raise BadUsage(f"{path}: is no Parquet file: {error}") from error
    usage = _as_floats(usage)
    wrong = _what_is_wrong(pl.DataFrame(usage))
    if wrong:
        raise BadUsage(f"{path}: {wrong}")
    return usage


def _as_floats(usage: pa.Table) -> pa.Table:
    """Numbers that polars cannot hold, and columns in which all is null, as floats."""
    for place, field in enumerate(usage.schema):
        if field.name in COUNTS and (pa.types.is_decimal256(field.type) or pa.types.is_null(field.type)):
            usage = usage.set_column(place, field.name, usage[field.name].cast(pa.float64()))
    return usage


def _what_is_wrong(rows: pl.DataFrame) -> str | None:
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        return f"lacks {', '.join(missing)}; a backtest reads {', '.join(COLUMNS)}"
    if not isinstance(rows.schema["minute"], pl.Datetime) or rows["minute"].null_count():
        return f"minute is {rows.schema['minute']}; it must be timestamps (UTC) without null"
    texts = [name for name in Leaf._fields if rows.schema[name] not in (pl.String, pl.Categorical, pl.Null)]
    if texts:
        return f"{texts[0]} is {rows.schema[texts[0]]}; it must be text"
    for name in COUNTS:
        if not rows.schema[name].is_numeric():
            return f"{name} is {rows.schema[name]}; it must be numbers"
        values = rows[name].cast(pl.Float64).drop_nulls()
        if wrong := int((~((values >= 0) & values.is_finite())).sum()):
            told = f"in {wrong} of {rows.height} rows; leave those out"
            return f"{name} has values that are below 0 or no finite numbers, {told}"
    return _too_long(rows)


def _too_long(rows: pl.DataFrame) -> str | None:
    seconds = rows["minute"].dt.epoch("s")
    beyond = int(((seconds < 0) | (seconds > LATEST.timestamp())).sum())
    if beyond:
        return f"has {beyond} minutes before 1970 or after {LATEST.year}; is their unit right?"
    first, last = rows.select(pl.col("minute").min().alias("first"), pl.col("minute").max().alias("last")).row(0)
    if first is not None and last - first > LONGEST:
        return f"has minutes from {first} to {last}; a backtest takes {LONGEST.days} days at most"
    return None


def minutes_of(usage: pa.Table, leaves: Leaves, first: int | None = None, end: int | None = None) -> Iterator[Minute]:
    """Every minute from the first to the last, or those in [first, end), also those in which nothing was used.

    ``usage``: ``COLUMNS``.
    """
    counts = [pl.col(name).cast(pl.Float64) for name in COUNTS]
    rows = (
        pl.DataFrame(usage)
        .lazy()
        .select(pl.col("minute").dt.epoch("s") // MINUTE_S, *Leaf._fields, *counts)
        .group_by("minute", *Leaf._fields)
        .agg(pl.col(*COUNTS).sum())
        .sort("minute", *Leaf._fields)
        .collect()
    )
    minutes = rows["minute"].to_numpy()
    if first is None or end is None:
        if not rows.height:
            return
        first, end = int(minutes[0]), int(minutes[-1]) + 1
    known = rows.select(Leaf._fields).unique(maintain_order=True)
    known = known.with_columns(number=pl.Series(leaves.numbers(map(Leaf._make, known.iter_rows())), dtype=pl.Int64))
    numbers = rows.join(known, on=Leaf._fields, how="left", nulls_equal=True, maintain_order="left")[
        "number"
    ].to_numpy()
    columns = [rows[name].to_numpy() for name in COUNTS]
    cuts = np.searchsorted(minutes, np.arange(first, end + 1))
    for place, minute in enumerate(range(first, end)):
        part = slice(cuts[place], cuts[place + 1])
        sums = [np.bincount(numbers[part], column[part], len(leaves.keys)).astype(np.float64) for column in columns]
        yield Minute(minute, *sums)
