"""The usage table: what the billable calls of one range add up to, per minute and dimension.

A row is a partial sum. Rows of other ranges carry the same dimensions; readers group and add, and every measure may be
added: counts, tokens, exact costs, histogram buckets. NULL tokens and costs add nothing, and a sum of nothing known is
NULL; ``priced_calls`` beside ``calls`` says how much is known. Rows stand in the order in which their dimensions first
occur in the range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from processors.histograms import histograms
from warehouse.once import LEDGER
from warehouse.schemas import COST_KINDS, TOKEN_KINDS, USAGE, USAGE_DIMENSIONS

KNOWN_COSTS = ("priced", "free")
_HISTOGRAMS = {"latency_hist": "duration_ms", "ttft_hist": "ttft_ms", "tpot_hist": "tpot_ms"}
_MONEY = (*COST_KINDS, "cost_usd")
_STORED = (
    *(name for name in USAGE_DIMENSIONS if name != "model"),
    *("billable", "ended_at", "request_model", "response_model", "attempt", "price_status"),
    *_HISTOGRAMS.values(),
    *TOKEN_KINDS,
    *_MONEY,
)


def roll_up_usage(spans: pa.Table) -> pa.Table:
    """Rows of ``USAGE`` from priced spans of one range; of several, where ``LEDGER`` tells which: it stays beside."""
    ledger = [LEDGER] if LEDGER in spans.column_names else []
    calls = _calls(spans.select([*_STORED, *ledger]))
    keys = [*ledger, "minute", *USAGE_DIMENSIONS]
    measures = {name: _known_sum(name) for name in (*TOKEN_KINDS, *_MONEY)}
    known_tokens = _when(_known(), pl.sum_horizontal("input_tokens", "output_tokens")).alias("priced_tokens")
    groups = group(calls, keys, measures, *_counts(), known_tokens, pl.col("call"))
    of_group = np.repeat(np.arange(groups.height), groups["calls"].to_numpy())
    order = groups["call"].explode().to_numpy() if groups.height else np.zeros(0, np.int64)
    table = groups.drop("call").with_columns(pl.col("minute").dt.date().alias("day")).to_arrow()
    for name, source in _HISTOGRAMS.items():
        values = calls[source].to_numpy()[order].astype(np.float64)
        table = table.append_column(name, histograms(values, of_group, groups.height))
    return in_schema(table, USAGE)


def group(rows: pl.DataFrame, keys: Sequence[str], measures: Mapping[str, pl.Expr], *others: pl.Expr) -> pl.DataFrame:
    """One row for all that agree in ``keys``, in the order in which they occur: keys, measures, others.

    A column that no row fills is left out of the work and is NULL; ``measures`` are NULL where their columns are.
    """
    unsaid = [name for name in (*keys, *measures) if rows[name].null_count() == len(rows) > 0]
    said = [key for key in keys if key not in unsaid]
    sums = [measure.alias(name) for name, measure in measures.items() if name not in unsaid]
    groups = rows.group_by(said, maintain_order=True).agg(*sums, *others)
    return groups.with_columns(pl.lit(None, rows.schema[name]).alias(name) for name in unsaid)


def in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a schema, and ``LEDGER`` where the table has it."""
    rows = table.select(schema.names).cast(schema)
    return rows.append_column(LEDGER, table[LEDGER]) if LEDGER in table.column_names else rows


def _calls(spans: pa.Table) -> pl.DataFrame:
    calls = pl.DataFrame(spans)
    calls = calls if calls["billable"].all() else calls.filter(pl.col("billable"))
    return calls.with_columns(
        pl.col("ended_at").dt.truncate("1m").alias("minute"),
        pl.coalesce(pl.col("response_model", "request_model").cast(pl.String)).alias("model"),
        *(pl.col(source).fill_null(np.nan) for source in _HISTOGRAMS.values()),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("call"),
    )


def _counts() -> list[pl.Expr]:
    return [
        pl.len().cast(pl.Int64).alias("calls"),
        _when(_known(), pl.lit(1)).alias("priced_calls"),
        _when(pl.col("stream"), pl.lit(1)).alias("stream_calls"),
        _when(pl.col("ttft_ms").is_not_nan(), pl.lit(1)).alias("ttft_calls"),
        _when(pl.col("attempt") > 1, pl.lit(1)).alias("retries"),
    ]


def _known_sum(name: str) -> pl.Expr:
    return pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum())


def _known() -> pl.Expr:
    return pl.col("price_status").is_in(KNOWN_COSTS)


def _when(condition: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(value.cast(pl.Int64)).otherwise(0).sum()
