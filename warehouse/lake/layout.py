"""How a table's columns lie in its Parquet files: what each one costs is printed by ``python -m benchmarks.columns``.

By type, because most columns are what their type says: ids are random bytes (a length each and nothing else around
them), numbers and times are packed differences, text and parts of a cost repeat and so are dictionaries. What repeats
too little for a dictionary is named in ``ALWAYS_DIFFERENT``. Encodings are those that Spark, DuckDB and Arrow all read:
Spark knows no ``BYTE_STREAM_SPLIT`` of fractions, which would save 1.7 bytes a span.

A file of few rows is soon merged with others, and compressed then: to compress it before takes a worker a third of
what it writes. So ``passing`` compresses nothing, and leaves alone what only compression would make smaller.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Collection
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.schemas import COST_KINDS, TABLES

ALWAYS_DIFFERENT = frozenset({"response_id", "outcome_id", "event_id", "flush_id", "user_id", "session_id", "task_id"})
"""Texts that a dictionary would only make larger in a flush: users and sessions hardly come twice in two seconds."""

RANDOM = frozenset({"span_id"})
"""Bytes that no compression makes smaller. Ids of traces and parents repeat beside themselves."""

DICTIONARY_BELOW = 0.6
"""A file of many flushes may take a dictionary where fewer values than this share of its rows differ: 16 random bytes
and a number of 17 bits for each row are then less than 16 bytes for each row."""

DICTIONARY_BYTES = 16 * 1024 * 1024
"""What a dictionary may grow to before the writer gives it up; a million rows' users still fit."""


MOST_PASSING = 1 << 17
"""Rows of a file that will be merged: so many are still below the last class of ``warehouse.lake.compaction``."""

_SAMPLE = 1024
_FEW = 16  # different amounts in a sample: they repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which Parquet leaves are dictionaries, how the others are encoded, and what compresses each one."""

    dictionaries: frozenset[str]
    encodings: dict[str, str]
    compression: dict[str, str]


@functools.cache
def layout(table: str) -> Layout:
    """The layout of files that last; the partition column is in none."""
    spec = TABLES[table]
    sink = io.BytesIO()
    pq.write_table(
        pa.Table.from_batches([], schema=spec.schema.remove(spec.schema.get_field_index(spec.partition_by))), sink
    )
    leaves = pq.read_metadata(sink).schema
    columns = [leaves.column(index) for index in range(len(leaves))]
    repeating = frozenset(leaf.path for leaf in columns if _repeats(leaf))
    return Layout(
        dictionaries=repeating,
        encodings={leaf.path: _encoding(leaf) for leaf in columns if leaf.path not in repeating},
        compression={leaf.path: "NONE" if leaf.path in RANDOM else "ZSTD" for leaf in columns},
    )


def _repeats(leaf: pq.ColumnSchema) -> bool:
    if leaf.logical_type.type == "STRING":
        return leaf.path not in ALWAYS_DIFFERENT
    return leaf.path in COST_KINDS  # tokens times a rate; their sum is as good as unique


def _encoding(leaf: pq.ColumnSchema) -> str:
    match leaf.physical_type:
        case "BYTE_ARRAY":
            return "DELTA_LENGTH_BYTE_ARRAY"
        case "INT32" | "INT64":
            return "DELTA_BINARY_PACKED"
        case "FIXED_LEN_BYTE_ARRAY":  # decimals: their first bytes are zero
            return "DELTA_BYTE_ARRAY"
        case _:
            return "PLAIN"


def without_empty(how: Layout, rows: pa.Table) -> Layout:
    """The layout with nothing to compress in columns that no row fills: getting ready costs more than they do."""
    empty = {name for name in rows.column_names if rows[name].null_count == len(rows)}
    compression = {leaf: "NONE" if leaf.partition(".")[0] in empty else way for leaf, way in how.compression.items()}
    return replace(how, compression=compression)


def passing(table: str, rows: pa.Table) -> Layout:
    """The layout of a file that will be merged, for these rows."""
    plain, lasting = _plain(table), layout(table)
    unlike = {name for name in COST_KINDS if name in rows.column_names and not _repeats_in(rows[name])}
    dictionaries = lasting.dictionaries - unlike
    return replace(plain, dictionaries=dictionaries, encodings=plain.encodings | dict.fromkeys(unlike, "PLAIN"))


@functools.cache
def _plain(table: str) -> Layout:
    """Numbers and times as packed differences, which is quick; all else as it is."""
    lasting = layout(table)
    quick = {leaf: way if way == "DELTA_BINARY_PACKED" else "PLAIN" for leaf, way in lasting.encodings.items()}
    return replace(lasting, encodings=quick, compression=dict.fromkeys(lasting.compression, "NONE"))


def _repeats_in(amounts: pa.ChunkedArray) -> bool:
    return bool(pc.count_distinct(amounts.slice(0, _SAMPLE)).as_py() <= _FEW)


def settle(flushed: Layout, rows: pa.Table) -> Layout:
    """The layout of a file of many flushes, of which ``rows`` are a good part: dictionaries where they are smaller."""
    candidates = [name for name in rows.column_names if name in ALWAYS_DIFFERENT or name in COST_KINDS]
    repeating = {name for name in candidates if _distinct_share(rows[name]) < DICTIONARY_BELOW}
    smaller = {name for name in repeating if name in COST_KINDS or _is_smaller(rows[name])}
    return _with_dictionaries(flushed, (flushed.dictionaries - set(candidates)) | smaller)


def _distinct_share(column: pa.ChunkedArray) -> float:
    values = len(column) - column.null_count
    return pc.count_distinct(column).as_py() / values if values else 0.0


def _is_smaller(column: pa.ChunkedArray) -> bool:
    """Whether a text takes less as a dictionary: not where what repeats stands side by side, as a trace's session."""
    plain = _size(column, use_dictionary=False, column_encoding={"text": "DELTA_LENGTH_BYTE_ARRAY"})
    return _size(column, use_dictionary=True, dictionary_pagesize_limit=DICTIONARY_BYTES) < plain


def _size(column: pa.ChunkedArray, **how: object) -> int:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": column}), sink, compression="ZSTD", write_statistics=False, **how)
    return sink.tell()


def _with_dictionaries(flushed: Layout, dictionaries: Collection[str]) -> Layout:
    others = flushed.compression.keys() - set(dictionaries)
    plain = {name: "DELTA_BYTE_ARRAY" if name in COST_KINDS else "DELTA_LENGTH_BYTE_ARRAY" for name in others}
    return Layout(
        dictionaries=frozenset(dictionaries),
        encodings={name: flushed.encodings.get(name, plain[name]) for name in others},
        compression=flushed.compression,
    )
