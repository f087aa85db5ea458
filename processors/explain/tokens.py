"""How the tokens of a call were counted: who told it, the sums term by term, and what was repaired or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from processors.conventions.rules import usage_rules
from processors.explain.case import Case
from processors.explain.meanings import meaning
from processors.explain.wire import Json
from processors.normalise.parts import REFUSED
from processors.normalise.semantics import BY_API, BY_TOTAL, EITHER, MEANS, OF_READ, holds

RULE = "usage_rule"
"""Column that ``note_usage_rules`` adds: the number of the first rule of ``usage.csv`` that holds; NULL: none does."""

TOTAL = "the total of the span, which is the sum only so"
DEFAULT = "the default, where nothing says otherwise"
"""Who tells what ``usage.csv`` and ``aliases.csv`` do not."""

_FOUND_OUT = (BY_API, BY_TOTAL, EITHER)
"""Words of ``usage.csv`` that leave it to the span how its counts are read."""
_MEANS = {OF_READ: "inclusive", **MEANS}

_LEFT = {"input": "tools_outside_input", "output": "thoughts_of_total"}
"""Side -> the rule that gives it what the total has beyond both."""

_CACHE = ("cached_input_tokens", "cache_write_tokens")


def note_usage_rules(steps: pl.DataFrame) -> pl.DataFrame:
    """The frame of normalise with ``RULE``."""
    held = [pl.when(holds(rule)).then(pl.lit(number)) for number, rule in enumerate(usage_rules())]
    return steps.with_columns(pl.coalesce(*held, pl.lit(None, pl.Int32)).alias(RULE))


def explain_tokens(case: Case, row: int) -> Json | None:
    """``semantics``, both sides, and the rules that touched them; None where no count is told at all."""
    semantics = case.spans[row]["usage_semantics"]
    if semantics is None:
        return None
    word, *rules = semantics.split("+")
    refused = word == REFUSED
    told = {side: _side(case, row, side, refused=refused) for side in ("input", "output")}
    return {
        "semantics": semantics,
        **{side: one for side, one in told.items() if one},
        "rules": [_rule(name, refused=refused) for name in rules],
    }


def _rule(name: str, *, refused: bool) -> Json:
    """A refused span may have been repaired before."""
    kinds = ("refused", "repaired") if refused else ("repaired",)
    kind, said = next((k, m) for k in (*kinds, "") if (m := meaning(k, name)) or not k)
    return {"rule": name, "outcome": kind or kinds[0], "meaning": said}


def _side(case: Case, row: int, side: str, *, refused: bool) -> Json | None:
    total = case.spans[row][f"{side}_tokens"]
    at = case.source(row, f"{side}_tokens")
    if at is None or (total is None and not refused):
        return None
    step = case.steps[at]
    counted = step[f"{side}_includes"]
    json: Json = {"counted": counted, "told_by": _told_by(case, at, side)}
    if total is not None:
        json |= {"terms": _TERMS[side](step), "tokens": total}
    return json


def _told_by(case: Case, at: int, side: str) -> Json:
    """The rule or the alias; the producer's own total, which is no rule of a table, goes before both."""
    step = case.steps[at]
    rule = usage_rules()[step[RULE]] if step[RULE] is not None else None
    winner = next((one.alias for one in case.said[at].get(f"{side}_tokens", ()) if one.won), None)
    says = getattr(rule, side) if rule else winner.counted if winner else ""
    says = step[f"{side}_includes"] if says in _FOUND_OUT else _MEANS.get(says, says)
    if step[f"{side}_includes"] != (says or "inclusive"):
        return {"table": None, "rule": TOTAL}
    if rule:
        return {"table": "usage.csv", "rule": {name: value for name, value in asdict(rule).items() if value}}
    if winner and says:
        return {"table": "aliases.csv", "key": winner.key, "path": ".".join(winner.path) or None}
    return {"table": None, "rule": DEFAULT}


def _input_terms(step: dict[str, Any]) -> list[Json]:
    """The terms of ``normalise.usage``, in its order: as reported, from the uncached part, from the total."""
    cached = [(name, step[name]) for name in _CACHE]
    repairs = _repairs(step)
    output, total = step["_output_tokens_reported"], step["total_tokens"]
    terms: list[tuple[str, int | None]] = []
    if step["_input_tokens_reported"] is not None:
        exclusive = step["input_includes"] == "exclusive"
        beside = [*cached, *_audio(step, "input")]
        taken = ("taken_input_tokens", step["taken_input_tokens"] or None)
        terms = [("input_tokens", step["_input_tokens_reported"]), taken, *(beside if exclusive else ())]
    elif step["uncached_input_tokens"] is not None:
        terms = [("uncached_input_tokens", step["uncached_input_tokens"]), *cached]
    elif total is not None and output is not None and total >= output:
        terms = [("total_tokens", total), ("output_tokens", -output)]
    elif total is not None:
        terms = [("total_tokens", total)]
    outside = cached if "cache_outside_input" in repairs else cached[1:] if "write_outside_input" in repairs else ()
    return _as_terms([*terms, *_restored(step, "input"), *outside])


def _output_terms(step: dict[str, Any]) -> list[Json]:
    """As reported; what was left out is added, or if it is not told the output is the rest of the total."""
    reported, reasoning = step["_output_tokens_reported"], step["reasoning_tokens"]
    total = step["total_tokens"]
    exclusive = step["output_includes"] == "exclusive"
    if reported is None:
        return _as_terms([("total_tokens", total), ("input_tokens", -step["input_tokens"])])
    names = ("taken_output_tokens", "citation_output_tokens")
    beside = [*((name, step[name]) for name in names), *(_audio(step, "output") if exclusive else ())]
    repaired = "reasoning_outside_output" in _repairs(step)
    spent = reasoning if exclusive or repaired else None
    if reasoning is not None and "reasoning_counted_twice" in _repairs(step):
        spent = -reasoning
    return _as_terms([("output_tokens", reported), *beside, ("reasoning_tokens", spent), *_restored(step, "output")])


def _repairs(step: dict[str, Any]) -> list[str]:
    return (step["_repair"] or "").split("+")


def _restored(step: dict[str, Any], side: str) -> list[tuple[str, int | None]]:
    """What was taken out twice, and what was left to the total, as the total says."""
    return [("taken_out_twice", step[f"{side}_restored"]), (_LEFT[side], step[f"{side}_beyond"])]


def _audio(step: dict[str, Any], side: str) -> list[tuple[str, int]]:
    """Audio that an exclusive count of a side leaves out."""
    name = f"audio_{side}_tokens"
    beside = step[f"audio_{side}_includes"] == "exclusive" and step[name] is not None
    return [(name, step[name])] if beside else []


def _as_terms(terms: Sequence[tuple[str, int | None]]) -> list[Json]:
    return [{"of": name, "tokens": tokens} for name, tokens in terms if tokens is not None]


_TERMS = {"input": _input_terms, "output": _output_terms}
