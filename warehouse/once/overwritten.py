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

from warehouse.once.facts import is_word, one_piece
from warehouse.once.kernels import Bools

WRITERS = ("litellm_v1", "litellm_v2")
"""Conventions that LiteLLM speaks."""


def free_copies(spans: pa.Table) -> pa.Table:
    """Spans as told; ``_role`` of such copies is ``call``."""
    copies = is_word(spans["_role"], "repeat")
    freed = _below_others(spans, copies & is_word(spans["convention"], *WRITERS) if copies.any() else copies, "_ledger")
    if not freed.any():
        return spans
    role = one_piece(spans["_role"])
    return _put(spans, "_role", pc.if_else(pa.array(freed), "call", role.cast(pa.string())))


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
