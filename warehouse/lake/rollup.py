"""Sums by the hour and by the day beside files of minutes, for questions that ask for nothing finer.

A file of the lake never changes, so neither do its sums. They are made when files are merged, before the commit that
names the merged file, and stand in ``_rollup/hour/PATH`` and ``_rollup/day/PATH``, in the columns of their table: a row
is as good as the rows that it sums up, its minute is the first of the hour or day. The name of the file says that they
are there. So whoever reads a snapshot may read sums in the place of any of its files: nothing has to be kept in step,
late rows are in files of their own, and other engines see one table of minutes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
from pyarrow import fs

from warehouse.instance import connect
from warehouse.lake.layout import layout, settle
from warehouse.lake.parquet import open_file
from warehouse.schemas import HISTOGRAM, TABLES, USD
from warehouse.scope import identifier
from warehouse.settings import LakeSettings

GRAINS: Mapping[str, timedelta] = {"minute": timedelta(), "hour": timedelta(hours=1), "day": timedelta(days=1)}
"""What a question may ask for, the finest first, and how long a row of it is."""
ROLLED = frozenset({"usage", "safety"})
"""Tables with such sums: counts, money and histograms add up, all else tells rows apart."""
FOLDER = "_rollup"
WITH = ".rolled.parquet"
WITHOUT = ".plain.parquet"
"""Ends of the names of merged files that have sums beside them, and of those that sums would not make much smaller."""
FEWER = 4
"""An hour's sums are kept where so many rows become one or more."""
MEMORY_MIB = 512
FEWEST_ROWS = 10_000
"""Of a file with fewer rows no sums are made."""
BATCH_ROWS = 65_536


def is_rolled(path: str) -> bool:
    """Whether a file has sums beside it."""
    return path.endswith(WITH)


def is_considered(path: str) -> bool:
    """Whether it was seen to that a file has sums, or needs none."""
    return path.endswith((WITH, WITHOUT))


def beside(path: str, grain: str) -> str:
    """Where the sums of a file stand."""
    return f"{FOLDER}/{grain}/{path}"


def coarse(files: pa.Table, start: datetime | None, end: datetime | None, grain: str) -> list[str]:
    """Paths to read for ``[start, end)`` by ``grain``: sums stand for files that the window does not cut finer."""
    bounds = [at for at in (start, end) if at]
    told = zip(files["path"].to_pylist(), files["earliest"].to_pylist(), files["latest"].to_pylist(), strict=True)
    return [
        _coarsest(path, earliest, latest, bounds, grain) if is_rolled(path) and earliest and latest else path
        for path, earliest, latest in told
    ]


def _coarsest(path: str, earliest: datetime, latest: datetime, bounds: Iterable[datetime], grain: str) -> str:
    grains = list(GRAINS)
    for name in reversed(grains[1 : grains.index(grain) + 1]):
        cut = [at for at in bounds if _first(earliest, name) < at <= latest]
        if all(_first(at, name) == at for at in cut):
            return beside(path, name)
    return path


def _first(at: datetime, grain: str) -> datetime:
    """The first instant of the hour or day of ``at``."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour.replace(hour=0) if grain == "day" else hour


def roll_up(table: str, rows: int, batches: pa.RecordBatchReader, stem: str, files: fs.FileSystem) -> str:
    """Make the sums of a file before it is written; gives its path: ``stem`` and the end that says what was done.

    ``batches``: what will be in it, ``rows`` rows. Raises OSError, ArrowException, duckdb.Error; then there are none.
    """
    if rows < FEWEST_ROWS:
        return stem + WITHOUT
    with connect(LakeSettings(query_memory_mib=MEMORY_MIB, query_threads=1)) as connection:
        connection.register("minutes", batches)
        connection.execute(_sums(table, "minutes", "hour"))
        if connection.sql("SELECT count(*) FROM hour").fetchall()[0][0] * FEWER > rows:
            return stem + WITHOUT
        connection.execute(_sums(table, "hour", "day"))
        try:
            for grain in ("hour", "day"):
                _write(table, connection, grain, beside(stem + WITH, grain), files)
        except (OSError, pa.ArrowException, duckdb.Error):
            discard(stem + WITH, files)
            raise
    return stem + WITH


def discard(path: str, files: fs.FileSystem) -> None:
    """Take away the sums of a file that is taken away; what cannot be deleted stays for ``tidy``."""
    for grain in ("hour", "day") if is_rolled(path) else ():
        with contextlib.suppress(OSError):
            files.delete_file(beside(path, grain))


def tidy(files: fs.FileSystem, before: datetime) -> int:
    """Delete sums that were written before then and whose file is gone; gives how many."""
    deleted = 0
    for one in files.get_file_info(fs.FileSelector(FOLDER, allow_not_found=True, recursive=True)):
        of = one.path.partition(f"{FOLDER}/")[2].partition("/")[2]
        if one.type == fs.FileType.File and one.mtime < before and not files.get_file_info(of).is_file:
            files.delete_file(one.path)
            deleted += 1
    return deleted


def _sums(table: str, source: str, grain: str) -> str:
    """SQL that makes a table called ``grain`` of the sums of ``source``."""
    time = TABLES[table].time
    columns = [one for one in TABLES[table].schema if one.name not in (TABLES[table].partition_by, time)]
    keys = ", ".join(identifier(one.name) for one in columns if one.type not in _ADDED)
    added = ", ".join(_ADDED[one.type].format(one.name) for one in columns if one.type in _ADDED)
    histograms = [one.name for one in columns if one.type == HISTOGRAM]
    merged = "".join(_MERGED.format(name) for name in histograms)
    joins = " ".join(f"LEFT JOIN {name}_ ON {name}_.id = sums.id" for name in histograms)
    told = ", ".join(f"{one.name}_.{one.name}" if one.name in histograms else f"sums.{one.name}" for one in columns)
    first = f"date_trunc('{grain}', {time}) AS first_"
    grouped = f"SELECT {first}, {keys}, {added} FROM {source} GROUP BY first_, {keys}"  # noqa: S608 - our own names
    sums = f"sums AS MATERIALIZED (SELECT row_number() OVER () AS id, * FROM ({grouped}))"  # noqa: S608
    rows = f"SELECT first_ AS {time}, {told} FROM sums {joins} ORDER BY first_, tenant"  # noqa: S608
    return f"CREATE TEMP TABLE {grain} AS WITH {sums}{merged} {rows}"


_MERGED = (
    ", {0}_ AS (SELECT id, list({{'index': i, 'count': n}} ORDER BY i) AS {0} FROM ("
    "SELECT id, one['index'] AS i, sum(one['count'])::BIGINT AS n"
    " FROM (SELECT id, unnest({0}) AS one FROM sums) GROUP BY ALL) GROUP BY id)"
)
_ADDED = {
    pa.int64(): "sum({0})::BIGINT AS {0}",
    USD: "sum({0})::DECIMAL(38, 12) AS {0}",
    HISTOGRAM: "flatten(list({0}) FILTER ({0} IS NOT NULL)) AS {0}",
}


def _write(table: str, connection: duckdb.DuckDBPyConnection, grain: str, path: str, files: fs.FileSystem) -> None:
    spec = TABLES[table]
    schema = spec.schema.remove(spec.schema.get_field_index(spec.partition_by))
    batches = _cast(connection.sql(f"FROM {grain}").to_arrow_reader(BATCH_ROWS), schema)
    first = next(batches)
    _make_directories(path, files)
    with open_file(table, path, files, settle(layout(table), first), schema) as writer:
        writer.write_table(first)
        for rows in batches:
            writer.write_table(rows)


def _cast(batches: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.Table]:
    for batch in batches:
        yield pa.Table.from_batches([batch]).cast(schema)


def _make_directories(path: str, files: fs.FileSystem) -> None:
    if isinstance(files, fs.SubTreeFileSystem):
        files.create_dir(path.rpartition("/")[0], recursive=True)
