"""Metrics of one partition's range to samples of tokens and of GPUs: the engine of the metrics topic.

``read_metrics(messages, table, rules) -> Processed``: rows in ``token_samples`` and ``gpu_samples`` alone. Metrics tell
the same tokens as spans do, without the calls that they belong to, so they are never added to usage and never priced:
they show which services count tokens and send no spans (question ``metered``). What GPUs did is divided among calls
when hours are settled (``docs/gpu.md``). Pure, as the engine of the spans is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl
import pyarrow as pa

from processors.conventions.gpu import label_columns
from processors.conventions.table import AliasTable
from processors.decode.metrics import decode_metrics
from processors.decode.points import Points
from processors.messages import Message, Processed, Tally, tally, total
from processors.normalise.calls import describe_calls
from processors.normalise.frame import to_polars
from processors.normalise.identity import identify
from processors.normalise.rules import Rules
from processors.normalise.secrets import count_hidden, public
from processors.normalise.times import microseconds, place_in_time
from warehouse.schemas import COMMIT_ORDER, TABLES, TOKEN_SAMPLES

PART_BYTES = 4 << 20
"""Of messages that are read at once: while they are rows of Python objects they take many times that."""
_OWN = ("token_samples", "gpu_samples", "flushes")
_NAMES = {
    "host": "host",
    "pod": "pod",
    "namespace": "namespace",
    "server_address": "model_server",
    "request_model": "model",
}
"""Labels that are names of spans too, by the span's column: what is hidden there is hidden here."""


def read_metrics(messages: Sequence[Message], table: AliasTable, rules: Rules) -> Processed:
    """Samples, dead letters and counts of one partition's range of metric messages."""
    parts, first = [], 0
    for part in _parts(messages):
        made = _read_part(part, table, rules)
        dead = tuple(replace(letter, index=letter.index + first) for letter in made.dead)
        parts.append(replace(made, dead=dead))
        first += len(part)
    return _join(parts)


def _parts(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """The messages in their order, ``PART_BYTES`` at a time; no row of one knows another's."""
    first = size = 0
    for at, message in enumerate(messages):
        size += len(message.value)
        if size >= PART_BYTES:
            yield messages[first : at + 1]
            first, size = at + 1, 0
    if first < len(messages) or not messages:
        yield messages[first:]


def _join(parts: Sequence[Processed]) -> Processed:
    """What the parts became, as one."""
    return Processed(
        tables={name: pa.concat_tables([part.tables[name] for part in parts]) for name in parts[0].tables},
        dead=tuple(letter for part in parts for letter in part.dead),
        dropped=_sum(part.dropped for part in parts),
        ignored=sum(part.ignored for part in parts),
        hidden=_sum(part.hidden for part in parts),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for counted in counts:
        sums.update(counted)
    return dict(sums)


def _read_part(messages: Sequence[Message], table: AliasTable, rules: Rules) -> Processed:
    found = decode_metrics(messages, table)
    dropped = tally(found.dead)
    dropped.update(found.dropped)
    tokens, hidden = _token_samples(found.tokens, rules)
    gpus, hidden_too = _gpu_samples(found.gpus, rules)
    return Processed(
        tables={
            "token_samples": tokens,
            "gpu_samples": gpus,
            **{name: TABLES[name].flushed.empty_table() for name in COMMIT_ORDER if name not in _OWN},
        },
        dead=found.dead,
        dropped=total(dropped),
        ignored=found.ignored,
        hidden=total(_add(hidden, hidden_too)),
    )


def _token_samples(points: Points, rules: Rules) -> tuple[pa.Table, Tally]:
    """The rows, and how many names were hidden."""
    if not points.told.num_rows:
        return TOKEN_SAMPLES.empty_table(), {}
    frame = describe_calls(points.decoded).pipe(place_in_time).pipe(identify, rules)
    samples = frame.hstack(to_polars(points.told)).with_columns(
        pl.coalesce("response_model", "request_model").alias("model")
    )
    return _placed(samples, TOKEN_SAMPLES), count_hidden(frame)


def _gpu_samples(points: Points, rules: Rules) -> tuple[pa.Table, Tally]:
    """Likewise; names of hardware that hold secrets are left out."""
    schema = TABLES["gpu_samples"].flushed
    if not points.told.num_rows:
        return schema.empty_table(), {}
    told = to_polars(points.told)
    labels = [name for name in label_columns() if name not in _NAMES.values()]
    frame = (
        describe_calls(points.decoded)
        .with_columns(told[f"_{name}"].alias(column) for column, name in _NAMES.items())
        .pipe(place_in_time)
        .pipe(identify, rules)
    )
    samples = frame.hstack(told).with_columns(
        pl.col("server_address").alias("model_server"),
        pl.col("request_model").alias("model"),
        *(public(pl.col(f"_{name}")).alias(name) for name in labels),
    )
    samples = samples.with_columns(pl.col("gpu_index").cast(pl.Int32, strict=False))
    return _placed(samples, schema), count_hidden(frame)


def _placed(samples: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The columns of a table, with the interval and the record of each row."""
    return (
        samples.with_columns(
            pl.when(microseconds("started_ns") <= microseconds("ended_ns"))
            .then(microseconds("started_ns"))
            .cast(pl.Datetime("us", "UTC"))
            .alias("counted_since"),
            pl.col("ended_at").alias("sampled_at"),
            pl.col("partition").alias("source_partition"),
            pl.col("offset").alias("source_offset"),
        )
        .select(schema.names)
        .to_arrow()
        .cast(schema)
    )


def _add(one: Tally, other: Tally) -> Tally:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}
