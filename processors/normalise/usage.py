"""Token counts with one meaning: input includes what was cached, output includes reasoning; unknown is NULL, never 0.

Whether a count was written with or without its cached part is told by the alias it came from and by ``semantics``
(scope, version, provider, total), and stored as ``usage_semantics``. Where the counts contradict what was told, a named
rule repairs or refuses them; its name stands in ``_repair`` and behind ``usage_semantics``
(``inclusive+cache_outside_input``, ``refused+impossible_count``), several in the order of application.

Repaired, because a way is known in which such counts come about:

* ``cache_outside_input``: more cached and cache-write tokens than input. Anthropic and Bedrock count input without
  them, and some who pass that on say they do not: they are added;
* ``write_outside_input``: the input has what was read, but not what was written: the total says so, or nothing else is
  possible for an instrumentation of which that is known (``inclusive_of_read`` in ``conventions/usage.csv``);
* ``reasoning_outside_output``: more reasoning than output. Gemini counts candidates without thoughts: likewise;
* ``taken_out_twice``: a part was taken out of a sum that did not have it: ``pieces``;
* ``rest_of_total``: one side is told, and the total: the other side is the rest, if its parts fit into it and no other
  reading of what is told gives another rest;
* ``tools_outside_input``: a total of Gemini is more than both sides, and thoughts are told or there are none: the rest
  is what its own tools gave to read, which Gemini counts apart and bills as input;
* ``reasoning_counted_twice``: who wrote the output added the reasoning to a count that had it (``twice`` in
  ``conventions/usage.csv``; Google's ADK with LiteLLM): it is taken out once, unless the total has it twice as well;
* ``impossible_part``: a detail, or a total, that is negative, no whole number, or more than ``MOST_TOKENS``, is not
  believed (-1 is some producers' word for "not counted"); the sums stand.

Flagged, and billed as it stands, because nobody can say which count is wrong:

* ``thoughts_of_total``: thoughts are not told, and the rest of Gemini's or Grok's total is taken for them. If own tools
  gave something to read, that is in it too, and belongs to the input: all is billed, some of it on the wrong side;
* ``cached_kind_untold``: a cache gave a part of an input that has sound, pictures or video, and nobody says how much of
  these: there is no cost where the model has a rate of its own for what is both;
* ``usage_cut``: the text of a usage object does not end (a limit on the length of attributes), and what a cache gave is
  told nowhere else: it may have been in what is missing;
* ``lifetimes_beyond_write``: cache writes by how long they are kept come to more than all of them; the sum stands;
* ``write_unsure``: what was written to a cache may be missing in the input, and a total that LiteLLM added up itself,
  as it does for streams, cannot tell;
* ``reads_untold``: who counts the input in one of two ways (``either``) tells neither a total nor what a cache gave, as
  the AI SDK's ``generateText`` at Bedrock: what was read from a cache may be missing, or billed at the full rate;
* ``reasoning_unsure``: an output has its reasoning where the total is just both sides, unless its writer added them up
  (``by_total`` in ``conventions/usage.csv``; xAI's chats through the AI SDK 6 with an early @ai-sdk/xai 3);
* ``guess_possible``: OpenLIT guesses the counts of a stream that tells no usage from the length of its text, and writes
  them where it writes what was counted; only where it tells what was cached it was told the rest too;
* ``total_disagrees``: a call whose total is told, and is not what its two sides come to, as written or as understood.

Unknown, while the rest stands:

* ``input_unsure``: an input that may have what was cached or lack it, because two write there (``either`` in
  ``conventions/usage.csv``), and neither the total nor the counts tell who: the input is NULL;
* ``output_unsure``: an output that may lack the reasoning. Either some is told and nothing says whether the output has
  it, or none is told where only that would say that there was none (``bare``). The output is NULL.

Refused, so that there is no cost (``parts`` has the rules for parts beyond their whole):

* ``impossible_count``: likewise of input or output: all counts are unknown, half of a bill is no bill;
* ``no_usage_on_error``: a failed call that reports 0 in and 0 out measured nothing;
* ``guessed_count``: a rule knows that what this instrumentation wrote there is no count, but a guess from the length of
  the text, or the sum of what each chunk of a stream said anew of the whole;
* ``nothing_counted``: a call without a token of input, cached ones too, was asked nothing, so nobody counted it.
  LangChain's streams and old streams of Traceloop come like that: half of a bill again. So do embeddings and pictures
  whose answer has no usage: LiteLLM and others fill in zeros.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from processors.normalise.frame import step_where
from processors.normalise.ordinary import MOST_TOKENS, READ, find_ordinary
from processors.normalise.parts import REFUSED, apply_rules, refuse, refuse_parts
from processors.normalise.pieces import gather_pieces, join_modalities, restore
from processors.normalise.semantics import EXCLUSIVE, RULED, UNKNOWN, cached, left_out, taken, told
from processors.normalise.totals import (
    add_outside,
    doubt_sides,
    flag_doubts,
    share_cached,
    share_rest,
    take_rest,
    take_thoughts,
    take_twice,
)

_SIDES = ("input_tokens", "output_tokens")
_NOTED = (
    *("_repair", "_refused", "_as_written", "_has_usage", "usage_semantics", "_usage_rank"),
    *(f"_{name}_reported" for name in _SIDES),
    *(f"{side}_{word}" for side in ("input", "output") for word in ("includes", "beyond", "restored")),
    *(f"audio_{side}_includes" for side in ("input", "output")),
)
"""Columns that are added, or told anew, beside the counts."""


def settle_usage(frame: pl.DataFrame) -> pl.DataFrame:
    """Token columns anew, the reported ones, ``usage_semantics _repair _refused _has_usage _usage_rank``.

    Only spans that are not ordinary go through the rules.
    """
    return step_where(~find_ordinary(frame), frame, apply_all, (*READ, *_NOTED), _keep_ordinary)


def _keep_ordinary(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(_ordinary()).with_columns(_ordinary_usage())


@cache
def _ordinary() -> list[pl.Expr]:
    """What the rules come to for ordinary spans."""
    nothing = pl.lit(None, pl.Int64)
    return [
        pl.lit(None, pl.String).alias("_repair"),
        *[pl.lit(value=False).alias(name) for name in ("_refused", "_as_written")],
        *[pl.lit("inclusive").alias(f"{side}_includes") for side in RULED],
        *[nothing.alias(f"{side}_{word}") for side in RULED for word in ("beyond", "restored")],
        *[pl.col(name).alias(f"_{name}_reported") for name in _SIDES],
        _reported().alias("_has_usage"),
    ]


@cache
def _ordinary_usage() -> list[pl.Expr]:
    return [
        pl.when("_has_usage").then(pl.lit("inclusive")).alias("usage_semantics"),
        pl.when("_has_usage").then(pl.col("usage_rank")).alias("_usage_rank"),
    ]


def apply_all(frame: pl.DataFrame) -> pl.DataFrame:
    """As ``settle_usage``, every span through all rules."""
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
        .pipe(take_twice)
        .pipe(take_thoughts)
        .pipe(restore)
        .pipe(add_outside)
        .pipe(take_rest)
        .pipe(share_rest)
        .pipe(doubt_sides)
        .pipe(share_cached)
        .pipe(refuse_parts)
        .pipe(flag_doubts)
        .with_columns(_reported().alias("_has_usage"))
        .with_columns(
            _semantics().alias("usage_semantics"),
            pl.when("_has_usage").then(pl.col("usage_rank")).alias("_usage_rank"),
        )
    )


def _possible(frame: pl.DataFrame) -> pl.DataFrame:
    side = _beyond(_SIDES)
    believed = pl.col(READ).is_between(0, MOST_TOKENS)
    return apply_rules(
        frame.with_columns(pl.lit(value=False).alias("_refused")),
        {"impossible_count": side, "impossible_part": _beyond(READ) & ~side},
        lambda found: found.with_columns(
            pl.col("impossible_count").alias("_refused"),
            pl.when(~pl.col("impossible_count") & believed).then(pl.col(READ)),
        ),
    )


def _beyond(names: tuple[str, ...]) -> pl.Expr:
    return pl.any_horizontal(~pl.col(names).is_between(0, MOST_TOKENS)).fill_null(value=False)


def _measured(frame: pl.DataFrame) -> pl.DataFrame:
    nothing = (pl.col("input_tokens").fill_null(0) == 0) & (pl.col("output_tokens").fill_null(0) == 0)
    void = (pl.col("failed") & nothing & _reported()).fill_null(value=False)
    no_prompt = (pl.coalesce("input_tokens", "uncached_input_tokens", _all_input()) == 0) & (
        left_out("input") + taken("input") == 0
    )
    guessed = ((pl.col(RULED["input"]) == UNKNOWN) & _reported() & ~void).fill_null(value=False)
    uncounted = (pl.col("_model_call") & no_prompt & ~void & ~guessed).fill_null(value=False)
    rules = {"no_usage_on_error": void, "guessed_count": guessed, "nothing_counted": uncounted}
    return apply_rules(frame, rules, refuse(rules, READ))


def _reported() -> pl.Expr:
    return pl.col("input_tokens").is_not_null() | pl.col("output_tokens").is_not_null()


def _input() -> pl.Expr:
    """As reported and understood; else from the uncached part; of embeddings the total is the input."""
    exclusive = pl.col("input_includes") == EXCLUSIVE
    known = pl.col("input_tokens") + taken("input") + pl.when(exclusive).then(left_out("input")).otherwise(0)
    return pl.coalesce(known, pl.col("uncached_input_tokens") + cached(), _all_input())


def _all_input() -> pl.Expr:
    """The total of embeddings, which nothing answers in tokens."""
    no_answer = (pl.col("operation") == "embeddings") & (pl.col("output_tokens").fill_null(0) == 0)
    return pl.when(no_answer).then(pl.col("total_tokens"))


def _output() -> pl.Expr:
    """As reported and understood; nobody's count of it has the citations that Perplexity bills as output."""
    known = pl.col("output_tokens") + taken("output") + pl.col("citation_output_tokens").fill_null(0)
    exclusive = pl.when(pl.col("output_includes") == EXCLUSIVE)
    return known + exclusive.then(left_out("output") + pl.col("reasoning_tokens").fill_null(0)).otherwise(0)


def _semantics() -> pl.Expr:
    """``inclusive`` or ``exclusive`` as the input was written, or ``refused``; rules are named behind it."""
    nothing_left = ~pl.col("_has_usage") & pl.col("_repair").is_not_null()
    refused = pl.when(pl.col("_refused") | nothing_left).then(pl.lit(REFUSED))
    said = refused.when("_has_usage").then(pl.col("input_includes"))
    return pl.when(said.is_not_null()).then(pl.concat_str(said, "_repair", separator="+", ignore_nulls=True))
