"""Write the rows of a month to a file, and say what is not in it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from io import StringIO
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.damage import FAILURES, failure
from warehouse.errors import WarehouseError
from warehouse.focus.offers import Sellers, register, register_payers
from warehouse.instance import share
from warehouse.lake.snapshot import Snapshot
from warehouse.relations import EVER, Window, expose
from warehouse.schemas import TOKEN_KINDS
from warehouse.scope import ALL, literal
from warehouse.settings import LakeSettings

CSV, PARQUET = "csv", "parquet"
DIMENSIONS = (
    *("tenant", "feature", "principal", "environment", "service", "provider", "provider_account", "model"),
    *("service_tier", "operation", "route", "prompt_name", "prompt_version", "price_status", "price_version", "tags"),
)
"""What of a ledger line its rows keep; how calls ended and what their tasks came to does not change a bill."""
_TOKEN_NAMES = ("in_all", "cached", "written", "written_1h", "out_all", "reasoning", "in_audio", "out_audio")
_FORMATS = {
    CSV: "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ'",
    PARQUET: "FORMAT parquet, COMPRESSION zstd",
}
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
    that are not. ``is_closed``: nothing will be booked in this month any more.
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


def export_month(snapshot: Snapshot, settings: LakeSettings, sellers: Sellers, asked: Asked) -> Exported:
    """Write the file anew. Raises NothingSettled, LakeUnavailable, LakeDamaged."""
    try:
        with share(settings) as connection:
            return _export(connection, snapshot, sellers, asked)
    except FAILURES as error:
        windows: dict[str, Window] = {"settlements": EVER, "ledger": EVER, "usage": (asked.starts, asked.ends)}
        doing = f"cannot export {asked.month:%Y-%m} from {snapshot.place.url}"
        raise failure(doing, error, snapshot, windows, settings) from error


def _export(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, sellers: Sellers, asked: Asked) -> Exported:
    expose(connection, snapshot, "settlements", ALL)
    number, closed_to, months_closed_to = connection.sql(_STANDING, params=[asked.month]).fetchall()[0]
    if number is None:
        raise NothingSettled("nothing is settled yet, and only final numbers are exported: run `spanledger settle`")
    expose(connection, snapshot, "ledger", ALL)
    _make_rows(connection, sellers, asked, number)
    connection.execute(f"COPY (FROM focus_rows) TO {literal(str(asked.out))} ({_FORMATS[asked.kind]})")
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
    )


def _make_rows(connection: duckdb.DuckDBPyConnection, sellers: Sellers, asked: Asked, number: int) -> None:
    """Make the view ``focus_rows`` of the view ``ledger``."""
    variables = {
        "month": asked.month,
        "settlement": number,
        "price_version": sellers.version,
        "billing_account": asked.account,
        "billing_account_name": asked.account_name,
    }
    for name, value in variables.items():
        connection.execute(f"SET VARIABLE {name} = $1", [value])
    register_payers(connection, sellers)
    connection.execute(_read("booked"))
    register(connection, sellers)
    connection.register("meters", _meters())
    connection.execute(_read("parts"))
    connection.execute(_read("rows"))


def _count_open(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, asked: Asked, start: datetime
) -> tuple[int, Decimal | None]:
    if start >= asked.ends:
        return 0, None
    window = {"start": start, "end": asked.ends}
    expose(connection, snapshot, "usage", ALL, (start, asked.ends))
    calls, usd = connection.execute(_read("open"), window).fetchall()[0]
    return calls, usd


@cache
def _read(name: str) -> str:
    """The text of an SQL file with its columns."""
    text = files("warehouse.focus").joinpath(f"{name}.sql").read_text("utf-8")
    tokens = zip(TOKEN_KINDS, _TOKEN_NAMES, strict=True)
    places = {
        "{dimensions}": ", ".join(DIMENSIONS),
        "{dimensions_of_c}": ", ".join(f"c.{name}" for name in DIMENSIONS),
        "{tokens}": ", ".join(f"coalesce({column}, 0) AS {name}" for column, name in tokens),
    }
    for place, columns in places.items():
        text = text.replace(place, columns)
    return text


@cache
def _meters() -> pa.Table:
    """What kinds are called on a bill."""
    text = files("warehouse.focus").joinpath("meters.csv").read_text("utf-8")
    return pa.Table.from_pylist(list(csv.DictReader(StringIO(text))))
