"""The safety table: what guards and filters did, beside how many checks could have done it.

An **event** is a span and a category: the span's own, ``pii`` where personal data was detected and
``prompt_injection`` where an injection was, each with the span's action. ``allowed`` beside a category is an event too:
looked for, and let through. Spans that another one replaces tell nothing twice and are left out.

A **check** is a span that looked for a category, whatever came of it; every event is one, so no rate is above 1. Which
spans are checks of which category stands on the rows without an action (``docs/safety.md``):

====================  ===============================================================================================
``pii``               calls and guards that say whether personal data was there; our own scan does
``prompt_injection``  likewise of injections
``content_filter``    billable calls that came past the provider's filter: answered, cut off, or refused by it; also
                      those that tell of any category but the two above
``guardrail``         guards with a result that do not say what they looked for: they may have looked for anything
other categories      guards that name the category, found or not
NULL                  every billable call: what share of the traffic is checked at all
====================  ===============================================================================================

Event rows and rows of checks stand apart, so both may be added over any dimensions and any time.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from warehouse.schemas import SAFETY

PII = "pii"
INJECTION = "prompt_injection"
FILTER = "content_filter"
GUARD = "guardrail"

_PLACE = ["minute", "tenant", "feature", "service", "model"]
_STORED = (
    *("tenant", "feature", "service", "request_model", "response_model", "ended_at", "billable", "suppressed_by"),
    *("operation", "status", "finish_reason"),
    *("safety_category", "guardrail_action", "pii_detected", "injection_detected"),
)


def roll_up_safety(spans: pa.Table) -> pa.Table:
    """Rows of ``SAFETY`` from the spans of one range: events, then checks by category, then billable calls."""
    rows = _rows(spans)
    events = _counted(rows, _events(), ["category", "action"], "events")
    checks = _counted(rows, _checks(), ["category"], "checked_calls")
    calls = rows.filter(pl.col("billable")).group_by(_PLACE, maintain_order=True)
    table = pl.concat([events, checks, calls.agg(pl.len().alias("checked_calls"))], how="diagonal")
    counts = (pl.col(name).fill_null(0).cast(pl.Int64) for name in ("events", "checked_calls"))
    return (
        table.with_columns(pl.col("minute").dt.date().alias("day"), *counts)
        .select(SAFETY.names)
        .to_arrow()
        .cast(SAFETY)
    )


def _rows(spans: pa.Table) -> pl.DataFrame:
    texts = ("tenant", "feature", "service", "operation", "status", "finish_reason", "safety_category")
    return (
        pl.DataFrame(spans.select(_STORED))
        .filter(pl.col("suppressed_by").is_null())
        .with_columns(
            pl.col("ended_at").dt.truncate("1m").alias("minute"),
            pl.coalesce(pl.col("response_model", "request_model").cast(pl.String)).alias("model"),
            pl.col("guardrail_action").cast(pl.String).alias("action"),
            *(pl.col(name).cast(pl.String) for name in texts),
        )
    )


def _counted(rows: pl.DataFrame, categories: list[pl.Expr], keys: list[str], name: str) -> pl.DataFrame:
    """How many rows there are of each category that they name; each names one at most once."""
    each = rows.with_columns(
        pl.concat_list(categories).list.drop_nulls().list.unique(maintain_order=True).alias("category")
    )
    named = each.filter(pl.col("category").list.len() > 0).explode("category")
    return named.group_by([*_PLACE, *keys], maintain_order=True).agg(pl.len().alias(name))


def _events() -> list[pl.Expr]:
    return [
        pl.col("safety_category"),
        pl.when(pl.col("pii_detected")).then(pl.lit(PII)),
        pl.when(pl.col("injection_detected")).then(pl.lit(INJECTION)),
    ]


def _checks() -> list[pl.Expr]:
    """Categories that a row is a check of."""
    told = pl.col("safety_category")
    by_filter = (pl.col("billable") & ~told.is_in([PII, INJECTION])).fill_null(value=False)
    guard = (pl.col("operation") == GUARD) & told.is_null() & pl.col("action").is_not_null()
    known = pl.any_horizontal(pl.col("pii_detected").is_not_null(), pl.col("injection_detected").is_not_null())
    return [
        pl.when(pl.col("billable") & (_ended() | by_filter)).then(pl.lit(FILTER)),
        pl.when(~by_filter).then(told),
        pl.when(pl.col("pii_detected").is_not_null()).then(pl.lit(PII)),
        pl.when(pl.col("injection_detected").is_not_null()).then(pl.lit(INJECTION)),
        pl.when(guard & ~known).then(pl.lit(GUARD)),
    ]


def _ended() -> pl.Expr:
    """The provider came to an end with it: an answer, or a reason why there is none."""
    return pl.col("finish_reason").is_not_null() | (pl.col("status") == "ok").fill_null(value=False)
