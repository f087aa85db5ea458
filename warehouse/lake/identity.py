"""Who a lake is: the Delta table ``identity``, whose own id is the lake's id, and the key its users are hashed with.

The table is created before all others, by exactly one process. Its id is new with every lake, so a consumer group
named after it is never ahead of a fresh lake. A fact is claimed once with an app-transaction: the first one stands.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from warehouse.errors import LakeMismatch
from warehouse.lake.handle import create_table, open_table
from warehouse.lake.place import Place, unavailable
from warehouse.schemas import TIME

TABLE = "identity"
FORMAT = "spanledger lake, format 1"
SCHEMA = pa.schema([pa.field("fact", pa.string()), pa.field("value", pa.string()), pa.field("claimed_at", TIME)])


def create_identity(place: Place) -> None:
    """Make the lake's id unless it has one."""
    create_table(place, TABLE, SCHEMA, configuration={}, description=FORMAT)


def read_identity(place: Place) -> DeltaTable:
    """The identity table; LakeMissing without one, LakeMismatch where another format of lake stands."""
    table = open_table(place, TABLE, SCHEMA)
    if table.metadata().description != FORMAT:
        raise LakeMismatch(f"{place.url} is `{table.metadata().description}`, this version writes `{FORMAT}`")
    return table


def claim(place: Place, fact: str, value: str) -> str:
    """State a fact about the lake unless it is stated; what is returned is what stands."""
    table = read_identity(place)
    while True:
        with unavailable("claim the identity of", place.url):
            table.update_incremental()
            standing = _facts(place, table)
            if fact in standing:
                return standing[fact]
            row = {"fact": fact, "value": value, "claimed_at": datetime.now(UTC)}
            try:
                write_deltalake(
                    table,
                    pa.Table.from_pylist([row], schema=SCHEMA),
                    mode="append",
                    commit_properties=CommitProperties(app_transactions=[Transaction(fact, 1)]),
                )
            except CommitFailedError:
                continue  # somebody else was first: read what stands


def _facts(place: Place, table: DeltaTable) -> dict[str, str]:
    """Read file by file: pyarrow's datasets, which deltalake would use, import all of pandas."""
    files = place.filesystem(TABLE)
    facts: dict[str, str] = {}
    for path in pa.RecordBatchReader.from_stream(table.get_add_actions()).read_all()["path"].to_pylist():
        with files.open_input_file(path) as file:
            facts |= {row["fact"]: row["value"] for row in pq.ParquetFile(file).read().to_pylist()}
    return facts
