"""Tables of a snapshot as DuckDB views: only the files that a time window needs, only the rows that a scope allows."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from warehouse.lake.rollup import coarse
from warehouse.lake.snapshot import Snapshot
from warehouse.schemas import TABLES
from warehouse.scope import Scope, condition, identifier, is_whole, literal

Window = tuple[datetime | None, datetime | None]
"""Half-open; None = no bound."""

EVER: Window = (None, None)
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""Before and after all times."""
NOBODYS_ALONE = "tenant IS NULL AND (budget IS NOT NULL OR NOT list_contains(scoped_by, 'tenant'))"
"""Incidents of several tenants: budgets, prices. Rows of earlier versions do not say what they are scoped by."""


def expose(
    connection: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    table: str,
    scope: Scope,
    window: Window = EVER,
    *,
    close: str = "",
    as_of: int | None = None,
    grain: str = "minute",
) -> None:
    """Make one table of the snapshot visible under its name: the rows of ``scope``, from the files of ``window``.

    ``grain``: nothing finer is asked for, so sums stand for rows where there are any (``warehouse.lake.rollup``). Of
    the books those rows whose settlement stands, of the first ``as_of`` ones where that is said, and those of the
    settlement ``close`` that is under way.
    """
    schema = TABLES[table].schema
    files = snapshot.within(table, *window)
    if grain != "minute":
        files = files.set_column(0, "path", pa.array(coarse(files, *window, grain), pa.string()))
    connection.register(f"{table}_columns", pa.Table.from_batches([], schema=schema))
    sources = [f"FROM {table}_columns"]
    if files.num_rows:
        sources.append(f"FROM {source(connection, snapshot, table, files)}")
    rule = rule_of(connection, snapshot, table, scope, close=close, as_of=as_of)
    columns = ", ".join(identifier(name) for name in schema.names)
    rows = f"FROM ({' UNION ALL BY NAME '.join(sources)}) SELECT {columns} WHERE {rule}"
    connection.execute(f"CREATE VIEW {table} AS {rows}")


def rule_of(
    connection: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    table: str,
    scope: Scope,
    *,
    close: str,
    as_of: int | None,
) -> str:
    """SQL that holds for the rows of a table that ``expose`` shows."""
    rule = condition(scope) if "tenant" in TABLES[table].schema.names else "true"
    if table == "incidents" and not is_whole(scope):
        rule = f"({rule}) AND ({NOBODYS_ALONE}) IS NOT true"
    if TABLES[table].is_settled:
        return f"({rule}) AND close_id IN ({', '.join(map(literal, [*_closes(connection, snapshot, as_of), close]))})"
    return f"settlement <= {as_of}" if table == "settlements" and as_of is not None else rule


def _closes(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, as_of: int | None) -> list[str]:
    """The settlements that stand, or stood when ``as_of`` was the last."""
    files = snapshot.files["settlements"]
    if not files.num_rows:
        return []
    until = "true" if as_of is None else f"settlement <= {as_of}"
    settlements = source(connection, snapshot, "settlements", files)
    rows = connection.sql(f"FROM {settlements} SELECT close_id WHERE {until}").fetchall()
    return [row[0] for row in rows]


def source(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, table: str, files: pa.Table) -> str:
    """What stands after FROM to read ``files``, of which there is at least one."""
    if snapshot.place.directory is not None:
        return parquet(snapshot, table, files)
    connection.register(f"{table}_files", _dataset(snapshot, table, files))
    return f"{table}_files"


def parquet(snapshot: Snapshot, table: str, files: pa.Table) -> str:
    """The files of a table in a local directory as a DuckDB table function; names are no patterns."""
    root = f"{snapshot.place.table_url(table)}/"
    paths = ", ".join(literal(re.sub(r"([\[*?])", r"[\1]", root + path)) for path in files["path"].to_pylist())
    mixed = ", union_by_name = true" if table in snapshot.widened else ""  # twice the cost of opening files
    return f"read_parquet([{paths}], hive_partitioning = true, hive_types = {{'day': DATE}}{mixed})"


def _dataset(snapshot: Snapshot, table: str, files: pa.Table) -> object:
    """The files of a table on an object store, read through deltalake's file system."""
    import pyarrow.dataset as ds  # noqa: PLC0415 - imports all of pandas, which a lake in a directory does without

    kind = ds.ParquetFileFormat()
    store = snapshot.place.filesystem(table)
    fragments = [
        kind.make_fragment(path, store, ds.field("day") == pa.scalar(day, pa.date32()))
        for path, day in zip(files["path"].to_pylist(), files["day"].to_pylist(), strict=True)
    ]
    return ds.FileSystemDataset(fragments, TABLES[table].schema, kind, store)
