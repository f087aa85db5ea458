"""Token counts that are told in pieces are put together before anybody asks what a count includes.

* What was written to a cache may be told by how long it is kept, and the sum then as 0 or not at all: LangChain does so
  lest it be counted twice.
* Langfuse's handler takes what stands beside a sum out of it and writes what is left over (``includes = rest``). By
  modality (Vertex) or by service tier (OpenAI) that is all of it: ``taken_input_tokens taken_output_tokens``. A total
  that is the sum of both sides as they are written says that nothing was taken out.
* What tools gave is no part of Gemini's prompt, but of its bill; where the total is no more than both sides, who wrote
  the input has added it already.

``taken_out_twice`` repairs what was taken out though it was out already: Vertex counts candidates without thoughts, and
LangChain told a cache write both as a whole and by how long it is kept. Such a rest is too small, or 0 where it would
be below; the total, which nobody touched, says by how much. Where that could be either side, it is only flagged.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from processors.normalise.parts import name_rules
from processors.normalise.semantics import EXCLUSIVE, OF_TOOLS, RULED, cached, taken

SIDES = ("input", "output")
_OWN = ("cache_write_5m_tokens", "taken_input_tokens", "taken_output_tokens", "tool_use_input_tokens")
PIECES = (*_OWN, "uncached_input_tokens", "whole_input_tokens", "text_cached_input_tokens", "total_tokens")
"""Counts that become parts of others, and are no columns of the lake."""
_APART = ("audio", "image", "video")


def gather_pieces(frame: pl.DataFrame) -> pl.DataFrame:
    """``cache_write_tokens taken_<side>_tokens audio_<side>_includes`` anew, and ``_as_written``."""
    apart = pl.col(RULED["input"]).ne_missing(OF_TOOLS) & ~_has_tools()
    tools = pl.when(apart).then(pl.col("tool_use_input_tokens")).fill_null(0)
    if not _any_told(frame, (*_OWN, "cache_write_1h_tokens")):
        return frame.with_columns(pl.lit(value=False).alias("_as_written"))
    return (
        frame.with_columns(_written().alias("cache_write_tokens"), _nothing_taken().alias("_as_written"))
        .with_columns(*[_taken(side).alias(f"taken_{side}_tokens") for side in SIDES])
        .with_columns(*[one for side in SIDES for one in _fold_audio(side)])
        .with_columns(pl.when(~pl.col("_as_written")).then(taken("input") + tools).alias("taken_input_tokens"))
    )


def _any_told(frame: pl.DataFrame, names: Iterable[str]) -> bool:
    """Whether any span tells one of these counts; most ranges have none."""
    return any(frame[name].null_count() < len(frame) for name in names)


def _written() -> pl.Expr:
    whole, kept = pl.col("cache_write_tokens"), pl.col("cache_write_5m_tokens", "cache_write_1h_tokens")
    untold = (whole == 0) | (whole.is_null() & pl.all_horizontal(kept.is_not_null()))
    return pl.when(untold).then(pl.sum_horizontal(kept)).otherwise(whole)


def _has_tools() -> pl.Expr:
    """Whether the total says that the input has what tools gave."""
    sides, thoughts = pl.col("input_tokens") + pl.col("output_tokens"), pl.col("reasoning_tokens").fill_null(0)
    told_apart = thoughts != pl.col("tool_use_input_tokens")
    total = pl.col("total_tokens")
    return ((total == sides) | ((total == sides + thoughts) & told_apart)).fill_null(value=False)


def _nothing_taken() -> pl.Expr:
    as_written = pl.col("total_tokens") == pl.col("input_tokens") + pl.col("output_tokens")
    return (as_written & (taken("input") + taken("output") > 0)).fill_null(value=False)


def _taken(side: str) -> pl.Expr:
    """What was taken out of a sum that is told; or, where none is, what it cannot be smaller than."""
    named, is_rest = pl.col(f"taken_{side}_tokens"), pl.col(f"{side}_is_rest") | pl.col(f"{side}_tokens").is_null()
    return pl.when(is_rest & ~pl.col("_as_written") & (named > 0)).then(named)


def _fold_audio(side: str) -> tuple[pl.Expr, pl.Expr]:
    """Where anything was taken out by name, audio told beside it was taken out as well."""
    includes, named = pl.col(f"audio_{side}_includes"), pl.col(f"taken_{side}_tokens")
    beside = (named > 0) & (includes == EXCLUSIVE)
    audio = pl.col(f"audio_{side}_tokens").fill_null(0)
    return (
        pl.when(beside).then(named + audio).otherwise(named).alias(f"taken_{side}_tokens"),
        pl.when(beside.fill_null(value=False))
        .then(pl.lit("inclusive"))
        .otherwise(includes)
        .alias(includes.meta.output_name()),
    )


def join_modalities(frame: pl.DataFrame) -> pl.DataFrame:
    """Audio, images and video of an input whose modalities were told without what a cache gave: with it."""
    if not _any_told(frame, ("taken_input_tokens",)):
        return frame
    apart = (pl.col("input_includes") == EXCLUSIVE) & (pl.col("taken_input_tokens") > 0)
    return frame.with_columns(
        (pl.col(name) + pl.when(apart).then(pl.col(part)).fill_null(0)).alias(name)
        for name, part in ((f"{what}_input_tokens", f"{what}_cached_input_tokens") for what in _APART)
    )


def restore(frame: pl.DataFrame) -> pl.DataFrame:
    """``input_tokens output_tokens`` after ``taken_out_twice``; ``<side>_restored``: how much that added."""
    if not any(frame[f"{side}_is_rest"].any() for side in SIDES):
        return frame.with_columns(pl.lit(None, pl.Int64).alias(f"{side}_restored") for side in SIDES)
    short = (pl.col("total_tokens") - pl.col("input_tokens") - pl.col("output_tokens")).clip(lower_bound=0)
    may_be = {side: _may_lack(side, short).fill_null(value=False) for side in SIDES}
    one = may_be["input"] ^ may_be["output"]
    lacks = {side: may_be[side] & one & ~pl.col("_refused") for side in SIDES}
    return frame.with_columns(
        name_rules({"taken_out_twice": lacks["input"] | lacks["output"]}).alias("_repair"),
        *[pl.when(lacks[side]).then(short).alias(f"{side}_restored") for side in SIDES],
        *[
            (pl.col(f"{side}_tokens") + pl.when(lacks[side]).then(short).otherwise(0)).alias(f"{side}_tokens")
            for side in SIDES
        ],
    )


def _may_lack(side: str, short: pl.Expr) -> pl.Expr:
    """Just the part that others take out twice; or, of a rest cut off at 0, no more than its parts."""
    kept = pl.col("cache_write_5m_tokens", "cache_write_1h_tokens").is_not_null()
    reasoning = pl.col("reasoning_tokens").fill_null(0)
    twice = pl.col("cache_write_tokens") if side == "input" else reasoning
    parts = taken(side) + (cached() if side == "input" else reasoning)
    known_way = pl.any_horizontal(kept) if side == "input" else pl.lit(value=True)
    cut_off = (pl.col(f"_{side}_tokens_reported") == 0) & (short <= parts)
    return pl.col(f"{side}_is_rest") & (short > 0) & (known_way & (short == twice) | cut_off)
