"""Run the once rules on the spans of one flush, and put what they decide into the table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

RULES = ("records", "lineage", "wrappers", "responses", "splits", "twins", "verdicts", "sources")
"""The files of the rules, in the order in which they build on each other."""

WHY_NO_CALL = "no_model_call"
"""What ``_why`` says of tools, agents and other spans that are no model call: nothing replaces them."""

LEDGER = "_ledger"
"""Optional column that numbers closed ledgers: no rule looks from one into another."""

_TAKEN_WITH = {
    "tenant": ("tenant", "_tenant_rank"),
    "feature": ("feature", "_feature_rank"),
    "user_id": ("user_id", "_user"),
    "prompt_name": ("prompt_name", "prompt_version"),
    "input_tokens": ("input_tokens", "usage_semantics"),
    "safety_category": ("safety_category", "_safety"),
}
"""Columns that come from one row together."""

_SELECTING = ("trace_id", "response_id", "_model_call", "_role", "service", "convention", "_scope_name")
_PART_OF_RESPONSE = r"^([A-Za-z]+[-_][0-9a-f]{32})-[0-9A-Za-z-]+$"  # as made_id of records.sql
_OWN_CHARACTERS = 8  # of an id; likewise
_HAS_NO_ID = pl.col("response_id").is_null() | (
    pl.col("response_id").str.replace(r"^[A-Za-z]+[-_]", "").str.len_chars() < _OWN_CHARACTERS
)
_TELLER = pl.coalesce("_scope_name", "convention").alias("convention")
_NOT_READ = ("units", "tags")  # map columns: no rule reads them
_VERDICT = {"row": pl.Int64, "billable": pl.Boolean, "suppressed_by": pl.Binary, "why": pl.String}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the rules say of the rows that they looked at, keyed by ``row``.

    ``verdict``: row, billable, suppressed_by, why. ``taken``: row and, per column, the row that its value comes from.
    """

    verdict: pl.DataFrame
    taken: tuple[pl.DataFrame, ...]


def apply(spans: pa.Table) -> pa.Table:
    """The table with ``billable``, ``suppressed_by`` and ``_why``, gaps filled from ancestors and duplicates.

    ``spans``: the columns that ``flush.sql`` reads, ``_row`` = 0, 1, … in the order of the table, and perhaps
    ``LEDGER``. ``_why`` names the rule for a span that is not billed.
    """
    if LEDGER not in spans.column_names:
        spans = spans.append_column(LEDGER, pa.repeat(0, spans.num_rows))
    if not spans.num_rows:
        return _append(spans, pl.DataFrame(schema=_VERDICT))
    decision = look(spans)
    verdict = _verdict_alone(spans)
    if decision is not None:
        verdict = verdict.update(decision.verdict.sort("row"), on="row", how="left", include_nulls=True)
        for taken in decision.taken:
            spans = _take(spans, taken)
    return _append(spans, verdict)


def look(spans: pa.Table) -> Decision | None:
    """What ``apply`` goes by, for whoever must explain it; None where nothing is told twice."""
    touched = _told_twice(spans)
    return decide(spans.filter(touched.to_arrow()), "flush") if touched.any() else None


def decide(spans: pa.Table, source: str) -> Decision:
    """Run the rules over all rows given. ``source``: ``flush`` or ``lake``, whose columns the table has."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
        connection.register("spans", spans.drop_columns([name for name in _NOT_READ if name in spans.column_names]))
        for name in (source, *RULES):
            connection.execute(_sql(name))
        verdict, *taken = (connection.sql(f"FROM {table}").pl() for table in ("verdict", "inherited", "merged"))
    return Decision(verdict=verdict, taken=tuple(taken))


@cache
def _sql(name: str) -> str:
    return files("warehouse.once").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _told_twice(spans: pa.Table) -> pl.Series:
    """Rows that a rule may touch: trace or response id occur again, or two instrumentations tell of one service.

    Twins are sought only where a call of the service has no id: two with ids of their own are never one.
    """
    rows = pl.DataFrame(spans.select(_SELECTING)).with_columns(
        pl.col("_model_call").fill_null(value=False),
        pl.col("service").fill_null(""),
        pl.col("response_id").str.replace(_PART_OF_RESPONSE, "$1"),
    )
    calls = rows.filter("_model_call")
    services = (
        calls.group_by("service").agg((_TELLER.n_unique() > 1) & _HAS_NO_ID.any()).filter("convention")["service"]
    )
    split = calls.filter(pl.col("_role") == "usage_record")["convention"].unique()
    again = pl.col("trace_id").is_duplicated() | (
        pl.col("response_id").is_duplicated() & pl.col("response_id").is_not_null()
    )
    beside = pl.col("service").is_in(services.implode()) | pl.col("convention").is_in(split.implode())
    return rows.select(again | (pl.col("_model_call") & beside).fill_null(value=False)).to_series()


def _verdict_alone(spans: pa.Table) -> pl.DataFrame:
    """The verdict on spans that nothing else tells of."""
    rows = pl.DataFrame(spans.select(["_row", "_model_call", "_role", "parent_span_id"]))
    copy = pl.col("_role") == "repeat"
    return rows.select(
        pl.col("_row").alias("row"),
        (pl.col("_model_call") & ~copy).fill_null(value=False).alias("billable"),
        pl.when(copy).then("parent_span_id").alias("suppressed_by"),
        pl.when(copy).then(pl.lit("wire_copy")).when(~pl.col("_model_call")).then(pl.lit(WHY_NO_CALL)).alias("why"),
    )


def _take(spans: pa.Table, taken: pl.DataFrame) -> pa.Table:
    """Replace values by those of other rows; NULL as the source row leaves none."""
    rows = taken["row"].to_numpy()
    for name in taken.columns[1:]:
        sources = taken[name].fill_null(-1).to_numpy()
        if (sources == rows).all():
            continue
        place = np.arange(spans.num_rows)
        place[rows] = sources
        for column in _TAKEN_WITH.get(name, (name,)):
            index = spans.schema.get_field_index(column)
            spans = spans.set_column(index, spans.field(index), spans.column(index).take(_index(place)))
    return spans


def _index(place: NDArray[np.int64]) -> pa.Array:
    """Row numbers to take; a negative one gives NULL."""
    return pa.array(place, mask=place < 0)


def _append(spans: pa.Table, verdict: pl.DataFrame) -> pa.Table:
    columns = verdict.sort("row").to_arrow()
    for name, kind in (("billable", pa.bool_()), ("suppressed_by", pa.binary()), ("why", pa.string())):
        spans = spans.append_column(name if name != "why" else "_why", columns[name].cast(kind))
    return spans
