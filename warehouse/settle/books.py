"""The lines that the books of some hours lack, as DuckDB finds them: see the SQL files."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa

from warehouse.settle.standing import Hour, Standing
from warehouse.settle.statements import read_sql

LINES = {"ledger": "ledger_lines", "user_days": "user_lines", "tasks": "task_rows"}
"""By table of the lake what ``books.sql`` calls its rows."""


KEYS = {"ledger": "ALL", "user_days": "ALL", "tasks": "hour, tenant, kind, task"}
"""By what rows of the tables are in order."""


def state_spans(connection: duckdb.DuckDBPyConnection, since: datetime, before: datetime) -> None:
    """Make the view ``standing``: the spans as they stand. Needs the views ``spans`` and ``corrections``."""
    connection.execute("SET VARIABLE since = $1", [since])
    connection.execute("SET VARIABLE before = $1", [before])
    connection.execute(read_sql("effective"))


def decide_tasks(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """What became of each task that an outcome tells of; needs ``standing`` and the view ``outcomes``."""
    connection.execute(read_sql("verdicts"))
    return connection.sql("FROM verdict_of").to_arrow_table()


def find_affected(
    connection: duckdb.DuckDBPyConnection,
    close_id: str,
    decided_since: datetime,
    was_closed_to: datetime,
    closed_to: datetime,
) -> list[Hour]:
    """Closed hours whose books may lack something, by what stands in ``corrections``, ``tasks`` and ``verdict_of``.

    Tasks that are decided otherwise count from ``decided_since`` on.
    """
    given = {"close_id": close_id, "since": decided_since, "was_closed_to": was_closed_to, "closed_to": closed_to}
    return [Hour(start=hour, spans=spans) for hour, spans in connection.execute(read_sql("affected"), given).fetchall()]


def find_lines(connection: duckdb.DuckDBPyConnection, standing: Standing, entry: str) -> dict[str, pa.Table]:
    """By table the rows to add, without settlement and close; ``entry``: of lines of hours that were closed before.

    Needs ``standing``, the tables ``hours``, ``unread`` and ``verdict_of``, the views ``ledger``, ``tasks`` and
    ``user_days``.
    """
    connection.execute("SET VARIABLE closed_to = $1", [standing.closed_to])
    connection.execute("SET VARIABLE entry = $1", [entry])
    connection.execute("SET VARIABLE months_closed_to = $1", [standing.months_closed_to])
    connection.execute(read_sql("books"))
    return {
        table: connection.sql(f"FROM {lines} ORDER BY {KEYS[table]}").to_arrow_table() for table, lines in LINES.items()
    }
