"""How fast it felt: time to first token and time per output token, of streams only, in milliseconds.

A model server (vLLM) measures its first token, but does not say whether it streamed it to anyone: its client does. So
what it measured waits for the once rules, which may find the client, and is forgotten where no stream was told.
"""

from __future__ import annotations

from functools import cache

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from processors.normalise.frame import told_in
from processors.normalise.times import LONGEST_MS

_FIRST_TOKENS = ("ttft", "other_ttft", "first_chunk_at", "server_ttft")


def measure_speed(frame: pl.DataFrame) -> pl.DataFrame:
    """``ttft_ms`` anew, and ``tpot_ms``; no first token is before the start, after the end or past ``LONGEST``.

    ``late_chunk_at`` says when a stream's first chunk came, where that was after the end of its span: it ended as it
    handed the stream over (LlamaIndex).
    """
    told = frozenset(told_in(frame, _FIRST_TOKENS))
    return frame.with_columns(_ttft(told), _late_first_chunk("first_chunk_at" in told)).with_columns(_tpot())


@cache
def _ttft(told: frozenset[str]) -> pl.Expr:
    """``told``: the columns of ``_FIRST_TOKENS`` in which any row has a value."""
    if not told:
        return pl.lit(None, pl.Float64).alias("ttft_ms")
    first_chunk_ms = (pl.col("first_chunk_at") - pl.col("started_ns")).cast(pl.Int64, strict=False) / 1e6
    after_start = pl.col("first_chunk_at") >= pl.col("started_ns")
    candidates = {
        "ttft": pl.col("ttft"),
        "other_ttft": pl.col("other_ttft"),
        "first_chunk_at": pl.when(after_start).then(first_chunk_ms),
        "server_ttft": pl.col("server_ttft"),
    }
    streams = pl.col("stream").fill_null(value=True) & pl.col("_model_call")  # unknown: see forget_unstreamed
    return (
        pl.when(streams)
        .then(pl.coalesce(*[_plausible(value) for name, value in candidates.items() if name in told]))
        .alias("ttft_ms")
    )


@cache
def _late_first_chunk(is_told: bool) -> pl.Expr:
    """NULL where none is told, or none after the end."""
    late_ns = (pl.col("first_chunk_at") - pl.col("ended_ns")).cast(pl.Int64, strict=False)
    is_late = pl.col("_model_call") & (pl.col("first_chunk_at") > pl.col("ended_ns")) & (late_ns <= LONGEST_MS * 1e6)
    late = pl.when(is_late).then(pl.col("first_chunk_at") // 1000) if is_told else pl.lit(None)
    return late.cast(pl.Int64, strict=False).cast(pl.Datetime("us", "UTC")).alias("late_chunk_at")


@cache
def _tpot() -> pl.Expr:
    after_first = pl.col("output_tokens") - 1
    return pl.when(after_first > 0).then((pl.col("duration_ms") - pl.col("ttft_ms")) / after_first).alias("tpot_ms")


def forget_unstreamed(spans: pa.Table) -> pa.Table:
    """Spans after the once rules without ``ttft_ms`` and ``tpot_ms`` where ``stream`` is not true."""
    unstreamed = pc.invert(pc.fill_null(spans["stream"], fill_value=False))
    for name in ("ttft_ms", "tpot_ms"):
        if pc.any(pc.and_(unstreamed, pc.is_valid(spans[name]))).as_py():
            index = spans.schema.get_field_index(name)
            kept = pc.if_else(unstreamed, pa.scalar(None, spans[name].type), spans[name])
            spans = spans.set_column(index, spans.field(index), kept)
    return spans


def _plausible(value: pl.Expr) -> pl.Expr:
    within = (value <= pl.col("duration_ms")).fill_null(value=True)
    return pl.when(value.is_between(0, LONGEST_MS) & within).then(value)
