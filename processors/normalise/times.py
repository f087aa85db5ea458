"""When a span was, and how long it took; no clock of ours is asked but the record's time.

A span that ends more than ``SKEW`` after its record, or has no end, takes the record's time, is flagged ``clock_skew``
and keeps the original beside. Its duration, where both ends are known, is the producer's own and stands; but one that
is negative or beyond ``LONGEST`` is unknown: the start is not believed, the span starts where it ended, and it is
flagged ``clock_skew`` too.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from processors.normalise.frame import told_in

SKEW = timedelta(minutes=10)
LONGEST = timedelta(days=7)
"""No call takes longer: beyond it a clock is wrong."""

_TIME = pl.Datetime("us", "UTC")
_SKEW_US = int(SKEW.total_seconds() * 1_000_000)
LONGEST_MS = LONGEST.total_seconds() * 1000
_DAY_US = 86_400_000_000
_LONGEST_NS = int(LONGEST_MS) * 1_000_000


def place_in_time(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds ``started_at ended_at original_ended_at received_at day clock_skew duration_ms``; needs ``_role``."""
    placed = _place_sound(frame)
    return place_all(frame) if placed is None else frame.with_columns(placed)


def _place_sound(frame: pl.DataFrame) -> list[pl.Series | pl.Expr] | None:
    """As ``place_all``, where all clocks are believed, as nearly always; None where one may not be."""
    started, ended = (frame[name].to_numpy() for name in ("started_ns", "ended_ns"))
    received = frame["received_at_us"].to_numpy()
    took, ended_us = ended - started, (ended // 1000).astype(np.int64)
    sound = (started > 0) & (ended >= started) & (took < _LONGEST_NS - 1000) & (ended_us <= received + _SKEW_US)
    if not sound.all() or told_in(frame, ("reported_duration",)):
        return None
    return [
        _times("started_at", (started // 1000).astype(np.int64)),
        _times("ended_at", ended_us),
        _times("received_at", received),
        pl.lit(None, _TIME).alias("original_ended_at"),
        pl.Series("day", (ended_us // _DAY_US).astype(np.int32)).cast(pl.Date),
        pl.lit(value=False).alias("clock_skew"),
        (pl.Series("duration_ms", took.astype(np.int64)) / 1e6).alias("duration_ms"),
    ]


def _times(name: str, us: NDArray[np.int64]) -> pl.Series:
    return pl.Series(name, us).cast(_TIME)


def place_all(frame: pl.DataFrame) -> pl.DataFrame:
    """As ``place_in_time``, with doubts about every clock."""
    received, ended = pl.col("received_at_us"), pl.col("ended_us")
    skewed = pl.col("_skewed")
    told = (pl.col("_role") == "usage_record") & pl.col("reported_duration").is_between(0, LONGEST_MS)
    reported = pl.when(told).then(pl.col("reported_duration"))
    disordered = (pl.col("started_ns") > 0) & (pl.col("ended_ns") > 0) & pl.col("elapsed_ns").is_null()
    start = pl.when(skewed & pl.col("elapsed_us").is_not_null()).then(pl.col("ended_at_us") - pl.col("elapsed_us"))
    in_order = pl.when(~pl.col("_disordered") & _follows("started_us", "ended_at_us")).then(pl.col("started_us"))
    return (
        frame.with_columns(microseconds("started_ns").alias("started_us"), microseconds("ended_ns").alias("ended_us"))
        .with_columns(
            (ended.is_null() | (ended > received + _SKEW_US)).alias("_skewed"),
            _elapsed("ns").alias("elapsed_ns"),
            (_elapsed("ns") // 1000).alias("elapsed_us"),
        )
        .with_columns(
            pl.when(skewed).then(received).otherwise(ended).alias("ended_at_us"),
            disordered.alias("_disordered"),
            (skewed | disordered).alias("clock_skew"),
        )
        .with_columns(
            pl.coalesce(start, in_order, "ended_at_us").cast(_TIME).alias("started_at"),
            pl.col("ended_at_us").cast(_TIME).alias("ended_at"),
            pl.when(skewed).then(ended).cast(_TIME).alias("original_ended_at"),
            received.cast(_TIME).alias("received_at"),
            pl.coalesce(reported, pl.col("elapsed_ns") / 1e6).alias("duration_ms"),
        )
        .with_columns(pl.col("ended_at").dt.date().alias("day"))
    )


def microseconds(column: str) -> pl.Expr:
    """Of a column of nanoseconds since the epoch; NULL where it is 0: not told."""
    return pl.when(pl.col(column) > 0).then((pl.col(column) // 1000).cast(pl.Int64))


def _elapsed(unit: str) -> pl.Expr:
    """From start to end; NULL where one is missing, they stand the wrong way round, or it is beyond ``LONGEST``."""
    started, ended = pl.col(f"started_{unit}"), pl.col(f"ended_{unit}")
    took = pl.when((started > 0) & (ended >= started)).then((ended - started).cast(pl.Int64, strict=False))
    return pl.when(took <= _LONGEST_NS).then(took)


def _follows(start: str, end: str) -> pl.Expr:
    return (pl.col(end) - pl.col(start)).is_between(0, _LONGEST_NS // 1000)
