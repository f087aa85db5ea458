"""Whether token counts were written with or without their parts: rules of ``conventions/usage.csv``, else the total.

A count of the uncached input beside it settles the matter: the input is it, or is it and what was cached; so does one
of the whole input that is input + cached parts. Where no rule speaks, a producer's own total is a witness: where it is
input + cached parts + output, the input leaves them out; where it is input + output + reasoning, the output does. A
total that is input + output says nothing: some add up what they have.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from processors.conventions.rules import UsageRule, usage_rules
from processors.decode import Decoded
from processors.normalise.frame import Scopes, host_ends, is_of_scope, to_polars

EXCLUSIVE = "exclusive"
UNKNOWN = "unknown"
"""Of both sides: the rule knows that nothing there was counted."""
OF_READ = "inclusive_of_read"
"""Of the input: it has what was read from a cache, and in some versions not what was written to it."""
OF_TOOLS = "inclusive_of_tools"
"""Of the input: it has what was cached, and what tools gave as well."""
OR_GUESSED = "or_guessed"
"""Of the input: it has what was cached; but where a stream told no usage, it is guessed from the length of the text."""
BY_TOTAL = "by_total"
"""Of a side: its own parts are in it where the total is just both sides, and else are not, or (output) it is not known.

An input's total is the provider's own, an output's perhaps what its writer added up: that is flagged.
"""
EITHER = "either"
"""Of the input: two who write there count it each in a way of his own; their total is both sides, whichever way."""
BARE = "bare"
"""Of the output: it has no reasoning, and where nobody tells that, nobody knows whether there was some."""
TWICE = "twice"
"""Of the output: its writer added the reasoning to a count that had it."""
BY_API = "by_api"
"""Of the output: a chat completion's has no reasoning, that of the Responses API has it."""
_CHAT = {"response_id": "chatcmpl-", "provider": "xai"}
_RESPONSES = {"response_id": "resp_"}
"""Decoded column -> how a text begins that one API alone writes. Pydantic AI calls xAI's own client so: a chat."""
_DETAIL_OF = {"chat_detail": EXCLUSIVE, "responses_detail": "inclusive"}
"""Decoded column -> how an API counts whose usage alone has such a detail."""
MEANS = {OF_TOOLS: "inclusive", OR_GUESSED: "inclusive", TWICE: "inclusive", BARE: EXCLUSIVE}
"""What words of ``usage.csv`` say of the cached part or the reasoning."""

RULED = {"input": "_input_ruled", "output": "_output_ruled"}
"""Side -> column that holds what the rules say of it."""


def ruled(side: str, scopes: Scopes) -> pl.Expr:
    """``inclusive`` or ``exclusive`` as a rule says of a side (input, output); NULL where none is about the span."""
    there = [rule for rule in usage_rules() if rule.scope in scopes]
    told = [pl.when(holds(rule)).then(pl.lit(getattr(rule, side))) for rule in there]
    return pl.coalesce(*told, pl.lit(None, pl.String))


def told(side: str) -> pl.Expr:
    """As a rule or the total says; NULL where neither does. Needs ``RULED`` and ``pieces``; for input, output's."""
    as_written = pl.when("_as_written").then(pl.lit("inclusive"))
    own = [_beside(), _between(), _by_total(), _surely_without()] if side == "input" else []
    says = ~pl.col(RULED[side]).is_in([OF_READ, UNKNOWN, BY_API, BY_TOTAL, EITHER])
    rule = pl.when(says).then(pl.col(RULED[side]).replace(MEANS))
    return pl.coalesce(as_written, *own, rule, _witness(side))


def tell_apis(frame: pl.DataFrame, decoded: Decoded) -> pl.DataFrame:
    """``RULED`` of the output where it depends on the API that answered: the answer's id tells it, or a detail.

    Where nothing does: ``UNKNOWN``.
    """
    column = RULED["output"]
    asked = frame[column] == BY_API
    if not asked.any():
        return frame
    asked = asked.fill_null(value=False)
    spans = to_polars(decoded.spans.select([*_CHAT, *_DETAIL_OF]).filter(asked.to_arrow()))
    details = [pl.when(pl.col(name).is_not_null()).then(pl.lit(said)) for name, said in _DETAIL_OF.items()]
    said = pl.coalesce(
        pl.when(_begins(_RESPONSES)).then(pl.lit("inclusive")),
        *details,
        pl.when(_begins(_CHAT)).then(pl.lit(EXCLUSIVE)),
        pl.lit(UNKNOWN),
    )
    return frame.with_columns(frame[column].scatter(asked.arg_true(), spans.select(said.alias(column))[column]))


def _begins(starts: Mapping[str, str]) -> pl.Expr:
    said = [pl.col(name).str.to_lowercase().str.starts_with(start) for name, start in starts.items()]
    return pl.any_horizontal(*said).fill_null(value=False)


def holds(rule: UsageRule) -> pl.Expr:
    """Whether the rule is about this span."""
    about = is_of_scope(rule.scope)
    if rule.provider:
        about &= (pl.col("provider") == rule.provider).fill_null(value=False)
    if rule.host:
        about &= host_ends(rule.host).fill_null(value=False)
    if rule.key:
        about &= (pl.col("input_key") == rule.key).fill_null(value=False)
    if rule.cached_key:
        keys = pl.col("cached_key", "write_key")
        about &= pl.any_horizontal(keys.str.starts_with(rule.cached_key)).fill_null(value=False)
    if rule.name:
        about &= pl.col("name").str.starts_with(rule.name).fill_null(value=False)
    if rule.model:
        model = pl.coalesce("request_model", "response_model")
        about &= model.str.contains(rule.model, literal=True).fill_null(value=False)
    if rule.method:
        about &= (pl.col("rpc_method") == rule.method).fill_null(value=False)
    if rule.version_below:
        about &= _is_older("scope_version", rule.version_below).fill_null(value=False)
    return about


def cached() -> pl.Expr:
    """Tokens read from or written to a cache, as far as they are told."""
    return pl.col("cached_input_tokens").fill_null(0) + pl.col("cache_write_tokens").fill_null(0)


def taken(side: str) -> pl.Expr:
    """Tokens of a side that stand under other names (``pieces``), whatever its count includes."""
    return pl.col(f"taken_{side}_tokens").fill_null(0)


def left_out(side: str) -> pl.Expr:
    """What an exclusive count of a side leaves out and is told beside it, but for reasoning."""
    audio = pl.when(pl.col(f"audio_{side}_includes") == EXCLUSIVE).then(pl.col(f"audio_{side}_tokens")).fill_null(0)
    return cached() + audio if side == "input" else audio


def _beside() -> pl.Expr:
    """Who calls a count the whole input may have left out the cache himself: that it is the same says nothing."""
    told, uncached, whole = (pl.col(f"{name}input_tokens") for name in ("", "uncached_", "whole_"))
    lacks = (cached() > 0) & ((told == uncached) | (told + cached() == whole)).fill_null(value=False)
    return pl.when(lacks).then(pl.lit(EXCLUSIVE)).when(told == uncached + cached()).then(pl.lit("inclusive"))


def _between() -> pl.Expr:
    """Of an input told in pieces: whether the pieces hold what was cached, by the total."""
    reasoning = pl.col("reasoning_tokens").fill_null(0)
    outside = pl.when(pl.col("output_includes") == EXCLUSIVE).then(left_out("output") + reasoning).otherwise(0)
    beyond = _beyond_sides() - outside
    apart = pl.when((beyond == cached()) & (cached() > 0)).then(pl.lit(EXCLUSIVE))
    return pl.when(taken("input") > 0).then(apart.when(beyond == 0).then(pl.lit("inclusive")))


def _by_total() -> pl.Expr:
    both_sides = ((_beyond_sides() == 0) & (cached() > 0)).fill_null(value=False)
    asked = pl.col(RULED["input"]) == BY_TOTAL
    return pl.when(asked & both_sides).then(pl.lit("inclusive")).when(asked).then(pl.lit(EXCLUSIVE))


def _surely_without() -> pl.Expr:
    """An input that is less than its cached part does not have it."""
    return pl.when((pl.col(RULED["input"]) == EITHER) & (cached() > pl.col("input_tokens"))).then(pl.lit(EXCLUSIVE))


def _beyond_sides() -> pl.Expr:
    sides = (pl.col(f"{side}_tokens") + taken(side) for side in ("input", "output"))
    return pl.col("total_tokens") - sum(sides, pl.lit(0))


def _witness(side: str) -> pl.Expr:
    reasoning = pl.col("reasoning_tokens").fill_null(0)
    beyond = _beyond_sides()
    own, other = (cached(), reasoning) if side == "input" else (reasoning, cached())
    left_out = (own > 0) & (own != other) & ((beyond == own) | (beyond == own + other))
    return pl.when(left_out.fill_null(value=False)).then(pl.lit(EXCLUSIVE))


def _is_older(column: str, than: str) -> pl.Expr:
    """Compares major, minor and patch; NULL where the column holds no version."""
    parts = [pl.col(column).str.extract(r"^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?", i).cast(pl.Int64) for i in (1, 2, 3)]
    major, minor, patch = (int(part) for part in (*than.split("."), "0")[:3])
    number = (parts[0] * 1_000_000 + parts[1]) * 1_000_000 + parts[2].fill_null(0)
    return number < (major * 1_000_000 + minor) * 1_000_000 + patch
