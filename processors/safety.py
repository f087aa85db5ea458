"""The safety table: what guards and filters did, beside how many checks could have done it.

An **event** is a span and a category that it tells of: its own, every other one that a filter or guard named beside it
(``_safety``), ``pii`` where personal data was detected and ``prompt_injection`` where an injection was. Each has the
action that was told of it, else the span's. ``allowed`` beside a category is an event too: looked for, and let through;
of calls only where it is the span's own. Spans that another one replaces tell nothing twice and are left out.

A **check** is a span that looked for a category, whatever came of it; every event is one, so no rate is above 1. Which
spans are checks of which category stands on the rows without an action (``docs/safety.md``):

====================  ===============================================================================================
``pii``               calls and guards that say whether personal data was there; our own scan does
``prompt_injection``  likewise of injections
``content_filter``    billable calls that came past the provider's filter: answered, cut off, or refused by it; also
                      those that tell of any category but the two above
``guardrail``         guards with a result that do not say what they looked for: they may have looked for anything
other categories      guards that name the category, found or not
``any``               spans that are a check of anything, once each
NULL                  every billable call: what share of the traffic is checked at all
====================  ===============================================================================================

Events of ``any`` are spans that make an event of whatever categories, once each, with the span's action: the totals.
Event rows and rows of checks stand apart, so both may be added over any dimensions and any time.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from processors.decode.verdicts import ACTIONS
from processors.rollups import group, in_schema
from warehouse.once import LEDGER
from warehouse.schemas import SAFETY

PII = "pii"
INJECTION = "prompt_injection"
FILTER = "content_filter"
GUARD = "guardrail"
ANY = "any"
"""Whatever category: counts spans, where the others count what spans tell of."""

_PLACE = [LEDGER, "minute", "tenant", "feature", "service", "model"]
_READ = (
    LEDGER,
    *("tenant", "feature", "service", "request_model", "response_model", "ended_at", "billable", "suppressed_by"),
    *("operation", "status", "finish_reason"),
    *("safety_category", "guardrail_action", "pii_detected", "injection_detected", "_safety"),
)
_COUNTED = {"action": pl.String, "events": pl.UInt32}
"""Columns that rows of checks do not have."""
_STRENGTH = {action: rank for rank, action in enumerate(ACTIONS)}


def roll_up_safety(spans: pa.Table) -> pa.Table:
    """Rows of ``SAFETY`` from the spans of one range: events, then checks by category, then billable calls.

    Reads columns of ``SPANS``, and ``_safety`` of normalise. Spans of several ranges are told apart by ``LEDGER``,
    which then stands beside the rows: range by range.
    """
    is_one = LEDGER not in spans.column_names
    rows = _rows(spans.append_column(LEDGER, pa.repeat(0, spans.num_rows)) if is_one else spans)
    calls = rows.filter(pl.col("billable")).select(*_PLACE, pl.lit(None, pl.String).alias("category"), "spans")
    counted = [
        _counted(_checks(rows), ["category"], "checked_calls"),
        _counted(calls, ["category"], "checked_calls"),
    ]
    telling = rows.filter(_tells())
    if len(telling):
        events = _events(telling)
        hit = rows.join(events.select("row").unique(), on="row", how="semi", maintain_order="left")
        totals = hit.select(*_PLACE, pl.lit(ANY).alias("category"), "action", "spans")
        told = pl.concat([events.select(totals.columns), totals])
        counted.insert(0, _counted(told, ["category", "action"], "events"))
    table = pl.concat([pl.DataFrame(schema=_COUNTED), *counted], how="diagonal_relaxed")
    counts = (pl.col(name).fill_null(0).cast(pl.Int64) for name in ("events", "checked_calls"))
    made = table.sort(LEDGER, maintain_order=True).with_columns(pl.col("minute").dt.date().alias("day"), *counts)
    return in_schema((made.drop(LEDGER) if is_one else made).to_arrow(), SAFETY)


_TELLING = (
    *("billable", "operation", "status", "finish_reason", "safety_category", "action"),
    *("pii_detected", "injection_detected", "_safety"),
)


def _rows(spans: pa.Table) -> pl.DataFrame:
    """One row for all spans of one place that tell the same, in the order in which they occur; ``spans`` of them."""
    texts = ("tenant", "feature", "service", "operation", "status", "finish_reason", "safety_category", "_safety")
    return (
        pl.DataFrame(spans.select(_READ))
        .filter(pl.col("suppressed_by").is_null())
        .with_columns(
            pl.col("ended_at").dt.truncate("1m").alias("minute"),
            pl.coalesce(pl.col("response_model", "request_model").cast(pl.String)).alias("model"),
            pl.col("guardrail_action").cast(pl.String).alias("action"),
            *(pl.col(name).cast(pl.String) for name in texts),
        )
        .pipe(group, [*_PLACE, *_TELLING], {}, pl.len().alias("spans"))
        .with_columns(pl.int_range(pl.len()).alias("row"))
    )


def _counted(rows: pl.DataFrame, keys: list[str], name: str) -> pl.DataFrame:
    return rows.group_by([*_PLACE, *keys], maintain_order=True).agg(pl.col("spans").sum().alias(name))


def _tells() -> pl.Expr:
    named = _is_guard() & pl.col("_safety").is_not_null()
    sure = pl.col("safety_category").is_not_null() | pl.col("pii_detected") | pl.col("injection_detected") | named
    return sure.fill_null(value=False)


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per row and category that it tells of: ``_PLACE``, ``row``, ``category``, ``action``, ``spans``.

    Of several actions of one category the strongest; an action that nobody told is the span's.
    """
    own = pl.col("safety_category")
    pairs = [
        pl.col("_safety"),
        own + "=" + pl.col("action").fill_null(""),
        pl.when(pl.col("pii_detected")).then(pl.lit(f"{PII}=")),
        pl.when(pl.col("injection_detected")).then(pl.lit(f"{INJECTION}=")),
    ]
    pair = pl.col("pair").str.splitn("=", 2).struct.rename_fields(["category", "told"])
    of_call = (pl.col("told") == "allowed") & ~_is_guard() & pl.col("category").ne_missing(own)
    return (
        rows.with_columns(pl.concat_str(*pairs, separator=" ", ignore_nulls=True).str.split(" ").alias("pair"))
        .explode("pair")
        .with_columns(pair.alias("pair"))
        .unnest("pair")
        .filter(~of_call.fill_null(value=False))
        .with_columns(pl.col("told").replace_strict(_STRENGTH, return_dtype=pl.Int8).alias("strength"))
        .sort("row", "strength", maintain_order=True)
        .unique(["row", "category"], keep="first", maintain_order=True)
        .with_columns(pl.when(pl.col("told") != "").then("told").otherwise("action").alias("action"))
    )


def _checks(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per row and category that it is a check of: ``_PLACE``, ``category``, ``spans``."""
    named = pl.col("_safety").str.extract_all(r"\w+=").list.eval(pl.element().str.strip_suffix("="))
    told = pl.concat_list(named.fill_null([]), pl.concat_list("safety_category")).list.drop_nulls()
    beside = told.list.set_difference(pl.lit([PII, INJECTION])).list.len() > 0
    found = pl.col("safety_category").is_not_null() & beside
    by_filter = pl.col("billable") & found
    other = pl.col("safety_category").is_in([PII, INJECTION])
    guard = _is_guard() & (told.list.len() == 0) & pl.col("action").is_not_null()
    known = pl.any_horizontal(pl.col("pii_detected").is_not_null(), pl.col("injection_detected").is_not_null())
    one = [
        pl.when(pl.col("billable") & (_ended() | by_filter)).then(pl.lit(FILTER)),
        pl.when(pl.col("billable") & other).then("safety_category"),
        pl.when(pl.col("pii_detected").is_not_null()).then(pl.lit(PII)),
        pl.when(pl.col("injection_detected").is_not_null()).then(pl.lit(INJECTION)),
        pl.when(guard & ~known).then(pl.lit(GUARD)),
    ]
    of_guard = pl.when(~pl.col("billable").fill_null(value=False)).then(told).otherwise(pl.lit([], pl.List(pl.String)))
    each = pl.concat_list(of_guard, pl.concat_list(one)).list.drop_nulls().list.unique(maintain_order=True)
    checked = rows.with_columns(each.alias("category")).filter(pl.col("category").list.len() > 0)
    whole = pl.concat_list("category", pl.lit([ANY])).alias("category")
    return checked.with_columns(whole).explode("category").select(*_PLACE, "category", "spans")


def _is_guard() -> pl.Expr:
    return pl.col("operation").eq_missing(GUARD)


def _ended() -> pl.Expr:
    """The provider came to an end with it: an answer, or a reason why there is none."""
    return pl.col("finish_reason").is_not_null() | (pl.col("status") == "ok").fill_null(value=False)
