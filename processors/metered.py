"""Metrics of one partition's range to token samples: the engine of the metrics topic.

``read_metrics(messages, table, rules) -> Processed``: rows in ``token_samples`` alone. Metrics tell the same tokens
as spans do, without the calls that they belong to, so they are never added to usage and never priced: they show which
services count tokens and send no spans (question ``metered``). Pure, as the engine of the spans is.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from processors.conventions.table import AliasTable
from processors.decode.token_metrics import DecodedMetrics, decode_metrics
from processors.messages import Message, Processed, Tally, tally, total
from processors.normalise.calls import describe_calls
from processors.normalise.frame import to_polars
from processors.normalise.identity import identify
from processors.normalise.rules import Rules
from processors.normalise.secrets import count_hidden
from processors.normalise.times import microseconds, place_in_time
from warehouse.schemas import COMMIT_ORDER, TABLES, TOKEN_SAMPLES

_OWN = ("token_samples", "flushes")


def read_metrics(messages: Sequence[Message], table: AliasTable, rules: Rules) -> Processed:
    """Token samples, dead letters and counts of one partition's range of metric messages."""
    found = decode_metrics(messages, table)
    dropped = tally(found.decoded.dead)
    dropped.update(found.decoded.dropped)
    empty = {name: TABLES[name].flushed.empty_table() for name in COMMIT_ORDER if name not in _OWN}
    samples, hidden = _samples(found, rules)
    return Processed(
        tables={"token_samples": samples, **empty},
        dead=found.decoded.dead,
        dropped=total(dropped),
        ignored=found.ignored,
        hidden=total(hidden),
    )


def _samples(found: DecodedMetrics, rules: Rules) -> tuple[pa.Table, Tally]:
    """The rows, and how many names were hidden."""
    if not found.decoded.spans.num_rows:
        return TOKEN_SAMPLES.empty_table(), {}
    frame = describe_calls(found.decoded).pipe(place_in_time).pipe(identify, rules)
    samples = frame.hstack(to_polars(found.points)).with_columns(
        pl.coalesce("response_model", "request_model").alias("model"),
        pl.when(microseconds("started_ns") <= microseconds("ended_ns"))
        .then(microseconds("started_ns"))
        .cast(pl.Datetime("us", "UTC"))
        .alias("counted_since"),
        pl.col("ended_at").alias("sampled_at"),
        pl.col("partition").alias("source_partition"),
        pl.col("offset").alias("source_offset"),
    )
    return samples.select(TOKEN_SAMPLES.names).to_arrow().cast(TOKEN_SAMPLES), count_hidden(frame)
