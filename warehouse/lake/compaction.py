"""Many small files of a day → few large ones: which ones (a plan), and how they are rewritten (rows in, the same out).

A file is merged with others of its size class, so a byte is rewritten as often as there are classes (four), not every
time that something comes. A day to which nothing has come for an hour is merged for good. Files are taken in the order
of their times, as questions ask: a row group is a short stretch of time.
"""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction
from pyarrow import fs

from warehouse.lake.layout import layout, settle
from warehouse.lake.parquet import describe, described, open_file
from warehouse.lake.rollup import ROLLED, discard, is_considered, roll_up
from warehouse.schemas import TABLES

CLASSES = (1 << 20, 8 << 20, 64 << 20)
"""Ends of the size classes, in bytes; a file past the last one is left as it is."""
TARGET_BYTES = 128 << 20
FEWEST = 8
"""So many files of one class and day are worth a commit."""
QUIET = timedelta(hours=1)
"""A day that is over, and to which nothing has come for so long, is merged for good."""
GROUP_ROWS = 65_536
"""Rows of a row group, at least: read, sorted and written at once, so that memory does not grow with the files."""
ORDER = {
    "usage": ("minute", "tenant", "feature", "model"),
    "safety": ("minute", "tenant", "feature", "model"),
}
"""What rows of a row group are sorted by. Other tables' stay as they came: spans of a trace side by side, in the order
of their records, are 4 bytes a span smaller than spans in the order of their times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A data file of a table; ``earliest`` is of the table's time column, None = unknown."""

    path: str
    day: date
    rows: int | None  # None = whoever wrote it did not say
    size: int
    modified_at: datetime
    earliest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Files of one day that become one, in the order of their times."""

    day: date
    files: tuple[Stored, ...]


def stored_files(delta: DeltaTable, time: str) -> list[Stored]:
    """The files of a loaded table."""
    actions = pa.RecordBatchReader.from_stream(delta.get_add_actions(flatten=True)).read_all()
    if not actions.num_rows:
        return []
    earliest = f"min.{time}"
    return [
        Stored(
            path=row["path"],
            day=row["partition.day"],
            rows=row["num_records"],
            size=row["size_bytes"],
            modified_at=_utc(row["modification_time"]),
            earliest=row.get(earliest),
        )
        for row in actions.select([name for name in (*_NEEDED, earliest) if name in actions.column_names]).to_pylist()
    ]


_NEEDED = ("path", "partition.day", "num_records", "size_bytes", "modification_time")


def _utc(time: datetime | int) -> datetime:
    if isinstance(time, datetime):
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return datetime.fromtimestamp(time / 1000, UTC)


def plan(table: str, files: Iterable[Stored], *, now: datetime, settled_at: datetime) -> list[Merge]:
    """What is worth merging, of files that were written before ``settled_at``.

    The newest files are left alone: a reader may have to hide one of them (``warehouse.lake.cut``). A file of a day
    that is over is written again alone where its sums are still to be made.
    """
    merges: list[Merge] = []
    by_day = sorted(files, key=lambda file: file.day)
    for day, of_day in groupby(by_day, key=lambda file: file.day):
        there = list(of_day)
        old = [one for one in there if one.rows and one.modified_at < settled_at]
        small = [one for one in old if _class(one) < len(CLASSES)]
        is_over = day < (now - QUIET).date() and max(file.modified_at for file in there) < now - QUIET
        merges += _merges(day, small, 2) if is_over else _by_class(day, small)
        if is_over and table in ROLLED:
            taken = {file.path for merge in merges for file in merge.files}
            merges += [
                Merge(day=day, files=(one,)) for one in old if not is_considered(one.path) and one.path not in taken
            ]
    return merges


def _class(file: Stored) -> int:
    return sum(file.size >= end for end in CLASSES)


def _by_class(day: date, files: Iterable[Stored]) -> Iterator[Merge]:
    for _, some in groupby(sorted(files, key=_class), key=_class):
        yield from _merges(day, list(some), FEWEST)


def _merges(day: date, files: Sequence[Stored], fewest: int) -> Iterator[Merge]:
    """Neighbours in time, as many at once as fit the target."""
    first = datetime.min.replace(tzinfo=UTC)
    taken: list[Stored] = []
    for file in sorted(files, key=lambda one: (one.earliest or first, one.path)):
        if taken and sum(one.size for one in taken) + file.size > TARGET_BYTES:
            if len(taken) >= fewest:
                yield Merge(day=day, files=tuple(taken))
            taken = []
        taken.append(file)
    if len(taken) >= fewest:
        yield Merge(day=day, files=tuple(taken))


class RowsMissing(Exception):
    """A rewritten file has another number of rows than the log says of its sources: it must not replace them."""


def rewrite(table: str, merge: Merge, files: fs.FileSystem, written_at: datetime) -> AddAction:
    """Write one file with the rows of all, and its sums; no commit names it yet.

    Raises RowsMissing, OSError, ArrowException, duckdb.Error; then what was written is taken away.
    """
    path = f"{TABLES[table].partition_by}={merge.day.isoformat()}/{uuid.uuid4()}"
    path = _roll_up(table, merge, files, path) if table in ROLLED else f"{path}.parquet"
    try:
        told = _copy(table, merge, files, path)
        size = files.get_file_info(path).size
    except (RowsMissing, OSError, pa.ArrowException):
        with contextlib.suppress(OSError):
            files.delete_file(path)
        discard(path, files)
        raise
    return describe(table, path, told, merge.day.isoformat(), written_at, size=size, data_change=False)


def _roll_up(table: str, merge: Merge, files: fs.FileSystem, stem: str) -> str:
    rows = sum(file.rows or 0 for file in merge.files)
    return roll_up(table, rows, _groups(table, merge, files), stem, files)


def _copy(table: str, merge: Merge, files: fs.FileSystem, path: str) -> pa.Table:
    """Write the rows of all files, a row group at a time; gives what the log is to know of them."""
    groups = _groups(table, merge, files)
    group = next(groups, None)
    if group is None:
        raise RowsMissing(f"no rows in {', '.join(file.path for file in merge.files)}")
    told: list[pa.Table] = []
    with open_file(table, path, files, settle(layout(table), group), group.schema) as writer:
        while group is not None:
            ordered = group.take(_order(table, group)) if table in ORDER else group
            writer.write_table(ordered, row_group_size=len(ordered))
            told.append(ordered.select(described(table)))
            group = next(groups, None)
    if sum(map(len, told)) != sum(file.rows or 0 for file in merge.files):
        raise RowsMissing(f"{sum(map(len, told))} rows in {', '.join(file.path for file in merge.files)}")
    return pa.concat_tables(told)


def _order(table: str, rows: pa.Table) -> pa.Array:
    keys = pa.table({name: rows[name].cast(TABLES[table].schema.field(name).type) for name in ORDER[table]})
    return pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in ORDER[table]])


def _groups(table: str, merge: Merge, files: fs.FileSystem) -> Iterator[pa.Table]:
    """The rows of all files, about GROUP_ROWS at a time; text that repeats as Arrow dictionaries, as it was stored."""
    schema = _read_schema(table)
    texts = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    kept: list[pa.Table] = []
    for file in merge.files:
        with files.open_input_file(file.path) as source:
            told = pq.read_metadata(source)
            there = set(told.schema.to_arrow_schema().names)
            stored = pq.ParquetFile(source, metadata=told, read_dictionary=[name for name in texts if name in there])
            for batch in stored.iter_batches(GROUP_ROWS // 4, use_threads=False):
                kept.append(_as_stored(pa.Table.from_batches([batch]), schema))
                if sum(map(len, kept)) >= GROUP_ROWS:
                    yield pa.concat_tables(kept).unify_dictionaries()
                    kept = []
    if kept:
        yield pa.concat_tables(kept).unify_dictionaries()


@functools.cache
def _read_schema(table: str) -> pa.Schema:
    """The table's columns less the partition, those that are stored as dictionaries of text being dictionaries."""
    spec = TABLES[table]
    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        pa.field(field.name, text)
        if pa.types.is_string(field.type) and field.name in layout(table).dictionaries
        else field
        for field in spec.schema
        if field.name != spec.partition_by
    )


def _as_stored(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows of a file in the columns of today; a column that was added since is NULL."""
    return pa.table(
        [
            rows[field.name].cast(field.type)
            if field.name in rows.column_names
            else pa.nulls(rows.num_rows, field.type)
            for field in schema
        ],
        schema=schema,
    )
