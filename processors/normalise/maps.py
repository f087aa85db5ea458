"""Map columns from several plain ones: units and declared tags, without a loop over rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.once.facts import one_piece


def to_map(columns: Mapping[str, pl.Series], kind: pa.MapType, rows: int) -> pa.MapArray:
    """One map per row of the columns that are not NULL there, keys in order; NULL where all are."""
    names = sorted(name for name, column in columns.items() if column.null_count() < rows)
    if not names:
        return pa.nulls(rows, kind)
    given = np.column_stack([columns[name].is_not_null().to_numpy() for name in names])
    counts = given.sum(axis=1)
    ends = np.cumsum(counts)
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    row_of, column_of = np.nonzero(given)
    stacked = one_piece(pa.chunked_array([columns[name].to_arrow().cast(kind.item_type) for name in names]))
    items = stacked.take(pa.array(column_of * rows + row_of))
    keys = pa.array(names).take(pa.array(column_of))
    empty = pa.array(np.concatenate([counts == 0, [False]]))
    starts = pc.if_else(empty, pa.scalar(None, pa.int32()), pa.array(offsets))
    return pa.MapArray.from_arrays(starts, keys, items, type=kind)
