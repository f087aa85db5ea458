"""What rows say by few words: asked once of each combination of them that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import pyarrow as pa

from processors.codes import encode, number


def ask_each(
    frame: pl.DataFrame, reads: Sequence[str], step: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:  # fmt: skip
    """What ``step`` makes of each row, which depends on nothing but the columns that it reads."""
    groups = number([encode(_bits(frame[name])) for name in reads], len(frame))
    return step(frame.select(reads)[groups.first])[groups.of_row]


def _bits(column: pl.Series) -> pa.ChunkedArray:
    """The column; of real numbers their bits, which tell 0.0 from -0.0."""
    told = column.to_arrow()
    return pa.chunked_array([told.view(pa.int64()) if column.dtype == pl.Float64 else told])
