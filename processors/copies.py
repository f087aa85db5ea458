"""What only the copy of a call on the wire tells: parts of its tokens that stand among the units."""

from __future__ import annotations

from typing import cast

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from processors.normalise.maps import to_map
from processors.normalise.parts import MODALITIES
from warehouse.once import LEDGER
from warehouse.once.facts import one_piece
from warehouse.schemas import AMOUNTS

WIRE_COPY = "wire_copy"
"""What ``_why`` says of a span that repeats its parent by its nature."""


def take_units(spans: pa.Table) -> pa.Table:
    """Spans after the once rules: a billed span has the parts of its copies that it does not tell itself.

    Only where it tells none of them: two tellers of the same tokens may split them in two ways.
    """
    if spans["units"].null_count == len(spans):
        return spans
    copies = pc.equal(spans["_why"].cast(pa.string()), WIRE_COPY)
    told = spans.filter(pc.and_(pc.fill_null(copies, False), pc.is_valid(spans["units"])))
    if not len(told):
        return spans
    given = pl.DataFrame(_units(told["units"])).select(MODALITIES)
    keys = {LEDGER: LEDGER, "trace_id": "trace_id", "span_id": "suppressed_by"}
    given = given.with_columns(_series(told, column).alias(name) for name, column in keys.items())
    given = given.filter(pl.any_horizontal(pl.col(MODALITIES).is_not_null())).unique(
        list(keys), keep="first", maintain_order=True
    )
    own = pl.DataFrame(_units(spans["units"]))
    place = pl.DataFrame({name: _series(spans, name) for name in (*keys, "billable")})
    joined = place.join(given, on=list(keys), how="left", maintain_order="left")
    takes = joined["billable"] & own.select(pl.all_horizontal(pl.col(MODALITIES).is_null())).to_series()
    filled = own.with_columns(pl.when(takes).then(joined[name]).otherwise(own[name]).alias(name) for name in MODALITIES)
    index = spans.schema.get_field_index("units")
    units = to_map(filled.to_dict(), AMOUNTS, len(spans))
    return spans.set_column(index, spans.field(index), units)


def _units(column: pa.ChunkedArray) -> list[pl.Series]:
    """(n,) each: every key that any row has, and the parts of tokens."""
    maps = one_piece(column)
    names = dict.fromkeys((*pc.unique(maps.keys).to_pylist(), *MODALITIES))
    return [pl.Series(name, pc.map_lookup(maps, name, "first"), dtype=pl.Float64) for name in names]


def _series(table: pa.Table, name: str) -> pl.Series:
    return cast("pl.Series", pl.from_arrow(one_piece(table[name])))
