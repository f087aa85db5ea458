"""Outcomes that spans tell: evaluations (events and attributes), task outcomes, human review.

Own attributes, documented in ``conventions/aliases.csv``: ``spanledger.task.outcome`` (success or failure),
``spanledger.task.safe`` (boolean) and ``spanledger.review.minutes``.
"""

from __future__ import annotations

import hashlib

import polars as pl
import pyarrow as pa

from processors.decode import Decoded
from processors.normalise.frame import to_polars
from processors.normalise.times import SKEW
from processors.normalise.words import closed
from warehouse.schemas import OUTCOMES

LABEL_CHARACTERS = 64
"""A label is a word; longer text is content and is not kept."""

_KEPT = (
    *("trace_id", "span_id", "task_id", "session_id", "tenant", "feature"),
    *("topic", "partition", "offset", "span_index", "received_at", "ended_at"),
)
_TIME = pl.Datetime("us", "UTC")


def find_outcomes(decoded: Decoded, frame: pl.DataFrame) -> pa.Table:
    """One row per outcome, in the schema of ``OUTCOMES``; ``frame`` is the normalised one, row by row the spans."""
    spans = frame.select("_row", "span_type", "task_outcome", "task_safe", "review_minutes", *_KEPT)
    told = pl.concat([_evaluations(decoded, spans), _tasks(spans), _safety(spans), _reviews(spans)], how="diagonal")
    found = told.filter(pl.col("name").is_not_null()).sort("_row", maintain_order=True)
    return _in_schema(found)


def _evaluations(decoded: Decoded, spans: pl.DataFrame) -> pl.DataFrame:
    given = to_polars(decoded.evaluations)
    late = pl.col("observed_us") > pl.col("received_at").dt.epoch("us") + int(SKEW.total_seconds() * 1_000_000)
    return (
        given.hstack(spans[given["row"]])
        .with_columns((pl.col("observed_ns") // 1000).cast(pl.Int64).alias("observed_us"))
        .select(
            "_row",
            *_KEPT,
            _short("evaluation_name").alias("name"),
            _short("evaluation_label").alias("label"),
            pl.col("evaluation_score").alias("score"),
            pl.coalesce(
                closed("evaluation_source"),
                pl.when(pl.col("span_type") == "annotation").then(pl.lit("human")),
                pl.lit("evaluator"),
            ).alias("source"),
            pl.when(~late).then(pl.col("observed_us").cast(_TIME)).alias("observed_at"),
        )
    )


def _tasks(spans: pl.DataFrame) -> pl.DataFrame:
    label = closed("task_outcome")
    return spans.select(
        "_row",
        *_KEPT,
        pl.when(label.is_not_null()).then(pl.lit("success")).alias("name"),
        label.alias("label"),
        (label == "success").cast(pl.Float64).alias("score"),
        pl.lit("explicit").alias("source"),
    )


def _safety(spans: pl.DataFrame) -> pl.DataFrame:
    safe = pl.col("task_safe")
    return spans.select(
        "_row",
        *_KEPT,
        pl.when(safe.is_not_null()).then(pl.lit("safe")).alias("name"),
        pl.when(safe).then(pl.lit("safe")).otherwise(pl.lit("unsafe")).alias("label"),
        safe.cast(pl.Float64).alias("score"),
        pl.lit("explicit").alias("source"),
    )


def _reviews(spans: pl.DataFrame) -> pl.DataFrame:
    minutes = pl.when(pl.col("review_minutes") >= 0).then(pl.col("review_minutes"))
    return spans.select(
        "_row",
        *_KEPT,
        pl.when(minutes.is_not_null()).then(pl.lit("review")).alias("name"),
        pl.lit("human").alias("source"),
        minutes.alias("review_minutes"),
    )


def _short(column: str) -> pl.Expr:
    return pl.when(pl.col(column).str.len_chars() <= LABEL_CHARACTERS).then(pl.col(column))


def _in_schema(found: pl.DataFrame) -> pa.Table:
    identity = found.select(
        "topic", "partition", "offset", "span_index", pl.int_range(pl.len()).over("_row").alias("ordinal")
    )
    named = found.with_columns(
        pl.Series("outcome_id", [_id(row) for row in identity.iter_rows()], dtype=pl.String),
        pl.coalesce("observed_at", "ended_at").alias("observed_at"),
        pl.col("topic").alias("source_topic"),
        pl.col("partition").alias("source_partition"),
        pl.col("offset").alias("source_offset"),
    ).with_columns(pl.col("observed_at").dt.date().alias("day"))
    return named.select(OUTCOMES.names).to_arrow().cast(OUTCOMES)


def _id(place: tuple[object, ...]) -> str:
    """The same record gives the same id whenever and by whomever it is read."""
    return hashlib.sha256("\0".join(map(str, place)).encode()).hexdigest()[:32]
