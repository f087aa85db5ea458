"""What spans tell of safety: few combinations of words, each looked at once, by a flush and at settlement.

An **event** is a span and a category that it tells of: its own, every other one that a filter or guard named beside it
(``safety_findings``), ``pii`` where personal data was detected and ``prompt_injection`` where an injection was. Each
has the action that was told of it, else the span's; what was merely detected beside the span's own category has none,
as nobody acted on it. ``allowed`` beside a category is an event too: looked for, and let through; of calls only where
it is the span's own. Spans that another one replaces tell nothing twice and are to be left out; what spans around
others repeat of them is gone by then (``findings.py``).

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

from warehouse.once.findings import FILTER, GUARD, INJECTION, PII, SEEN, STRENGTH

ANY = "any"
"""Whatever category: counts spans, where the others count what spans tell of."""

_TEXTS = ("operation", "status", "finish_reason", "safety_category", "guardrail_action", "safety_findings")
_TOLD = ("billable", "pii_detected", "injection_detected")
TELLING = dict.fromkeys(_TEXTS, pl.String) | dict.fromkeys(_TOLD, pl.Boolean)
"""The columns of ``spans`` that tell of safety."""

EVENTS = "events"
CHECKS = "checked_calls"


def tell(told: pl.DataFrame) -> tuple[tuple[str, pl.DataFrame], ...]:
    """What rows of ``TELLING`` tell: events, those of any category, checks, billable calls.

    Each is named by the column that counts it, ``EVENTS`` or ``CHECKS``, with ``row`` (n,), ascending: the place in
    ``told``, ``category`` and ``action``.
    """
    rows = told.with_columns(pl.col("guardrail_action").alias("action"), pl.int_range(pl.len()).alias("row"))
    events = _events(rows.filter(_tells())).select("row", "category", "action")
    telling = rows.join(events.select("row").unique(), on="row", how="semi", maintain_order="left")
    nothing = pl.lit(None, pl.String)
    calls = rows.filter("billable").select("row", nothing.alias("category"), nothing.alias("action"))
    return (
        (EVENTS, events),
        (EVENTS, telling.select("row", pl.lit(ANY).alias("category"), "action")),
        (CHECKS, _checks(rows).with_columns(nothing.alias("action"))),
        (CHECKS, calls),
    )


def _tells() -> pl.Expr:
    named = _is_guard() & pl.col("safety_findings").is_not_null()
    sure = pl.col("safety_category").is_not_null() | pl.col("pii_detected") | pl.col("injection_detected") | named
    return sure.fill_null(value=False)


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per row and category that it tells of: ``row``, ``category``, ``action``.

    Of several actions of one category the strongest; an action that nobody told is the span's, but of what was merely
    detected.
    """
    own = pl.col("safety_category")
    seen = pl.when(own.is_null()).then(pl.lit("")).otherwise(pl.lit(SEEN))
    pairs = [
        pl.col("safety_findings"),
        own + "=" + pl.col("action").fill_null(""),
        pl.when(pl.col("pii_detected")).then(pl.lit(f"{PII}=") + seen),
        pl.when(pl.col("injection_detected")).then(pl.lit(f"{INJECTION}=") + seen),
    ]
    pair = pl.col("pair").str.splitn("=", 2).struct.rename_fields(["category", "told"])
    of_call = (pl.col("told") == "allowed") & ~_is_guard() & pl.col("category").ne_missing(own)
    return (
        rows.with_columns(pl.concat_str(*pairs, separator=" ", ignore_nulls=True).str.split(" ").alias("pair"))
        .explode("pair")
        .with_columns(pair.alias("pair"))
        .unnest("pair")
        .filter(~of_call.fill_null(value=False))
        .with_columns(pl.col("told").replace_strict(STRENGTH, return_dtype=pl.Int8).alias("strength"))
        .sort("row", "strength", maintain_order=True)
        .unique(["row", "category"], keep="first", maintain_order=True)
        .with_columns(
            pl.when(pl.col("told") == "").then("action").when(pl.col("told") != SEEN).then("told").alias("action")
        )
    )


def _checks(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per row and category that it is a check of: ``row``, ``category``."""
    named = pl.col("safety_findings").str.extract_all(r"\w+=").list.eval(pl.element().str.strip_suffix("="))
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
    return checked.with_columns(whole).explode("category").select("row", "category")


def _is_guard() -> pl.Expr:
    return pl.col("operation").eq_missing(GUARD)


def _ended() -> pl.Expr:
    """The provider came to an end with it: an answer, or a reason why there is none."""
    return pl.col("finish_reason").is_not_null() | (pl.col("status") == "ok").fill_null(value=False)
