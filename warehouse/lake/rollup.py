"""Sums by the hour and by the day beside files of minutes, for questions that ask for nothing finer.

A file of the lake never changes, so neither do its sums. They are made when files are merged, before the commit that
names the merged file, and stand in ``_rollup/hour/PATH`` and ``_rollup/day/PATH``, in the columns of their table: a row
is as good as the rows that it sums up, its minute is the first of the hour or day. The name of the file says that they
are there. So whoever reads a snapshot may read sums in the place of any of its files: nothing has to be kept in step,
late rows are in files of their own, and other engines see one table of minutes.
"""

from __future__ import annotations

import contextlib
import logging
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

log = logging.getLogger(__name__)

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
MEMORY_MIB = 256
"""What making sums may take beside all else that a worker does; where that is not enough a file has none."""
FEWEST_ROWS = 10_000
"""Of a file with fewer rows no sums are made."""
PIECE_ROWS = 16_384
"""So many sums are added up to larger ones at a time."""
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


def roll_up(table: str, rows: int, groups: Iterable[pa.Table], stem: str, files: fs.FileSystem) -> str:
    """Make the sums of a file before it is written; gives its path: ``stem`` and the end that says what was done.

    ``groups``: what will be in it, ``rows`` rows; each is summed up alone first, so that memory grows with the sums
    and not with the file. Raises OSError, ArrowException, duckdb.Error; then there are none.
    """
    if rows < FEWEST_ROWS:
        return stem + WITHOUT
    with connect(LakeSettings(query_memory_mib=MEMORY_MIB, query_threads=1)) as connection:
        try:
            if _sum_up(table, groups, connection) * FEWER > rows:
                return stem + WITHOUT
            for grain in ("hour", "day"):
                _write(table, connection, grain, beside(stem + WITH, grain), files)
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            discard(stem + WITH, files)
            if not isinstance(error, duckdb.OutOfMemoryException):
                raise
            why = str(error).partition("\n")[0]
            log.warning("no sums beside the %d rows of %s %s, which are read as they are: %s", rows, table, stem, why)
            return stem + WITHOUT
    return stem + WITH


def _sum_up(table: str, groups: Iterable[pa.Table], connection: duckdb.DuckDBPyConnection) -> int:
    """Make the tables ``hour`` and ``day``; gives how many rows ``hour`` has."""
    sums = _sums(table, "minutes", "hour")
    into = "CREATE TEMP TABLE parts AS"
    for group in groups:
        connection.register("minutes", group)
        connection.execute(f"{into} {sums}")
        connection.unregister("minutes")
        into = "INSERT INTO parts"
    _add_up(table, "parts", "hour", connection)
    connection.execute("DROP TABLE parts")
    _add_up(table, "hour", "day", connection)
    return _count("hour", connection)


def _add_up(table: str, source: str, grain: str, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table ``grain`` of the sums of another, a piece of the keys at a time: histograms do not spill."""
    keys, pieces = ", ".join(_keys(table)), _count(source, connection) // PIECE_ROWS + 1
    connection.execute(f"CREATE TEMP TABLE {grain} AS FROM {source} LIMIT 0")
    for at in range(pieces):
        piece = f"(FROM {source} WHERE hash({keys}) % {pieces} = {at})"
        connection.execute(f"INSERT INTO {grain} {_sums(table, piece, grain)}")


def _count(name: str, connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.table(name).count("*").fetchall()[0][0])


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
    """SQL of the sums of ``source`` by ``grain``."""
    time, columns = TABLES[table].time, _columns(table)
    keys = ", ".join(_keys(table))
    added = ", ".join(_ADDED[one.type].format(one.name) for one in columns if one.type in _ADDED)
    histograms = [one.name for one in columns if one.type == HISTOGRAM]
    merged = "".join(_MERGED.format(name) for name in histograms)
    joins = " ".join(f"LEFT JOIN {name}_ ON {name}_.id = sums.id" for name in histograms)
    told = ", ".join(f"{one.name}_.{one.name}" if one.name in histograms else f"sums.{one.name}" for one in columns)
    first = f"date_trunc('{grain}', {time}) AS first_"
    grouped = f"SELECT {first}, {keys}, {added} FROM {source} GROUP BY first_, {keys}"  # noqa: S608 - our own names
    sums = f"sums AS MATERIALIZED (SELECT row_number() OVER () AS id, * FROM ({grouped}))"  # noqa: S608
    return f"WITH {sums}{merged} SELECT first_ AS {time}, {told} FROM sums {joins}"  # noqa: S608


def _columns(table: str) -> list[pa.Field]:
    """The columns of a table less its partition and its time."""
    return [one for one in TABLES[table].schema if one.name not in (TABLES[table].partition_by, TABLES[table].time)]


def _keys(table: str) -> list[str]:
    """What tells the rows of an hour or a day apart."""
    return [identifier(one.name) for one in _columns(table) if one.type not in _ADDED]


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
    ordered = connection.sql(f"FROM {grain} ORDER BY {spec.time}, tenant")
    batches = _cast(ordered.to_arrow_reader(BATCH_ROWS), schema)
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
