"""Spans of one shape say the same in words: what they are is found out once for each shape, not once for each span.

A *shape* is everything that rules on words read: names, words, which attribute told a field, whether a number is there.
Instrumentations are loops, so a range of a hundred thousand spans has a few dozen shapes; where each span has its own,
nothing is lost but time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.decode import Decoded

WORDS = (
    *("name", "kind", "status_code", "scope_name", "scope_version", "operation", "operation_kind", "span_type"),
    *("provider", "provider_model", "request_model", "response_model", "server_address", "rpc_method"),
    *("stream", "stream_asked", "refused", "finish_reason", "error_level", "http_status"),
)
"""Columns whose values are part of a shape."""
GIVEN = ("ttft", "first_chunk_at", "error_type", "azure_api_version", "task_outcome")
"""Columns of which only counts whether there is a value."""
TOLD_BY = (
    *("operation", "operation_kind", "input_tokens", "output_tokens", "request_model", "response_model"),
    *(
        "guardrail_action",
        "tool_name",
        "task_outcome",
        "tenant",
        "feature",
        "cached_input_tokens",
        "cache_write_tokens",
        "audio_input_tokens",
        "audio_output_tokens",
    ),
)
"""Fields of which counts which attribute told them; NULL where none did."""

SHAPE = "_shape"
"""Column of a frame: the number of the row's shape, in the order in which shapes first occur."""
_MOST = 1 << 62


def number_shapes(decoded: Decoded) -> NDArray[np.int64]:
    """(n,) the shape of each row."""
    columns = [*(_codes(decoded.spans[name]) for name in WORDS), *(_codes(decoded.winners[name]) for name in TOLD_BY)]
    columns += [_presence(decoded.spans[name]) for name in GIVEN]
    shape, size = np.zeros(decoded.spans.num_rows, np.int64), 1
    for codes, values in columns:
        if values == 1:
            continue
        if size * values >= _MOST:
            shape, size = _renumber(shape)
        shape, size = shape * values + codes, size * values
    return _renumber(shape)[0]


def on_shapes(
    frame: pl.DataFrame, step: Callable[[pl.DataFrame], pl.DataFrame], columns: Iterable[str]
) -> pl.DataFrame:
    """The frame with ``columns`` as the step makes them; it sees one row of each shape and must read only those."""
    shape = frame[SHAPE].to_numpy()
    return frame.with_columns(step(frame[first_rows(shape)]).select(columns)[shape])


def first_rows(shape: NDArray[np.int64]) -> NDArray[np.int64]:
    """(shapes,) the row in which each shape first occurs."""
    rows = np.empty(int(shape.max()) + 1 if len(shape) else 0, np.int64)
    rows[shape[::-1]] = np.arange(len(shape))[::-1]
    return rows


def _codes(column: Any) -> tuple[NDArray[np.int64], int]:
    """Number of each row's value, and how many there are; NULL is a value."""
    if column.null_count == len(column):
        return np.zeros(0, np.int64), 1
    encoded = pc.dictionary_encode(_whole(column), null_encoding="encode")
    return _numbers(encoded.indices), len(encoded.dictionary)


def _presence(column: Any) -> tuple[NDArray[np.int64], int]:
    if column.null_count in (0, len(column)):
        return np.zeros(0, np.int64), 1
    return _numbers(pc.is_valid(_whole(column))), 2


def _renumber(shape: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    encoded = pc.dictionary_encode(pa.array(shape))
    return _numbers(encoded.indices), max(len(encoded.dictionary), 1)


def _whole(column: Any) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _numbers(column: pa.Array) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)
