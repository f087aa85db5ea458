"""The rules on spans of the lake: ``rejudge`` looks at few of them, ``decide`` (the reference) at all."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from warehouse.once.facts import Facts, state_stored_facts
from warehouse.once.rules import WHY_NO_CALL, Decision, as_told, fill, look_at, prepare_stored
from warehouse.schemas import SPANS


def rejudge(spans: pa.Table) -> pa.Table:
    """The rows as the rules have them when they see all of them together, with ``why`` where one is not billed.

    ``spans``: columns of the lake and ``row`` = 0, 1, … in the order of the table, ``ledger`` = 0.
    """
    spans = prepare_stored(spans)
    facts = state_stored_facts(as_told(spans))
    decision = look_at(facts)
    verdict = _overlay(_verdict_alone(facts), decision)
    spans = fill(spans, decision)
    for name in ("billable", "suppressed_by"):
        index = spans.schema.get_field_index(name)
        spans = spans.set_column(index, SPANS.field(name), verdict[name].to_arrow().cast(SPANS.field(name).type))
    return spans.append_column("why", verdict["why"].to_arrow().cast(pa.string()))


def _overlay(verdict: pl.DataFrame, decision: Decision) -> pl.DataFrame:
    """The verdicts by row, those of the decision where it has one."""
    if decision.verdict.is_empty():
        return verdict
    place = np.arange(verdict.height)
    place[decision.verdict["row"].to_numpy()] = verdict.height + np.arange(decision.verdict.height)
    return pl.concat([verdict, decision.verdict.select(verdict.columns).cast(verdict.schema)])[place]


def _verdict_alone(facts: Facts) -> pl.DataFrame:
    """What stands where nothing else is seen: what the flush had decided."""
    why = pl.when("decided").then(pl.lit("told_before")).when(~pl.col("is_call")).then(pl.lit(WHY_NO_CALL))
    told = pl.DataFrame(
        {
            "is_call": facts.is_call,
            "decided": facts.has_successor,
            "suppressed_by": pl.Series(facts.spans["suppressed_by"]),
        }
    )
    billable = pl.col("is_call") & ~pl.col("decided")
    return told.select(billable.alias("billable"), "suppressed_by", why.alias("why"))
