"""Sides that are not what they should be, by their parts and by the producer's own total; ``usage`` names the rules.

Each step takes the frame with both sides understood, and mends them under the name of a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from processors.normalise.parts import FIVE_MINUTES, UNANSWERED, apply_rules, exceeds
from processors.normalise.semantics import (
    BARE,
    BY_API,
    BY_TOTAL,
    EITHER,
    EXCLUSIVE,
    OF_READ,
    OR_GUESSED,
    RULED,
    TWICE,
    UNKNOWN,
    cached,
)

_GEMINI = "gemini"
"""Part of the names of all models whose total has what tools gave, and whose thoughts may stand in it alone."""
_GROK = "grok-"
"""Likewise of those whose thoughts may stand in it alone."""

_KINDS = ("audio", "image", "video")
_INPUT, _OUTPUT, _TOTAL = (pl.col(f"{name}_tokens") for name in ("input", "output", "total"))
_WRITTEN = pl.col("cache_write_tokens").fill_null(0)
_REASONING = pl.col("reasoning_tokens").fill_null(0)
_BEYOND = _TOTAL - _INPUT - _OUTPUT


def take_thoughts(frame: pl.DataFrame) -> pl.DataFrame:
    """``thoughts_of_total``, of an output that is known to leave them out; ``<side>_beyond``: what a side takes."""
    nothing = [pl.lit(None, pl.Int64).alias(f"{side}_beyond") for side in ("input", "output")]
    if not _any(frame, _BEYOND > 0):
        return frame.with_columns(nothing)
    apart = (pl.col("output_includes") == EXCLUSIVE) & (pl.col("input_includes") != EXCLUSIVE)
    untold = apart & pl.col("reasoning_tokens").is_null() & (_BEYOND > 0)
    return _take("output", "thoughts_of_total", untold)(frame.with_columns(nothing))


def take_twice(frame: pl.DataFrame) -> pl.DataFrame:
    """``reasoning_counted_twice``, of an output that is known to be written so; a total may say that it is not."""
    written = (pl.col(RULED["output"]) == TWICE) & (_REASONING > 0) & (_OUTPUT >= 2 * _REASONING)
    twice = written & (_TOTAL.is_null() | (_BEYOND == -_REASONING))
    once = (_OUTPUT - pl.when("reasoning_counted_twice").then(_REASONING).otherwise(0)).alias("output_tokens")
    return apply_rules(frame, {"reasoning_counted_twice": twice}, lambda found: found.with_columns(once))


def add_outside(frame: pl.DataFrame) -> pl.DataFrame:
    """``write_outside_input``, ``cache_outside_input``, ``reasoning_outside_output``."""
    beyond = exceeds(("cached_input_tokens", "cache_write_tokens"), "input_tokens")
    read_fits = ~exceeds(("cached_input_tokens",), "input_tokens")
    total_says = (pl.col("input_includes") != EXCLUSIVE) & (_BEYOND == _WRITTEN) & (_WRITTEN != _REASONING)
    known = (pl.col(RULED["input"]) == OF_READ) & beyond & read_fits
    written = ((total_says | known) & (_WRITTEN > 0)).fill_null(value=False)
    inputs = {"write_outside_input": _WRITTEN, "cache_outside_input": cached()}
    rules = {
        "write_outside_input": written,
        "cache_outside_input": beyond & ~written,
        "reasoning_outside_output": exceeds(("reasoning_tokens",), "output_tokens"),
    }
    output = {"reasoning_outside_output": _REASONING}
    return apply_rules(frame, rules, lambda found: _add("output_tokens", output)(_add("input_tokens", inputs)(found)))


def take_rest(frame: pl.DataFrame) -> pl.DataFrame:
    """``rest_of_total``."""
    input_rest, output_rest = _rest("input_tokens", "output_tokens"), _rest("output_tokens", "input_tokens")
    fits_input = input_rest >= cached()
    fits_output = output_rest >= _REASONING
    rests = {
        "input_tokens": pl.when(fits_input).then(input_rest),
        "output_tokens": pl.when(fits_output).then(output_rest),
    }
    derived = pl.any_horizontal(*[rest.is_not_null() for rest in rests.values()])
    told = [pl.coalesce(side, rest).alias(side) for side, rest in rests.items()]
    return apply_rules(frame, {"rest_of_total": derived}, lambda found: found.with_columns(told))


def _rest(missing: str, known: str) -> pl.Expr:
    """What the total leaves for a side that is not told; nothing where the other may be read in two ways."""
    whole, reported = pl.col(known), pl.col(f"_{known}_reported")
    rest = _TOTAL - whole
    is_sure = pl.col(missing).is_null() & (reported.is_null() | (reported == whole))
    has_both = ~pl.col("operation").is_in(UNANSWERED).fill_null(value=False)
    return pl.when(is_sure & (rest > 0) & has_both).then(rest)


def share_rest(frame: pl.DataFrame) -> pl.DataFrame:
    """``tools_outside_input``, or else ``thoughts_of_total``: what a total of Gemini or Grok has beyond both sides."""
    if not _any(frame, _BEYOND > 0):
        return frame
    beyond = (_BEYOND > 0) & (cached() != _BEYOND)
    rest = _is_called(_GEMINI) & beyond
    none_apart = (pl.col(RULED["output"]) == "inclusive") & pl.col("provider").str.starts_with("gcp.")
    thoughts_told = pl.col("reasoning_tokens").is_not_null() | none_apart
    tools = (rest & thoughts_told).fill_null(value=False)
    untold = _is_called(_GROK) & beyond & pl.col("reasoning_tokens").is_null()
    thoughts = (rest.fill_null(value=False) & ~tools) | untold.fill_null(value=False)
    return frame.pipe(_take("input", "tools_outside_input", tools)).pipe(_take("output", "thoughts_of_total", thoughts))


def _is_called(part: str) -> pl.Expr:
    """Whether a count that nobody took apart is of a model with such a name."""
    models = pl.concat_str("request_model", "response_model", separator=" ", ignore_nulls=True).str.to_lowercase()
    return models.str.contains(part, literal=True) & ~pl.any_horizontal("input_is_rest", "output_is_rest")


def flag_doubts(frame: pl.DataFrame) -> pl.DataFrame:
    """The rules of ``usage`` that flag what is billed as it stands."""
    kept = pl.col("cache_write_1h_tokens").fill_null(0) + pl.col(FIVE_MINUTES)
    lifetimes = (kept > pl.col("cache_write_tokens")) & ~pl.col("_refused")
    summed = _TOTAL.is_null() | (_BEYOND == 0)
    unsure = (pl.col(RULED["input"]) == OF_READ) & pl.col("stream") & summed & (_WRITTEN > 0)
    mended = pl.col("_repair").fill_null("").str.contains("outside_input", literal=True)
    cut = pl.col("usage_is_cut") & pl.col("_model_call") & pl.col("cached_input_tokens").is_null()
    uncounted = pl.col("cached_input_tokens").is_null() & _INPUT.is_not_null() & pl.col("_model_call")
    rules = {
        "cached_kind_untold": _overlaps(),
        "usage_cut": cut,
        "lifetimes_beyond_write": lifetimes,
        "write_unsure": unsure & ~mended,
        "reasoning_unsure": (pl.col(RULED["output"]) == BY_TOTAL) & (_REASONING > 0) & (_BEYOND == 0) & _is_inside(),
        "reads_untold": (pl.col(RULED["input"]) == EITHER) & uncounted & (cached() == 0) & _TOTAL.is_null(),
        "guess_possible": (pl.col(RULED["input"]) == OR_GUESSED) & pl.col("stream") & uncounted,
        "total_disagrees": _disagrees(),
    }
    return apply_rules(frame, rules, lambda found: found)


def _is_inside() -> pl.Expr:
    """Whether the output was taken to have the reasoning."""
    return pl.col("output_includes") != EXCLUSIVE


def doubt_sides(frame: pl.DataFrame) -> pl.DataFrame:
    """``input_unsure``, ``output_unsure``: a side that may lack its parts, or have them, and nothing tells which.

    It is unknown.
    """
    return frame.pipe(_doubt_input).pipe(_doubt_output)


def _doubt_input(frame: pl.DataFrame) -> pl.DataFrame:
    either = (pl.col(RULED["input"]) == EITHER) & (pl.col("input_includes") != EXCLUSIVE) & (cached() > 0)
    as_told = pl.col("_input_tokens_reported") == _INPUT
    unknown = pl.when(~pl.col("input_unsure")).then(_INPUT).alias("input_tokens")
    return apply_rules(frame, {"input_unsure": either & as_told}, lambda found: found.with_columns(unknown))


def _doubt_output(frame: pl.DataFrame) -> pl.DataFrame:
    rule, reported = pl.col(RULED["output"]), pl.col("_output_tokens_reported")
    no_total = _TOTAL.is_null()
    untold = rule.is_in([BARE, BY_TOTAL]) & pl.col("reasoning_tokens").is_null() & no_total & _OUTPUT.is_not_null()
    unsaid = rule.is_in([UNKNOWN, BY_API]) | ((rule == BY_TOTAL) & no_total)
    either = unsaid & (pl.col(RULED["input"]) != UNKNOWN) & (_REASONING > 0)
    two_ways = either & (pl.col("output_includes") != EXCLUSIVE) & (reported == _OUTPUT)
    unknown = pl.when(~pl.col("output_unsure")).then(_OUTPUT).alias("output_tokens")
    return apply_rules(frame, {"output_unsure": untold | two_ways}, lambda found: found.with_columns(unknown))


def share_cached(frame: pl.DataFrame) -> pl.DataFrame:
    """Sound, pictures and video that a cache gave, where its text is told: what is left, if it is of one kind or none.

    Pydantic AI writes of a cache only the kinds that it had.
    """
    if frame["text_cached_input_tokens"].null_count() == len(frame):
        return frame
    known = pl.sum_horizontal("text_cached_input_tokens", *[f"{kind}_cached_input_tokens" for kind in _KINDS])
    told = pl.col("text_cached_input_tokens").is_not_null()
    rest = pl.when(told).then(pl.col("cached_input_tokens") - known)
    alone = pl.sum_horizontal(*[_untold(kind).fill_null(value=False) for kind in _KINDS]) == 1
    return frame.with_columns(
        pl.when(_untold(kind) & ((rest == 0) | (alone & rest.is_between(1, pl.col(f"{kind}_input_tokens")))))
        .then(rest)
        .otherwise(f"{kind}_cached_input_tokens")
        .alias(f"{kind}_cached_input_tokens")
        for kind in _KINDS
    )


def _untold(kind: str) -> pl.Expr:
    return (pl.col(f"{kind}_input_tokens") > 0) & pl.col(f"{kind}_cached_input_tokens").is_null()


def _overlaps() -> pl.Expr:
    """Whether some was cached and some was sound or picture, and nobody says how much was both."""
    some = pl.col("cached_input_tokens") > 0
    return pl.col("_model_call") & ~pl.col("_refused") & some & pl.any_horizontal(*map(_untold, _KINDS))


def _disagrees() -> pl.Expr:
    """Whether a total is told that no reading of the two sides comes to; some add up what they have."""
    inputs, answer = (pl.coalesce(f"_{side}_tokens_reported", f"{side}_tokens") for side in ("input", "output"))
    no_answer = pl.when(pl.col("operation").is_in(UNANSWERED)).then(0)
    sums = [a + pl.coalesce(b, no_answer) for a in (_INPUT, inputs) for b in (_OUTPUT, answer)]
    explained = pl.any_horizontal(*[one == _TOTAL for one in sums])
    return (pl.col("_model_call") & ~pl.col("_refused") & ~explained).fill_null(value=False)


def _take(side: str, rule: str, holds: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """What gives a side, where a rule holds, all that the total has beyond both."""
    taken = [
        pl.when(rule).then(_BEYOND).otherwise(f"{side}_beyond").alias(f"{side}_beyond"),
        (pl.col(f"{side}_tokens") + pl.when(rule).then(_BEYOND).otherwise(0)).alias(f"{side}_tokens"),
    ]
    return lambda frame: apply_rules(frame, {rule: holds}, lambda found: found.with_columns(taken))


def _any(frame: pl.DataFrame, condition: pl.Expr) -> bool:
    """Whether it holds anywhere; most ranges have nothing of what it asks for."""
    return bool(frame.select(condition.any()).item())


def _add(side: str, amounts: Mapping[str, pl.Expr]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """What adds to a side, where a rule holds, the amount of the rule."""
    added = [pl.when(rule).then(amount).otherwise(0) for rule, amount in amounts.items()]
    return lambda found: found.with_columns(sum(added, pl.col(side)).alias(side))
