"""How fast it felt: time to first token and time per output token, of streams only, in milliseconds."""

from __future__ import annotations

import polars as pl

from processors.normalise.times import LONGEST_MS


def measure_speed(frame: pl.DataFrame) -> pl.DataFrame:
    """``ttft_ms`` anew, and ``tpot_ms``; no first token is before the start, after the end or past ``LONGEST``."""
    first_chunk_ms = (pl.col("first_chunk_at") - pl.col("started_ns")).cast(pl.Int64, strict=False) / 1e6
    after_start = pl.col("first_chunk_at") >= pl.col("started_ns")
    candidates = (pl.col("ttft"), pl.when(after_start).then(first_chunk_ms), pl.col("server_ttft"))
    streams = pl.col("stream").fill_null(value=False) & pl.col("_model_call")
    after_first = pl.col("output_tokens") - 1
    return frame.with_columns(
        pl.when(streams).then(pl.coalesce(*[_plausible(value) for value in candidates])).alias("ttft_ms")
    ).with_columns(
        pl.when(after_first > 0).then((pl.col("duration_ms") - pl.col("ttft_ms")) / after_first).alias("tpot_ms")
    )


def _plausible(value: pl.Expr) -> pl.Expr:
    within = (value <= pl.col("duration_ms")).fill_null(value=True)
    return pl.when(value.is_between(0, LONGEST_MS) & within).then(value)
