"""Token counts with one meaning: input includes what was cached, output includes reasoning; unknown is NULL, never 0.

Whether a count was written with or without its cached part is told by the alias it came from and by ``semantics``
(scope, version, provider, total), and stored as ``usage_semantics``. Where the counts contradict what was told, a named
rule repairs or refuses them; its name stands in ``_repair`` and behind ``usage_semantics``
(``inclusive+cache_outside_input``, ``refused+impossible_count``), several in the order of application.

Repaired, because a way is known in which such counts come about:

* ``cache_outside_input``: more cached and cache-write tokens than input. Anthropic and Bedrock count input without
  them, and some who pass that on say they do not: they are added;
* ``reasoning_outside_output``: more reasoning than output. Gemini counts candidates without thoughts: likewise;
* ``taken_out_twice``: a part was taken out of a sum that did not have it: ``pieces``;
* ``rest_of_total``: one side is told, and the total: the other side is the rest, if its parts fit into it and no other
  reading of what is told gives another rest;
* ``impossible_part``: a detail, or a total, that is negative, no whole number, or more than ``MOST_TOKENS``, is not
  believed (-1 is some producers' word for "not counted"); the sums stand.

Flagged, and billed as it stands, because nobody can say which count is wrong:

* ``total_disagrees``: a call whose total is told, and is not what its two sides come to, as written or as understood.

Refused, so that there is no cost (``parts`` has the rules for parts beyond their whole):

* ``impossible_count``: likewise of input or output: all counts are unknown, half of a bill is no bill;
* ``no_usage_on_error``: a failed call that reports 0 in and 0 out measured nothing;
* ``guessed_count``: a rule knows that what this instrumentation wrote there is no count, but a guess from the length of
  the text, or the sum of what each chunk of a stream said anew of the whole;
* ``nothing_counted``: a text call without a token of input, cached ones too, has no prompt, so nobody counted it.
  LangChain's streams and old streams of Traceloop come like that: half of a bill again.
"""

from __future__ import annotations

import polars as pl

from processors.normalise.parts import MODALITIES, PROMPTED, REFUSED, apply_rules, exceeds, refuse, refuse_parts
from processors.normalise.pieces import PIECES, gather_pieces, join_modalities, restore
from processors.normalise.semantics import RULED, UNKNOWN, cached, left_out, taken, told
from warehouse.schemas import TOKEN_KINDS

MOST_TOKENS = 1_000_000_000
"""Beyond any context window by a factor of a hundred: such a count is not a count of tokens."""

_SIDES = ("input_tokens", "output_tokens")
_READ = (*TOKEN_KINDS, *PIECES, *MODALITIES)


def settle_usage(frame: pl.DataFrame) -> pl.DataFrame:
    """Token columns anew, the reported ones, ``usage_semantics _repair _refused _has_usage _usage_rank``."""
    return (
        frame.with_columns(pl.lit(None, pl.String).alias("_repair"))
        .pipe(_possible)
        .pipe(gather_pieces)
        .pipe(_measured)
        .with_columns(
            pl.col("input_tokens").alias("_input_tokens_reported"),
            pl.col("output_tokens").alias("_output_tokens_reported"),
            pl.coalesce(told("output"), pl.col("output_includes"), pl.lit("inclusive")).alias("output_includes"),
        )
        .with_columns(pl.coalesce(told("input"), pl.col("input_includes"), pl.lit("inclusive")).alias("input_includes"))
        .pipe(join_modalities)
        .with_columns(_input().alias("input_tokens"), _output().alias("output_tokens"))
        .pipe(restore)
        .pipe(_repair_sums)
        .pipe(_derive)
        .pipe(refuse_parts)
        .pipe(apply_rules, {"total_disagrees": _disagrees()}, lambda found: found)
        .with_columns(_reported().alias("_has_usage"))
        .with_columns(
            _semantics().alias("usage_semantics"),
            pl.when("_has_usage").then(pl.col("usage_rank")).alias("_usage_rank"),
        )
    )


def _possible(frame: pl.DataFrame) -> pl.DataFrame:
    side = _beyond(_SIDES)
    believed = pl.col(_READ).is_between(0, MOST_TOKENS)
    return apply_rules(
        frame.with_columns(pl.lit(value=False).alias("_refused")),
        {"impossible_count": side, "impossible_part": _beyond(_READ) & ~side},
        lambda found: found.with_columns(
            pl.col("impossible_count").alias("_refused"),
            pl.when(~pl.col("impossible_count") & believed).then(pl.col(_READ)),
        ),
    )


def _beyond(names: tuple[str, ...]) -> pl.Expr:
    return pl.any_horizontal(~pl.col(names).is_between(0, MOST_TOKENS)).fill_null(value=False)


def _measured(frame: pl.DataFrame) -> pl.DataFrame:
    nothing = (pl.col("input_tokens").fill_null(0) == 0) & (pl.col("output_tokens").fill_null(0) == 0)
    void = (pl.col("failed") & nothing & _reported()).fill_null(value=False)
    no_prompt = (
        (pl.col("input_tokens") == 0) & (left_out("input") + taken("input") == 0) & pl.col("operation").is_in(PROMPTED)
    )
    guessed = ((pl.col(RULED["input"]) == UNKNOWN) & _reported() & ~void).fill_null(value=False)
    uncounted = (pl.col("_model_call") & no_prompt & ~void & ~guessed).fill_null(value=False)
    rules = {"no_usage_on_error": void, "guessed_count": guessed, "nothing_counted": uncounted}
    return apply_rules(frame, rules, refuse(rules, _READ))


def _reported() -> pl.Expr:
    return pl.col("input_tokens").is_not_null() | pl.col("output_tokens").is_not_null()


def _input() -> pl.Expr:
    """As reported and understood; else from the uncached part; of embeddings the total is the input."""
    exclusive = pl.col("input_includes") == "exclusive"
    known = pl.col("input_tokens") + taken("input") + pl.when(exclusive).then(left_out("input")).otherwise(0)
    all_input = pl.when((pl.col("operation") == "embeddings") & (pl.col("output_tokens").fill_null(0) == 0))
    return pl.coalesce(known, pl.col("uncached_input_tokens") + cached(), all_input.then(pl.col("total_tokens")))


def _output() -> pl.Expr:
    """As reported and understood; reasoning that was left out and is not told is the rest of the total."""
    exclusive = pl.col("output_includes") == "exclusive"
    inclusive = pl.col("input_includes") == "inclusive"
    rest = pl.when(inclusive).then(pl.col("total_tokens") - pl.col("input_tokens") - taken("input"))
    known = pl.col("output_tokens") + taken("output") + left_out("output")
    whole = pl.coalesce(known + pl.col("reasoning_tokens"), pl.when(rest > known).then(rest), known)
    return pl.when(exclusive).then(whole).otherwise(pl.col("output_tokens") + taken("output"))


def _derive(frame: pl.DataFrame) -> pl.DataFrame:
    """``rest_of_total``."""
    input_rest, output_rest = _rest("input_tokens", "output_tokens"), _rest("output_tokens", "input_tokens")
    fits_input = input_rest >= cached()
    fits_output = output_rest >= pl.col("reasoning_tokens").fill_null(0)
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
    rest = pl.col("total_tokens") - whole
    is_sure = pl.col(missing).is_null() & (reported.is_null() | (reported == whole))
    return pl.when(is_sure & (rest > 0) & (pl.col("operation").ne_missing("embeddings"))).then(rest)


def _repair_sums(frame: pl.DataFrame) -> pl.DataFrame:
    rules = {
        "cache_outside_input": exceeds(("cached_input_tokens", "cache_write_tokens"), "input_tokens"),
        "reasoning_outside_output": exceeds(("reasoning_tokens",), "output_tokens"),
    }
    outside = (cached(), pl.col("reasoning_tokens").fill_null(0))
    added = [
        (pl.col(side) + pl.when(rule).then(part).otherwise(0)).alias(side)
        for side, rule, part in zip(_SIDES, rules, outside, strict=True)
    ]
    return apply_rules(frame, rules, lambda found: found.with_columns(added))


def _disagrees() -> pl.Expr:
    """Whether a total is told that no reading of the two sides comes to; some add up what they have."""
    inputs, outputs = (pl.coalesce(f"_{side}_reported", side) for side in _SIDES)
    sums = [a + b for a in (pl.col("input_tokens"), inputs) for b in (pl.col("output_tokens"), outputs)]
    explained = pl.any_horizontal(*[pl.col("total_tokens") == one for one in sums])
    return (pl.col("_model_call") & ~pl.col("_refused") & ~explained).fill_null(value=False)


def _semantics() -> pl.Expr:
    """``inclusive`` or ``exclusive`` as the input was written, or ``refused``; rules are named behind it."""
    nothing_left = ~pl.col("_has_usage") & pl.col("_repair").is_not_null()
    refused = pl.when(pl.col("_refused") | nothing_left).then(pl.lit(REFUSED))
    said = refused.when("_has_usage").then(pl.col("input_includes"))
    return pl.when(said.is_not_null()).then(pl.concat_str(said, "_repair", separator="+", ignore_nulls=True))
