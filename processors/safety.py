"""The safety table: what guards and filters did, beside how many checks could have done it.

An **event** is a span and a category that it tells of: its own, every other one that a filter or guard named beside it
(``_safety``), ``pii`` where personal data was detected and ``prompt_injection`` where an injection was. Each has the
action that was told of it, else the span's; what was merely detected beside the span's own category has none, as nobody
acted on it. ``allowed`` beside a category is an event too: looked for, and let through; of calls only where it is the
span's own. Spans that another one replaces tell nothing twice and are left out.

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

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
import pyarrow as pa

from processors.codes import Groups, Numbers, encode, encode_integers, number, numbers
from processors.decode.verdicts import ACTIONS
from processors.rollups import MODELS, encode_model, in_schema, model_of, to_minutes, to_times
from warehouse.once import LEDGER
from warehouse.once.facts import one_piece
from warehouse.schemas import SAFETY

PII = "pii"
INJECTION = "prompt_injection"
FILTER = "content_filter"
GUARD = "guardrail"
ANY = "any"
"""Whatever category: counts spans, where the others count what spans tell of."""

_PLACE = (LEDGER, "tenant", "feature", "service")
_TEXTS = ("operation", "status", "finish_reason", "safety_category", "guardrail_action", "_safety")
_TOLD = ("billable", "pii_detected", "injection_detected")
_TELLING = dict.fromkeys(_TEXTS, pl.String) | dict.fromkeys(_TOLD, pl.Boolean)
"""What spans tell of safety: few combinations, each looked at once."""
_READ = (*_PLACE, *MODELS, *_TELLING, "ended_at", "suppressed_by")
_SEEN = "-"
"""In place of an action: detected, and nobody acted on it."""
_STRENGTH = {action: rank for rank, action in enumerate((*ACTIONS[:-1], _SEEN, ACTIONS[-1]))}
_MOST_KEPT = 64


def roll_up_safety(spans: pa.Table) -> pa.Table:
    """Rows of ``SAFETY`` from the spans of one range: events, then checks by category, then billable calls.

    Reads columns of ``SPANS``, and ``_safety`` of normalise. Spans of several ranges are told apart by ``LEDGER``,
    which then stands beside the rows: range by range.
    """
    is_one = LEDGER not in spans.column_names
    read = (spans.append_column(LEDGER, pa.repeat(0, spans.num_rows)) if is_one else spans).select(_READ)
    told = read.filter(read["suppressed_by"].is_null()) if read["suppressed_by"].null_count < len(read) else read
    minutes = to_minutes(told["ended_at"])
    where = [*(encode(told[name]) for name in _PLACE), encode_model(told), encode_integers(minutes)]
    places = number(where, told.num_rows)
    parts = _count(places, number([encode(told[name]) for name in _TELLING], told.num_rows), told)
    place = np.concatenate([part.place for part in parts])
    ledger = numbers(one_piece(told[LEDGER]))[places.first]
    order = np.argsort(ledger[place], kind="stable")
    at = places.first[place[order]]
    said = told.select([*_PLACE, *MODELS]).take(pa.array(at))
    minute = to_times(minutes[at])
    columns = {name: said[name] for name in _PLACE if not (is_one and name == LEDGER)}
    columns |= {"minute": minute, "day": minute.cast(pa.date32()), "model": model_of(said)}
    for name in ("category", "action"):
        columns[name] = pa.concat_arrays([getattr(part, name) for part in parts]).take(pa.array(order))
    for name in ("events", "checked_calls"):
        counts = [part.spans if part.counted == name else np.zeros(len(part.spans), np.int64) for part in parts]
        columns[name] = pa.array(np.concatenate(counts)[order])
    return in_schema(pa.table(columns), SAFETY)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Rows that count one thing (``counted``): (n,) number of the place, words, spans."""

    counted: str
    place: Numbers
    category: pa.Array
    action: pa.Array
    spans: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What combinations tell, ascending by ``row``, their number: (n,) each ``word``, an index into the words."""

    counted: str
    row: Numbers
    word: Numbers
    category: pa.Array
    action: pa.Array


def _count(places: Groups, telling: Groups, spans: pa.Table) -> list[_Part]:
    """How often everything is told in each place, in the order in which it is."""
    pairs = number([(places.of_row, places.count), (telling.of_row, telling.count)], len(places.of_row))
    place, row = places.of_row[pairs.first], telling.of_row[pairs.first]
    times = np.bincount(pairs.of_row, minlength=pairs.count)
    given = spans.select(list(_TELLING)).take(pa.array(telling.first))
    parts = []
    for told in _tell(tuple(zip(*(column.to_pylist() for column in given.columns), strict=True))):
        each = np.bincount(told.row, minlength=telling.count)
        starts, many = np.cumsum(each) - each, each[row]
        step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        word = told.word[np.repeat(starts[row], many) + step]
        at = np.repeat(place, many)
        groups = number([(at, places.count), (word, max(len(told.category), 1))], len(at))
        sums = np.bincount(groups.of_row, weights=np.repeat(times, many), minlength=groups.count)
        words = pa.array(word[groups.first])
        parts.append(
            _Part(
                counted=told.counted,
                place=at[groups.first],
                category=told.category.take(words),
                action=told.action.take(words),
                spans=sums.astype(np.int64),
            )
        )
    return parts


@lru_cache(maxsize=_MOST_KEPT)
def _tell(combinations: tuple[tuple[str | bool | None, ...], ...]) -> tuple[_Told, ...]:
    """What combinations of ``_TELLING`` tell: events, those of any category, checks, billable calls."""
    rows = pl.DataFrame(list(combinations), schema=dict(_TELLING), orient="row").with_columns(
        pl.col("guardrail_action").alias("action"), pl.int_range(pl.len(), dtype=pl.Int64).alias("row")
    )
    events = _events(rows.filter(_tells())).select("row", "category", "action")
    telling = rows.join(events.select("row").unique(), on="row", how="semi", maintain_order="left")
    calls = rows.filter("billable").select("row", pl.lit(None, pl.String).alias("category"))
    return (
        _as_told(events, "events"),
        _as_told(telling.select("row", pl.lit(ANY).alias("category"), "action"), "events"),
        _as_told(_checks(rows), "checked_calls"),
        _as_told(calls, "checked_calls"),
    )


def _as_told(rows: pl.DataFrame, counted: str) -> _Told:
    if "action" not in rows.columns:
        rows = rows.with_columns(pl.lit(None, pl.String).alias("action"))
    words = rows.select("category", "action").unique(maintain_order=True).with_row_index("word")
    each = rows.join(words, on=["category", "action"], how="left", nulls_equal=True, maintain_order="left")
    return _Told(
        counted=counted,
        row=each["row"].to_numpy(),
        word=each["word"].cast(pl.Int64).to_numpy(),
        category=words["category"].to_arrow().cast(pa.string()),
        action=words["action"].to_arrow().cast(pa.string()),
    )


def _tells() -> pl.Expr:
    named = _is_guard() & pl.col("_safety").is_not_null()
    sure = pl.col("safety_category").is_not_null() | pl.col("pii_detected") | pl.col("injection_detected") | named
    return sure.fill_null(value=False)


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per row and category that it tells of: ``row``, ``category``, ``action``.

    Of several actions of one category the strongest; an action that nobody told is the span's, but of what was merely
    detected.
    """
    own = pl.col("safety_category")
    seen = pl.when(own.is_null()).then(pl.lit("")).otherwise(pl.lit(_SEEN))
    pairs = [
        pl.col("_safety"),
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
        .with_columns(pl.col("told").replace_strict(_STRENGTH, return_dtype=pl.Int8).alias("strength"))
        .sort("row", "strength", maintain_order=True)
        .unique(["row", "category"], keep="first", maintain_order=True)
        .with_columns(
            pl.when(pl.col("told") == "").then("action").when(pl.col("told") != _SEEN).then("told").alias("action")
        )
    )


def _checks(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per row and category that it is a check of: ``row``, ``category``."""
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
    return checked.with_columns(whole).explode("category").select("row", "category")


def _is_guard() -> pl.Expr:
    return pl.col("operation").eq_missing(GUARD)


def _ended() -> pl.Expr:
    """The provider came to an end with it: an answer, or a reason why there is none."""
    return pl.col("finish_reason").is_not_null() | (pl.col("status") == "ok").fill_null(value=False)
