"""Raw copies below a span that LiteLLM has overwritten: each is a call of its own, and no copy of that span.

Where a span of the application is active LiteLLM's callback writes no ``litellm_request``: it puts what it knows of
each call on that span, so that only the last one stays, and hangs the raw copy of each below it. What is no span of
LiteLLM's own is therefore not what its raw copies repeat.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.once.facts import holds, is_word, one_piece
from warehouse.once.kernels import Bools
from warehouse.schemas import BILLABLE_OPERATIONS

WRITERS = ("litellm_v1", "litellm_v2")
"""Conventions that LiteLLM speaks."""

_TOLD_OF_LAST = {
    16: (
        *("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "audio_input_tokens"),
        *("output_tokens", "reasoning_tokens", "audio_output_tokens", "usage_semantics"),
        *(
            "request_model",
            "response_id",
            "stream",
            "ttft_ms",
            "tpot_ms",
            "finish_reason",
            "reported_cost_usd",
            "service_tier",
            "server_address",
        ),
        *("provider_account", "route"),
    ),
    32: ("response_model",),
    64: ("provider",),
}
"""What ``lent`` of spans adds up: what the overwritten span lent to the raw copy of a stream, which had none of it."""


def free_copies(spans: pa.Table) -> pa.Table:
    """Spans of a flush; ``_role`` of such copies is ``call``."""
    copies = is_word(spans["_role"], "repeat")
    freed = _below_others(spans, copies & is_word(spans["convention"], *WRITERS) if copies.any() else copies, "_ledger")
    if not freed.any():
        return spans
    role = one_piece(spans["_role"])
    return _put(spans, "_role", pc.if_else(pa.array(freed), "call", role.cast(pa.string())))


def free_stored_copies(spans: pa.Table) -> pa.Table:
    """Spans of the lake; such copies, and the span above them, are ``billable`` and ``suppressed_by`` nothing.

    A flush that had not seen the parent has told them its copies. One that had not seen all copies may have put the
    overwritten span to a call that it does not tell of, and lent that its id: an id that may be so is taken back, and
    time, place, model and tokens say again of which call that one is. What a stream's copy was lent is taken back too:
    another one may be the last.
    """
    copies = is_word(spans["convention"], *WRITERS) & is_word(spans["operation"], *BILLABLE_OPERATIONS)
    if not copies.any():
        return spans
    spans = _take_back(spans, copies)
    copies &= holds(pc.is_null(spans["request_model"]))
    raw = _below_others(spans, copies, "ledger")
    if not raw.any():
        return spans
    over, lent = _overwritten(spans, raw)
    freed = over | (raw & holds(pc.equal(spans["suppressed_by"], spans["parent_span_id"])))
    for name, rows in (("suppressed_by", freed), ("response_id", lent)):
        column = one_piece(spans[name])
        spans = _put(spans, name, pc.if_else(pa.array(rows), pa.scalar(None, column.type), column))
    return _put(spans, "billable", pa.array(freed | holds(spans["billable"])))


def lent_to_copies(spans: pa.Table, filled: pa.Table) -> NDArray[np.int32]:
    """(n,) what ``lent`` adds up of freed copies that had no counts and no id: ``spans`` before, ``filled`` after."""
    lent = np.zeros(spans.num_rows, np.int32)
    mute = is_word(spans["convention"], *WRITERS) & is_word(spans["_role"], "call")
    for name in ("request_model", "response_id", "input_tokens", "output_tokens"):
        mute &= holds(pc.is_null(spans[name]))
    mute &= holds(pc.is_valid(filled["request_model"]))
    for part, names in _TOLD_OF_LAST.items():
        lent[mute & holds(pc.is_null(spans[names[0]]))] += part
    return lent


def _take_back(spans: pa.Table, copies: Bools) -> pa.Table:
    """Spans of the lake without what overwritten spans have lent to copies."""
    lent = np.where(copies, pc.fill_null(spans["lent"], 0).to_numpy(), 0)
    for part, names in _TOLD_OF_LAST.items():
        rows = (lent & part) != 0
        for name in names if rows.any() else ():
            column = one_piece(spans[name])
            spans = _put(spans, name, pc.if_else(pa.array(rows), pa.scalar(None, column.type), column))
    return spans


def _overwritten(spans: pa.Table, raw: Bools) -> tuple[Bools, Bools]:
    """(n,) which suppressed calls have ``raw`` copies below them, and which spans may have an id that one lent."""
    keys, names = ["ledger", "trace_id"], ("span_id", "parent_span_id", "suppressed_by")
    response = pl.Series("response_id", spans["response_id"].cast(pa.string()))
    told = pl.DataFrame([*(_series(spans, name) for name in (*keys, *names)), response]).with_row_index("row")
    below = told.filter(pl.Series(raw)).select(*keys, pl.col("parent_span_id").alias("span_id")).unique()
    is_call = pl.Series(is_word(spans["operation"], *BILLABLE_OPERATIONS))
    outer = told.filter(is_call & pl.col("suppressed_by").is_not_null()).join(below, on=[*keys, "span_id"], how="semi")
    given = outer.select(*keys, pl.col("suppressed_by").alias("span_id"), "response_id").unique()
    lent = told.filter(~pl.Series(raw)).join(given, on=[*keys, "span_id", "response_id"], how="semi")
    over, taken_back = np.zeros(spans.num_rows, np.bool_), np.zeros(spans.num_rows, np.bool_)
    over[outer["row"].to_numpy()] = True
    taken_back[lent["row"].to_numpy()] = True
    return over, taken_back


def _below_others(spans: pa.Table, copies: Bools, ledger: str) -> Bools:
    """(n,) which copies hang below a span that is here and told by another convention than theirs, of any version."""
    freed = np.zeros(spans.num_rows, np.bool_)
    rows = np.flatnonzero(copies)
    if not rows.size:
        return freed
    keys = [ledger, "trace_id"]
    teller = pl.Series("teller", spans["convention"].cast(pa.string())).str.extract("^([a-z]+)").fill_null("")
    told = pl.DataFrame([*(_series(spans, name) for name in (*keys, "span_id", "parent_span_id")), teller])
    above = told.group_by(*keys, "span_id").agg(pl.col("teller").alias("tellers"))
    found = told[rows].join(
        above, left_on=[*keys, "parent_span_id"], right_on=[*keys, "span_id"], how="left", maintain_order="left"
    )
    is_own = pl.col("tellers").list.contains(pl.col("teller"))
    freed[rows] = found.select((~is_own).fill_null(value=False)).to_series().to_numpy()
    return freed


def _series(spans: pa.Table, name: str) -> pl.Series:
    column = pl.Series(name, spans[name])
    return column.cast(pl.Binary) if name.endswith("_id") else column


def _put(spans: pa.Table, name: str, column: pa.Array) -> pa.Table:
    index = spans.schema.get_field_index(name)
    field = spans.field(index)
    cast = column.dictionary_encode() if pa.types.is_dictionary(field.type) else column
    return spans.set_column(index, field, cast.cast(field.type))
