"""The rows of closed months, kept in the lake with the settlement that closes them.

What they say of list prices, sellers and names is of the price book and the catalogue, which go on. So a month's rows
are made once, when it is closed, and its file is made of these from then on. A month that was closed before there was
this table gets its rows when the next one is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pyarrow as pa

from warehouse.focus.offers import Sellers
from warehouse.focus.rows import book_month, make_rows
from warehouse.instance import share
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import expose
from warehouse.schemas import FOCUS
from warehouse.schemas.settled import CLOSE
from warehouse.scope import ALL
from warehouse.settings import LakeSettings

BATCH_ROWS = 100_000
"""Rows of one commit: what of a month is in memory at once."""

_LACKING = """
SELECT period, (SELECT min(settlement) FROM settlements WHERE months_closed_to > period) AS closed_by
FROM (SELECT DISTINCT period FROM ledger WHERE period < $1) WHERE period NOT IN (SELECT day FROM focus) ORDER BY period
"""
_KEPT = """
CREATE TEMP VIEW focus_rows AS
SELECT * EXCLUDE (day, line, settlement, close_id) FROM focus WHERE day = getvariable('month') ORDER BY line
"""
_COLUMNS = pa.schema([one for one in FOCUS if one not in CLOSE])


def rows_to_keep(
    snapshot: Snapshot, settings: LakeSettings, sellers: Sellers, *, before: date, settlement: int
) -> Iterator[pa.Table]:
    """Rows of ``FOCUS``, without what tells their close, of all months before a day that have none.

    ``settlement``: the one that closes those that are open.
    """
    with share(settings) as connection:
        for table in ("settlements", "ledger", "focus"):
            expose(connection, snapshot, table, ALL)
        months = connection.execute(_LACKING, [before]).fetchall()
    for month, closed_by in months:
        with share(settings) as connection:
            expose(connection, snapshot, "ledger", ALL)
            book_month(connection, sellers, month)
            make_rows(connection, sellers, closed_by or settlement)
            yield from _numbered(connection, month)


def find_kept(connection: duckdb.DuckDBPyConnection) -> bool:
    """Make the view ``focus_rows`` of what is kept of the month in the view ``focus``; False where nothing is."""
    connection.execute(_KEPT)
    if connection.sql("FROM focus_rows LIMIT 1").fetchall():
        return True
    connection.execute("DROP VIEW focus_rows")
    return False


def _numbered(connection: duckdb.DuckDBPyConnection, month: date) -> Iterator[pa.Table]:
    line = 0
    for batch in connection.sql("FROM focus_rows").to_arrow_reader(BATCH_ROWS):
        rows = pa.Table.from_batches([batch])
        rows = rows.add_column(0, "line", pa.array(range(line, line + len(rows)), pa.int64()))
        rows = rows.add_column(0, "day", pa.repeat(pa.scalar(month, pa.date32()), len(rows)))
        line += len(rows)
        yield rows.select(_COLUMNS.names).cast(_COLUMNS)
