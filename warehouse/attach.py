"""A DuckDB file with views over one snapshot: the lake for notebooks and BI tools that open DuckDB.

The views name the snapshot's Parquet files by absolute path, so reading them costs what reading the lake costs and
writes nothing. View ``snapshot`` says when it was taken. The file is as good as the files that it names: attach again
to see what has come since, at the latest before vacuum (7 days) takes replaced files away.
"""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.damage import FAILURES, failure
from warehouse.errors import WarehouseError
from warehouse.lake.place import Place
from warehouse.lake.snapshot import Snapshot, SnapshotTaker
from warehouse.relations import EVER, parquet
from warehouse.schemas import TABLES
from warehouse.scope import identifier, literal
from warehouse.settings import LakeSettings

OLDEST_CLIENT = "v1.2.0"
"""The oldest DuckDB that can open the file."""


class CannotAttach(WarehouseError):
    """The lake cannot be put into a DuckDB file here."""


def attach(settings: LakeSettings, target: Path) -> Snapshot:
    """Write ``target`` anew, atomically: whoever has it open goes on reading the old one.

    Raises CannotAttach (object store, something else stands at ``target``), LakeMissing, LakeUnavailable, LakeDamaged.
    """
    place = Place.of(settings)
    if place.directory is None:
        raise CannotAttach(
            f"{place.url} is an object store: a DuckDB file cannot hold its credentials; attach a local copy"
        )
    _check_target(target)
    taker = SnapshotTaker(place)
    snapshot = taker.take()
    draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        _write(draft, snapshot, taker.lake_id)
        draft.replace(target)
    except FAILURES as error:
        raise failure(f"cannot write {target}", error, snapshot, dict.fromkeys(TABLES, EVER), settings) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    return snapshot


def _check_target(target: Path) -> None:
    """A file that is no DuckDB database is not ours to replace: those have `DUCK` at byte 8."""
    if target.is_dir() or (target.is_file() and target.read_bytes()[8:12] != b"DUCK"):
        raise CannotAttach(f"{target} is there and is no DuckDB file; name another one")


def _write(draft: Path, snapshot: Snapshot, lake_id: str) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH {literal(str(draft))} AS lake (STORAGE_VERSION '{OLDEST_CLIENT}')")
        for table in TABLES:
            rows = _rows(connection, snapshot, table)
            if TABLES[table].is_settled:
                rows = f"FROM ({rows}) SEMI JOIN lake.settlements USING (close_id)"
            connection.execute(f"CREATE VIEW lake.{table} AS {rows}")
        versions = ", ".join(f"{literal(table)}: {version}" for table, version in snapshot.versions.items())
        connection.execute(
            f"CREATE VIEW lake.snapshot AS FROM (VALUES (1)) SELECT "
            f"TIMESTAMPTZ '{snapshot.taken_at.isoformat()}' AS taken_at, "
            f"{literal(lake_id)} AS lake_id, {literal(snapshot.place.url)} AS lake, MAP {{{versions}}} AS versions"
        )
        connection.execute("DETACH lake")


def _rows(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, table: str) -> str:
    """SQL of all rows of a table, in the columns of its schema whatever the files hold."""
    schema = TABLES[table].schema
    connection.register(f"{table}_columns", pa.Table.from_batches([], schema=schema))
    types = dict(connection.sql(f"DESCRIBE {table}_columns").project("column_name, column_type").fetchall())
    none = (
        "FROM (VALUES (1)) SELECT "
        + ", ".join(f"NULL::{types[c]} AS {identifier(c)}" for c in schema.names)
        + " WHERE false"
    )
    if not snapshot.files[table].num_rows:
        return none
    names = ", ".join(map(identifier, schema.names))
    return f"FROM (({none}) UNION ALL BY NAME (FROM {parquet(snapshot, table, snapshot.files[table])})) SELECT {names}"
