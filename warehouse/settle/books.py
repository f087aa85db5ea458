"""The lines that the books of some hours lack, as DuckDB finds them: see the SQL files."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.engine import Connection
from warehouse.once.safety import CHECKS, EVENTS, TELLING, tell
from warehouse.relations import LAST
from warehouse.schemas import TIME
from warehouse.schemas.kinds import fields
from warehouse.settle.standing import Standing
from warehouse.settle.statements import read_sql

LINES = {
    "ledger": "ledger_lines",
    "user_days": "user_lines",
    "tasks": "task_rows",
    "safety_hours": "safety_lines",
}
"""By table of the lake what ``books.sql`` and ``safety.sql`` call its rows."""


NO_VERDICTS = pa.schema(
    [
        *fields("tenant kind task outcome outcome_source safe safe_source", pa.string()),
        pa.field("decided_at", TIME),
        pa.field("review_minutes", pa.float64()),
        pa.field("is_fresh", pa.bool_()),
    ]
).empty_table()


def count_hours(connection: Connection, since: datetime, before: datetime = LAST) -> dict[datetime, int]:
    """Spans by hour of those that ended from ``since`` to ``before``; needs the view ``spans``."""
    counted = connection.execute(
        "SELECT hour_of(ended_at), count(*) FROM spans WHERE ended_at >= $1 AND ended_at < $2 GROUP BY ALL",
        [since, before],
    )
    return dict(counted.fetchall())


def find_named(connection: Connection, told: pa.Table) -> pa.Table:
    """Spans whose tasks outcomes may be about; needs ``corrected_spans``."""
    connection.register("told", told)
    connection.execute(read_sql("named"))
    return connection.sql("FROM named").to_arrow_table()


def decide_tasks(connection: Connection, told: pa.Table, named: list[pa.Table]) -> tuple[pa.Table, pa.Table]:
    """What became of each task that an outcome tells of, by what ``find_named`` found; and outcomes about none."""
    connection.register("told", told)
    connection.register("named", pa.concat_tables(named))
    connection.execute(read_sql("verdicts"))
    placed = connection.sql("SELECT DISTINCT outcome_id FROM placed").to_arrow_table()["outcome_id"]
    homeless = told.filter(pc.invert(pc.is_in(told["outcome_id"], placed.combine_chunks())))
    return connection.sql("FROM verdict_of").to_arrow_table(), homeless


def overturns(connection: Connection, since: datetime, verdicts: pa.Table) -> bool:
    """Whether verdicts are others than the books have of tasks from ``since`` on; needs the view ``tasks``."""
    _compare(connection, since, verdicts)
    return bool(connection.execute("SELECT count(*) FROM otherwise WHERE was_decided").fetchall()[0][0])


def find_touched(
    connection: Connection, close_id: str, verdicts: pa.Table, *, decided_since: datetime, fresh_since: datetime
) -> set[datetime]:
    """Hours whose books may lack something, by what stands in ``corrections``, ``tasks`` and the verdicts.

    Tasks that are decided otherwise count from ``decided_since`` on, by an outcome that has just come from
    ``fresh_since`` on.
    """
    _compare(connection, min(decided_since, fresh_since), verdicts)
    connection.execute("SET VARIABLE close_id = $1", [close_id])
    connection.execute("SET VARIABLE decided_since = $1", [decided_since])
    connection.execute("SET VARIABLE fresh_since = $1", [fresh_since])
    connection.execute(read_sql("affected"))
    return {hour for (hour,) in connection.execute("FROM touched").fetchall()}


def _compare(connection: Connection, since: datetime, verdicts: pa.Table) -> None:
    connection.register("verdict_of", verdicts)
    connection.execute("SET VARIABLE tasks_since = $1", [since])
    connection.execute(read_sql("otherwise"))


def find_lines(connection: Connection, standing: Standing, entry: str) -> dict[str, pa.Table]:
    """By table the rows to add, without settlement and close; ``entry``: of lines of hours that were closed before.

    Needs ``corrected_spans``, the tables ``hours``, ``unread`` and ``verdict_of``, and the views of ``LINES``.
    """
    connection.execute("SET VARIABLE closed_to = $1", [standing.closed_to])
    connection.execute("SET VARIABLE entry = $1", [entry])
    connection.execute("SET VARIABLE months_closed_to = $1", [standing.months_closed_to])
    connection.execute(read_sql("books"))
    connection.register("safety_words", _read_safety(connection))
    connection.execute(read_sql("safety"))
    return {table: connection.sql(f"FROM {lines}").to_arrow_table() for table, lines in LINES.items()}


def _read_safety(connection: Connection) -> pa.Table:
    """What ``safety_combinations`` tell: ``TELLING``, category, action, events, checked_calls."""
    combinations = connection.sql("FROM safety_combinations").to_arrow_table()
    parts = []
    for counted, told in tell(pl.DataFrame(combinations).cast(pl.Schema(TELLING))):
        counts = {name: pa.repeat(int(name == counted), told.height) for name in (EVENTS, CHECKS)}
        words = {name: told[name].to_arrow().cast(pa.string()) for name in ("category", "action")}
        rows = combinations.take(told["row"].to_arrow())
        parts.append(pa.table({**dict(zip(rows.column_names, rows.columns, strict=True)), **words, **counts}))
    return pa.concat_tables(parts)
