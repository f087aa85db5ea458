"""The safety table: what guards caught, beside how many calls could have been caught.

One event per span and category: the span's own category, ``pii`` where personal data was detected and
``prompt_injection`` where an injection was, each with the guard's action. Spans that another one replaces tell nothing
twice and are left out. The denominator is every billable call, since each runs past its provider's filter. Event rows
and denominator rows stand apart, so both may be added over any dimensions.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from warehouse.schemas import SAFETY

PII = "pii"
INJECTION = "prompt_injection"

_PLACE = ["minute", "tenant", "feature", "service", "model"]
_STORED = (
    *("tenant", "feature", "service", "request_model", "response_model", "ended_at", "billable", "suppressed_by"),
    *("safety_category", "guardrail_action", "pii_detected", "injection_detected"),
)


def roll_up_safety(spans: pa.Table) -> pa.Table:
    """Rows of ``SAFETY`` from the spans of one range: events, then denominators, each as they first occur."""
    rows = _rows(spans)
    events = _events(rows).group_by([*_PLACE, "category", "action"], maintain_order=True).agg(pl.len().alias("events"))
    checked = rows.filter(pl.col("billable")).group_by(_PLACE, maintain_order=True)
    table = pl.concat([events, checked.agg(pl.len().alias("checked_calls"))], how="diagonal")
    counts = (pl.col(name).fill_null(0).cast(pl.Int64) for name in ("events", "checked_calls"))
    return (
        table.with_columns(pl.col("minute").dt.date().alias("day"), *counts)
        .select(SAFETY.names)
        .to_arrow()
        .cast(SAFETY)
    )


def _rows(spans: pa.Table) -> pl.DataFrame:
    return (
        pl.DataFrame(spans.select(_STORED))
        .filter(pl.col("suppressed_by").is_null())
        .with_columns(
            pl.col("ended_at").dt.truncate("1m").alias("minute"),
            pl.coalesce(pl.col("response_model", "request_model").cast(pl.String)).alias("model"),
            pl.col("guardrail_action").alias("action"),
            *(pl.col(name).cast(pl.String) for name in ("tenant", "feature", "service", "safety_category")),
        )
    )


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    categories = (
        pl.col("safety_category"),
        pl.when(pl.col("pii_detected")).then(pl.lit(PII)),
        pl.when(pl.col("injection_detected")).then(pl.lit(INJECTION)),
    )
    each = rows.with_columns(
        pl.concat_list(categories).list.drop_nulls().list.unique(maintain_order=True).alias("category")
    )
    return each.filter(pl.col("category").list.len() > 0).explode("category")
