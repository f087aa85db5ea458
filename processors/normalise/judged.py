"""What evaluations and the events of guards say of safety: the name says of what, the label what came of it.

Guards of openlit write an event for each guard that ran, which is read as an evaluation by ``GUARD``, known by its word
for what it did. Where a guard's name tells no category it is ``guardrail``.
"""

from __future__ import annotations

import polars as pl

from processors.conventions.rules import words
from processors.decode import Decoded
from processors.normalise.distinct import Answers
from processors.normalise.frame import to_polars
from processors.normalise.words import closed
from warehouse.schemas import SAFETY_ACTIONS

_READ = ("evaluation_name", "evaluation_label", "evaluation_source")
GUARD = "guard"
"""Word of ``evaluation_source`` for a guard that ran: what it says is no outcome."""


def is_guards() -> pl.Expr:
    """Whether an evaluation is what a guard said."""
    return (closed("evaluation_source") == GUARD).fill_null(value=False)


def in_words(column: str) -> pl.Expr:
    """``DetectPII`` and ``detect-pii`` as ``detect_pii``."""
    parted = pl.col(column).str.replace_all(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", "${1}${3}_${2}${4}")
    return parted.str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "_")


def judge_safety(decoded: Decoded, rows: int) -> pl.Series:
    """Verdict of the safety evaluations of each span: what their names look for, and what their labels say."""
    if not decoded.evaluations.num_rows:
        return pl.Series("evaluated", [None], dtype=pl.String).new_from_index(0, rows)
    told = to_polars(decoded.evaluations)
    given = told.select("row").hstack(_judged.ask(told))
    ranks = {action: rank for rank, action in enumerate(SAFETY_ACTIONS)}
    verdicts = (
        given.drop_nulls()
        .with_columns(pl.col("action").replace_strict(ranks, return_dtype=pl.Int8).alias("rank"))
        .sort("row", "rank", "category")
        .unique(["row", "category"], keep="first", maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(pl.concat_str("category", "action", separator="=").str.join(" ").alias("evaluated"))
    )
    all_rows = pl.DataFrame({"row": pl.int_range(rows, dtype=pl.Int64, eager=True)})
    return all_rows.join(verdicts, on="row", how="left", maintain_order="left")["evaluated"]


def _judge(evaluations: pl.DataFrame) -> pl.DataFrame:
    return evaluations.select(_name_category().alias("category"), _label_action().alias("action"))


_judged = Answers(_READ, _judge)


def _name_category() -> pl.Expr:
    name = in_words("evaluation_name")
    return pl.coalesce(closed("safety_category", name), *[
        pl.when(name.str.contains(pattern)).then(pl.lit(category))
        for pattern, category in words("guard_name").items()
    ], pl.when(is_guards()).then(pl.lit("guardrail")))  # fmt: skip


def _label_action() -> pl.Expr:
    """Yes and no speak of what an evaluator is named after; groundedness is named after the good."""
    label = pl.col("evaluation_label").str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "_")
    about_harm = _name_category() != "ungrounded"
    done = pl.when(is_guards()).then(closed("guardrail_action", label))
    return pl.coalesce(done, closed("safety_label", label), pl.when(about_harm).then(closed("safety_answer", label)))
