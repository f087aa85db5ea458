"""Spans of one shape say the same in words: what they are is found out once for each shape, not once for each span.

A *shape* is everything that rules on words read: names, words, which attribute told a field, whether a number is there.
Instrumentations are loops, so a range of a hundred thousand spans has a few dozen shapes, and the next range has the
same ones: what they mean is kept (``Memo``). Where each span has a shape of its own, nothing is lost but time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from processors.codes import is_constant
from processors.decode import Decoded
from processors.normalise.frame import pick
from warehouse.once.facts import one_piece

WORDS = (
    *("name", "kind", "status_code", "scope_name", "scope_version", "operation", "operation_kind", "span_type"),
    *("provider", "other_provider", "provider_model", "request_model", "other_model", "response_model"),
    *("server_address", "rpc_method"),
    *("stream", "stream_asked", "refused", "finish_reason", "error_level", "http_status"),
)
"""Columns whose values are part of a shape."""
GIVEN = ("ttft", "other_ttft", "first_chunk_at", "error_type", "azure_api_version", "task_outcome")
"""Columns of which only counts whether there is a value."""
TOLD_BY = (
    *("operation", "operation_kind", "input_tokens", "output_tokens", "request_model", "other_model"),
    "response_model",
    *(
        "guardrail_action",
        "guardrail_denied",
        "guardrail_name",
        "reported_cost",
        "stream",
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
MOST_KEPT = 20_000
"""Shapes whose meaning is kept in memory."""
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


class Memo:
    """What a step makes of shapes, kept from range to range: the next range has the same few dozen."""

    def __init__(self, step: Callable[[Decoded], pl.DataFrame]) -> None:
        self._step = step
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._made: pl.DataFrame | None = None

    def make(self, decoded: Decoded, rows: NDArray[np.int64]) -> pl.DataFrame:
        """What the step makes of these rows, one of each shape; it must read only what a shape consists of."""
        keys = _keys(decoded, rows)
        new = [at for at, key in enumerate(keys) if key not in self._numbers]
        if new or self._made is None:
            if self._made is None or self._made.height + len(new) > MOST_KEPT:
                self._numbers, self._made, new = {}, None, list(range(len(keys)))
            made = self._step(_take(decoded, rows[new]))
            kept = 0 if self._made is None else self._made.height
            self._numbers.update({keys[at]: kept + number for number, at in enumerate(new)})
            self._made = made if self._made is None else pl.concat([self._made, made], rechunk=True)
        return self._made[[self._numbers[key] for key in keys]]


def spread(described: pl.DataFrame, shape: NDArray[np.int64]) -> list[pl.Expr | pl.Series]:
    """What shapes mean, row by row; columns that say the same of all of them are literals, which take no memory."""
    row = pl.Series(SHAPE, shape)
    if not len(described):
        return [row, *described[row]]
    distinct = described.select(pl.all().n_unique()).row(0)
    told = zip(described.schema.items(), distinct, described.row(0), strict=True)
    ones = [_literal(name, value, kind) for (name, kind), words, value in told if words == 1]
    differ = [name for name, words in zip(described.columns, distinct, strict=True) if words > 1]
    return [row, *ones, *(pick(described, differ)[row] if differ else ())]


@lru_cache(maxsize=4096)
def _literal(name: str, value: str | int | bool | None, kind: pl.DataType) -> pl.Expr:
    return pl.lit(value, kind).alias(name)


def _keys(decoded: Decoded, rows: NDArray[np.int64]) -> list[tuple[Any, ...]]:
    """Of each row all that its shape consists of."""
    at = pa.array(rows)
    told = [decoded.spans[name].take(at).to_pylist() for name in WORDS]
    told += [decoded.winners[name].take(at).to_pylist() for name in TOLD_BY]
    told += [pc.is_valid(decoded.spans[name].take(at)).to_pylist() for name in GIVEN]
    return list(zip(*told, strict=True))


def _take(decoded: Decoded, rows: NDArray[np.int64]) -> Decoded:
    at = pa.array(rows)
    return replace(decoded, spans=decoded.spans.take(at), winners=decoded.winners.take(at))


def first_rows(shape: NDArray[np.int64]) -> NDArray[np.int64]:
    """(shapes,) the row in which each shape first occurs."""
    rows = np.empty(int(shape.max()) + 1 if len(shape) else 0, np.int64)
    rows[shape[::-1]] = np.arange(len(shape))[::-1]
    return rows


def _codes(column: Any) -> tuple[NDArray[np.int64], int]:
    """Number of each row's value, and how many there are; NULL is a value."""
    if column.null_count == len(column):
        return np.zeros(0, np.int64), 1
    whole = one_piece(column)
    if pa.types.is_dictionary(whole.type):
        missing = len(whole.dictionary)
        return _numbers(pc.fill_null(whole.indices, missing)), missing + 1
    if is_constant(whole):
        return np.zeros(0, np.int64), 1
    encoded = pc.dictionary_encode(whole, null_encoding="encode")
    return _numbers(encoded.indices), len(encoded.dictionary)


def _presence(column: Any) -> tuple[NDArray[np.int64], int]:
    if column.null_count in (0, len(column)):
        return np.zeros(0, np.int64), 1
    return _numbers(pc.is_valid(one_piece(column))), 2


def _renumber(shape: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    encoded = pc.dictionary_encode(pa.array(shape))
    return _numbers(encoded.indices), max(len(encoded.dictionary), 1)


def _numbers(column: pa.Array) -> NDArray[np.int64]:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)
