"""Write the rows of a month to a file, and say what is not in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from warehouse.damage import FAILURES, failure
from warehouse.errors import WarehouseError
from warehouse.focus.keeping import find_kept
from warehouse.focus.offers import Sellers
from warehouse.focus.rows import book_month, make_rows, read_sql
from warehouse.instance import share
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import EVER, Window, expose
from warehouse.scope import ALL, literal
from warehouse.settings import LakeSettings

CSV, PARQUET = "csv", "parquet"
_FORMATS = {
    CSV: "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ'",
    PARQUET: "FORMAT parquet, COMPRESSION zstd",
}
_FILE = """
COPY (
    SELECT * REPLACE (getvariable('account') AS BillingAccountId, getvariable('account_name') AS BillingAccountName)
    FROM focus_rows
) TO"""
_SUMS = "SELECT count(*), coalesce(sum(BilledCost), 0), count(*) FILTER (ContractedUnitPrice IS NULL) FROM focus_rows"
_UNPRICED = (
    "SELECT model, sum(calls)::BIGINT AS calls "
    "FROM (SELECT model, sum(calls) AS calls FROM booked WHERE is_unpriced GROUP BY model, hour HAVING sum(calls) > 0) "
    "GROUP BY model ORDER BY calls DESC, model"
)
"""Hours of earlier months whose calls got a price have fewer of them: those are in the file of their own month."""
_STANDING = (
    "SELECT coalesce(min(settlement) FILTER (months_closed_to > $1), max(settlement)), "
    "arg_max(closed_to, settlement), arg_max(months_closed_to, settlement) FROM settlements"
)
"""What stands, and the settlement that a file is as of: of a month that is closed the one that closed it, for good."""


class NothingSettled(WarehouseError):
    """There is no settlement yet, so nothing is final."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is exported, and to which file. ``month``: its first day. ``account``: the BillingAccountId of all rows."""

    month: date
    account: str
    account_name: str
    out: Path
    kind: str

    @property
    def starts(self) -> datetime:
        """Its first instant, UTC."""
        return datetime(self.month.year, self.month.month, 1, tzinfo=UTC)

    @property
    def ends(self) -> datetime:
        """The first instant after it."""
        return datetime(self.month.year + self.month.month // 12, self.month.month % 12 + 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a file has, and what it lacks.

    ``settlement``: the last that the file has; of a closed month the one that closed it.
    ``mixed``: rows without a unit price. ``unpriced``: calls without a price by model, which have no rows.
    ``closed_to``: up to when hours are settled; ``open_calls open_usd``: what the stream has told of those of the month
    that are not. ``is_closed``: nothing will be booked in this month any more. ``is_kept``: the rows are those that
    were made when it was closed.
    """

    rows: int
    billed_usd: Decimal
    mixed: int
    unpriced: dict[str | None, int]
    settlement: int
    closed_to: datetime
    open_calls: int
    open_usd: Decimal | None
    is_closed: bool
    is_kept: bool


def export_month(snapshot: Snapshot, settings: LakeSettings, sellers: Sellers, asked: Asked) -> Exported:
    """Write the file anew. Raises NothingSettled, LakeUnavailable, LakeDamaged."""
    try:
        with share(settings) as connection:
            return _export(connection, snapshot, sellers, asked)
    except FAILURES as error:
        windows: dict[str, Window] = {
            "settlements": EVER,
            "ledger": EVER,
            "focus": EVER,
            "usage": (asked.starts, asked.ends),
        }
        doing = f"cannot export {asked.month:%Y-%m} from {snapshot.place.url}"
        raise failure(doing, error, snapshot, windows, settings) from error


def _export(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, sellers: Sellers, asked: Asked) -> Exported:
    expose(connection, snapshot, "settlements", ALL)
    number, closed_to, months_closed_to = connection.sql(_STANDING, params=[asked.month]).fetchall()[0]
    if number is None:
        raise NothingSettled("nothing is settled yet, and only final numbers are exported: run `spanledger settle`")
    for table in ("ledger", "focus"):
        expose(connection, snapshot, table, ALL)
    book_month(connection, sellers, asked.month)
    is_kept = find_kept(connection)
    if not is_kept:
        make_rows(connection, sellers, number)
    for name, value in (("account", asked.account), ("account_name", asked.account_name)):
        connection.execute(f"SET VARIABLE {name} = $1", [value])
    connection.execute(f"{_FILE} {literal(str(asked.out))} ({_FORMATS[asked.kind]})")
    rows, billed, mixed = connection.sql(_SUMS).fetchall()[0]
    unpriced = dict(connection.sql(_UNPRICED).fetchall())
    open_calls, open_usd = _count_open(connection, snapshot, asked, max(closed_to, asked.starts))
    return Exported(
        rows=rows,
        billed_usd=billed,
        mixed=mixed,
        unpriced=unpriced,
        settlement=number,
        closed_to=closed_to,
        open_calls=open_calls,
        open_usd=open_usd,
        is_closed=asked.month < months_closed_to,
        is_kept=is_kept,
    )


def _count_open(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, asked: Asked, start: datetime
) -> tuple[int, Decimal | None]:
    if start >= asked.ends:
        return 0, None
    window = {"start": start, "end": asked.ends}
    expose(connection, snapshot, "usage", ALL, (start, asked.ends))
    calls, usd = connection.execute(read_sql("open"), window).fetchall()[0]
    return calls, usd
