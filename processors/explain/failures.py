"""The evidence for an error class: which rules of ``errors.csv`` hold, never the text that they read."""

from __future__ import annotations

from functools import cache

import polars as pl

from processors.conventions.rules import ErrorRule, error_rules
from processors.errors import EVIDENCE, STRENGTHS, evidence
from processors.explain.case import Case
from processors.explain.wire import Json

HELD = "error_rules_held"
"""Column that ``note_error_rules`` adds: numbers of the rules that hold for a failed span."""


def note_error_rules(steps: pl.DataFrame) -> pl.DataFrame:
    """The frame of normalise with ``HELD``; only spans that failed are asked, and most files have few."""
    failed = steps.filter(pl.col("error_class").is_not_null() | (pl.col("status") != "ok"))
    if failed.is_empty():
        return steps.with_columns(pl.lit([], pl.List(pl.Int64)).alias(HELD))
    held = failed.select("_row", pl.concat_list(_held()).list.drop_nulls().alias(HELD))
    return steps.join(held, on="_row", how="left", maintain_order="left").with_columns(pl.col(HELD).fill_null([]))


@cache
def _held() -> list[pl.Expr]:
    return [pl.when(_holds(rule)).then(pl.lit(number, pl.Int64)) for number, rule in enumerate(error_rules())]


def _holds(rule: ErrorRule) -> pl.Expr:
    if rule.kind == "finish":
        return pl.col("finish_word") == rule.pattern
    return evidence([rule]).is_not_null()


def explain_failure(case: Case, row: int) -> Json | None:
    """``status``, ``error_class`` and the evidence, what decides first; None of a span that worked."""
    span = case.spans[row]
    if span["error_class"] is None and span["status"] == "ok":
        return None
    at = case.source(row, "error_class")
    at = row if at is None else at
    json: Json = {"status": span["status"], "error_class": span["error_class"]}
    if at != row:
        json["taken_from"] = {"span_id": case.spans[at]["span_id"]}
    held = sorted((error_rules()[number] for number in case.steps[at][HELD]), key=_precedence)
    told = [
        {"kind": rule.kind, "pattern": rule.pattern, "strength": rule.strength, "error_class": rule.error_class}
        for rule in held
    ]
    if not told:
        return json | {"by": _without_evidence(case, at)}
    best = next((one for one in told if one["error_class"] == json["error_class"]), None)
    others = [one | {"decides": False} for one in told if one is not best]
    return json | {"evidence": others if best is None else [best | {"decides": True}, *others]}


def _precedence(rule: ErrorRule) -> tuple[int, int]:
    return ((*EVIDENCE, "finish").index(rule.kind), STRENGTHS.index(rule.strength))


def _without_evidence(case: Case, at: int) -> str:
    error_class = case.spans[at]["error_class"]
    if error_class == "cancelled":
        return "a stream that shows neither finish reason nor output"
    if error_class in ("tool_error", "retrieval_error"):
        return "the operation of the failed span"
    return "no rule holds" if error_class == "unknown" else "a class that the error's text mentions"
