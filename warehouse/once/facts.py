"""What the quick half of the once rules reads: columns of a flush as arrays, in the terms of the SQL files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.once.kernels import NO_RANK, Bools, Bytes, Numbers, Offsets, Ranks

_WORK = ("execute_tool", "retrieval", "guardrail", "evaluation")
_RULED = ("_model_call", "_role", "operation", "_tenant_rank", "_feature_rank")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Arrays of (n,); the row of an array is the row of ``spans``."""

    spans: pa.Table
    ledger: Numbers
    is_call: Bools
    is_work: Bools
    is_repeat: Bools
    is_fetch: Bools
    is_record: Bools
    tenant_rank: Ranks
    feature_rank: Ranks

    def texts(self, name: str) -> tuple[Offsets, Bytes, Bools]:
        """Offsets, bytes and which are known, of a column of texts or ids."""
        return texts(self.spans[name])

    def known(self, *names: str) -> Bools:
        """Rows where one of the columns has a value."""
        return np.asarray(np.logical_or.reduce([known(self.spans[name]) for name in names]))

    def microseconds(self, name: str) -> tuple[NDArray[np.int64], Bools]:
        """Times since the epoch, 0 where unknown, and which are known."""
        column = self.spans[name]
        return pc.fill_null(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()), 0).to_numpy(), known(column)

    def count(self, name: str) -> NDArray[np.int64]:
        """A number of tokens, 0 where unknown."""
        return np.asarray(pc.fill_null(self.spans[name], 0).to_numpy(), np.int64)


def state_facts(spans: pa.Table, ledger: Numbers) -> Facts:
    """Facts of the spans. ``ledger``: (n,) number of the closed ledger of each."""
    rows = pl.DataFrame(spans.select(_RULED)).select(
        (pl.col("_model_call") & (pl.col("_role") != "repeat")).fill_null(value=False).alias("is_call"),
        ((pl.col("_role") != "repeat") & pl.col("operation").is_in(_WORK)).fill_null(value=False).alias("is_work"),
        *(
            (pl.col("_role") == role).fill_null(value=False).alias(name)
            for role, name in (("repeat", "is_repeat"), ("fetch", "is_fetch"), ("usage_record", "is_record"))
        ),
        pl.col("_tenant_rank").fill_null(NO_RANK).cast(pl.Int8).alias("tenant_rank"),
        pl.col("_feature_rank").fill_null(NO_RANK).cast(pl.Int8).alias("feature_rank"),
    )
    return Facts(spans=spans, ledger=ledger, **{name: rows[name].to_numpy() for name in rows.columns})


def texts(column: pa.ChunkedArray) -> tuple[Offsets, Bytes, Bools]:
    """Offsets, bytes and which are known, of a column of texts or ids of any Arrow type."""
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if array.type not in (pa.binary(), pa.string()):
        array = array.cast(pa.string()) if pa.types.is_dictionary(array.type) else array.cast(pa.binary())
    _, offsets, data = array.buffers()
    at = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1]
    return at, np.frombuffer(data or b"", np.uint8), known(column)


def known(column: pa.ChunkedArray) -> Bools:
    """(n,) where the column has a value."""
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    return np.asarray(pl.Series(column).is_not_null().to_numpy())
