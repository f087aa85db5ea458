"""Run the once rules on the spans of one flush, and put what they decide into the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.once.attempts import count_attempts
from warehouse.once.doubt import find_doubt
from warehouse.once.facts import (
    LENT,
    Facts,
    find_calls,
    is_word,
    known,
    one_piece,
    spelled,
    state_facts,
)
from warehouse.once.findings import tell_once
from warehouse.once.kernels import Bools, Numbers, is_shared
from warehouse.once.lineage import Lineage, find_family, trace_lineage
from warehouse.once.overwritten import free_copies
from warehouse.once.retried import supersede
from warehouse.once.statements import RULES, begin, read_columns, read_sql, with_book
from warehouse.once.told import DECIDED, LEDGER, note

WHY_NO_CALL = "no_model_call"
"""What ``_why`` says of tools, agents and other spans that are no model call: nothing replaces them."""

_TAKEN_WITH = {
    "tenant": ("tenant", "tenant_rank"),
    "feature": ("feature", "feature_rank"),
    "prompt_name": ("prompt_name", "prompt_version"),
    "input_tokens": ("input_tokens", "usage_semantics"),
    "server_address": ("server_address", "server_port"),
}
"""Columns that come from one row together, as far as there are any: a lake keeps not all helpers."""
_RANKS = ("tenant_rank", "feature_rank")

_NOT_READ = ("units", "tags")  # map columns: no rule reads them
_TELLERS = {"billed": pl.Int64, "row": pl.Int64, "nth": pl.Int64, "repeats": pl.Boolean}
_VERDICT = {"row": pl.Int64, "billable": pl.Boolean, "suppressed_by": pl.Binary, "why": pl.String}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the rules say of the rows that they looked at, keyed by ``row``.

    ``verdict``: row, billable, suppressed_by, why. ``taken``: row and, per column, the row that its value comes from.
    ``tellers``: ``billed`` and each ``row`` that tells of the same call, itself too, ``nth`` by how good it is; where
    it does not ``repeats``, it stands for that call without telling of it.
    """

    verdict: pl.DataFrame
    taken: tuple[pl.DataFrame, ...]
    tellers: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_TELLERS))


def apply(spans: pa.Table, finish: Callable[[pa.Table], pa.Table] = lambda spans: spans) -> pa.Table:
    """``judge`` with ``NOTES``, as a lake keeps it."""
    return note(spans, judge(spans, finish))


def judge(spans: pa.Table, finish: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """The table with ``billable suppressed_by _why``, gaps filled from ancestors and duplicates.

    ``spans``: the columns that ``given.sql`` reads, ``_row`` = 0, 1, … in the order of the table, and perhaps
    ``LEDGER``. ``_why`` names the rule for a span that is not billed. ``finish``: what follows from that.
    """
    if LEDGER not in spans.column_names:
        spans = spans.append_column(LEDGER, pa.repeat(0, spans.num_rows))
    prepared = prepare(spans)
    verdict = _verdict_alone(prepared)
    if spans.num_rows:
        decision, lineage = _look(prepared)
        place = np.arange(verdict.height)
        place[decision.verdict["row"].to_numpy()] = verdict.height + np.arange(decision.verdict.height)
        verdict = (
            pl.concat([verdict, decision.verdict.cast(verdict.schema)])[place] if decision.verdict.height else verdict
        )
        filled = tell_once(_append(fill(prepared, decision), verdict), decision.tellers, lineage)
    else:
        filled = _append(prepared, verdict)
    return finish(filled)


def look(spans: pa.Table) -> Decision:
    """What ``apply`` goes by, for whoever must explain it: rows that are left out stand alone and inherit nothing.

    1. Records whose ids stand again are told apart by the rules; the first of each stays.
    2. What each span inherits is walked along the array of parents.
    3. The rules judge the spans about which there is doubt.
    """
    return _look(spans)[0]


def _look(spans: pa.Table) -> tuple[Decision, Lineage]:
    """That, and each row's place among the others."""
    facts, alive, repeated, parent = _tell_records_apart(state_facts(prepare(spans), spans[LEDGER].to_numpy()))
    lineage = trace_lineage(facts, parent)
    doubt = find_doubt(lineage, alive)
    inherited = lineage.inherited
    if not doubt.why:
        return Decision(verdict=repeated, taken=(inherited,)), lineage
    part = _read(facts, doubt.rows)
    given = lineage.table(doubt.rows)
    verdict, merged, tellers = with_book(part, lambda book: book.judge(part, given, doubt.why))
    inherited = inherited.join(merged, on="row", how="anti", maintain_order="left") if merged.height else inherited
    return Decision(verdict=pl.concat([repeated, verdict]), taken=(inherited, merged), tellers=tellers), lineage


def decide(spans: pa.Table) -> Decision:
    """Run all rules over all rows given."""
    with begin() as connection:
        spans = prepare(spans)
        connection.register("spans", spans.drop_columns([name for name in _NOT_READ if name in spans.column_names]))
        for name in RULES:
            connection.execute(read_sql(name))
        found = (connection.sql(f"FROM {table}").pl() for table in ("verdict", "inherited", "merged", "member"))
        verdict, inherited, merged, tellers = found
    return Decision(verdict=verdict, taken=(inherited, merged), tellers=tellers)


def fill(spans: pa.Table, decision: Decision) -> pa.Table:
    """The table with the values that its rows take from others; ``row`` of the decision is the place in the table."""
    for taken in decision.taken:
        spans = _take(spans, taken)
    return spans


def prepare(spans: pa.Table) -> pa.Table:
    """What is known of spans before any rule: which raw copies are calls, how often calls were tried.

    ``suppressed_by`` of copies is their parent, of an attempt that failed the next one, and what was ``DECIDED``.
    """
    if "suppressed_by" in spans.column_names:
        return spans
    spans = count_attempts(free_copies(spans), LEDGER)
    parents = one_piece(spans["parent_span_id"]).cast(pa.binary())
    copied = pc.if_else(pa.array(is_word(spans["_role"], "repeat")), parents, pa.scalar(None, pa.binary()))
    if DECIDED in spans.column_names:
        copied = pc.coalesce(copied, one_piece(spans[DECIDED]))
    else:
        spans = spans.append_column(DECIDED, pa.nulls(len(spans), pa.binary()))
    return supersede(spans.append_column("suppressed_by", copied), find_calls(spans), LEDGER)


def _tell_records_apart(facts: Facts) -> tuple[Facts, Bools, pl.DataFrame, Numbers]:
    """Facts without the spans that stand again, which rows these leave, the verdict on them, and each row's parent."""
    alive = np.ones(len(facts.ledger), np.bool_)
    first, parent = find_family(facts, alive)
    again = is_shared(first)
    if not again.any():
        return facts, alive, pl.DataFrame(schema=_VERDICT), parent
    part = _read(facts, np.flatnonzero(again))
    verdict, usurped = with_book(part, lambda book: book.tell_records_apart(part))
    alive[verdict["row"].to_numpy()] = False
    ledger = facts.ledger.copy()
    ledger[usurped["row"].to_numpy()] = usurped["own_ledger"].to_numpy()
    kinds = ("is_call", "is_work", "is_repeat", "has_successor", "is_fetch", "is_record", "has_late_chunk")
    left = {name: getattr(facts, name) & alive for name in kinds}
    told = replace(facts, ledger=ledger, **left)
    return told, alive, verdict, find_family(told, alive)[1]


def _read(facts: Facts, rows: NDArray[np.int64]) -> pa.Table:
    """What the rules read of these rows."""
    spans = facts.spans.set_column(facts.spans.schema.get_field_index(LEDGER), LEDGER, pa.array(facts.ledger))
    return spelled(spans.select(read_columns(tuple(spans.column_names))).take(pa.array(rows)))


def _verdict_alone(spans: pa.Table) -> pl.DataFrame:
    """The verdict on spans that nothing else tells of."""
    named = known(spans["suppressed_by"])
    told = pl.DataFrame(
        {
            "row": pl.Series(spans["_row"]),
            "billable": find_calls(spans) & ~named,
            "suppressed_by": pl.Series(spans["suppressed_by"], dtype=pl.Binary),
            "named": named,
            "decided": known(spans[DECIDED]),
        }
    )
    why = (
        pl.when("decided").then(pl.lit("told_before"))
        .when("named").then(pl.lit("wire_copy"))
        .when(~pl.col("billable")).then(pl.lit(WHY_NO_CALL))
    )  # fmt: skip
    return told.select("row", "billable", "suppressed_by", why.alias("why"))


def _take(spans: pa.Table, taken: pl.DataFrame) -> pa.Table:
    """Replace values by those of other rows; NULL as the source row leaves none."""
    if not taken.height:
        return spans
    rows = taken["row"].to_numpy()
    for name in taken.columns[1:]:
        sources = taken[name].fill_null(-1).to_numpy()
        if (sources == rows).all():
            continue
        place = np.arange(spans.num_rows)
        place[rows] = sources
        for column in _TAKEN_WITH.get(name, (name,)):
            if column not in spans.column_names:
                continue
            index = spans.schema.get_field_index(column)
            values = spans.column(index).take(_index(place))
            values = _as_lent(values, place) if column in _RANKS else values
            spans = spans.set_column(index, spans.field(index), values)
    return spans


def _as_lent(ranks: pa.ChunkedArray, place: Numbers) -> pa.Array:
    """The ranks, with ``LENT`` where they are those of another row."""
    told = pl.Series(ranks)
    return (told % LENT + LENT).zip_with(pl.Series(place != np.arange(len(place))), told).to_arrow()


def _index(place: NDArray[np.int64]) -> pa.Array:
    """Row numbers to take; a negative one gives NULL."""
    return pa.array(place, mask=place < 0)


def _append(spans: pa.Table, verdict: pl.DataFrame) -> pa.Table:
    columns = (verdict if verdict["row"].is_sorted() else verdict.sort("row")).to_arrow()
    spans = spans.drop_columns(["suppressed_by"])
    for name, kind in (("billable", pa.bool_()), ("suppressed_by", pa.binary()), ("why", pa.string())):
        spans = spans.append_column(name if name != "why" else "_why", columns[name].cast(kind))
    return spans
