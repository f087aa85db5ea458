"""What tenants are charged on top of a price: no provider bills it, so our costs are compared without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from warehouse.schemas import TIME

_PERCENT = pa.decimal128(38, 12)
_ASKED = (
    "SELECT DISTINCT payer_of(tenant) AS payer, provider, model, service_tier, price_version, "
    "marked_since(hour) AS since FROM ledger WHERE day >= $start AND day < $end AND price_version IS NOT NULL"
)
_MACROS = """
CREATE TEMP MACRO payer_of(tenant) AS CASE WHEN tenant IN (FROM markup_payers) THEN tenant END;
CREATE TEMP MACRO marked_since(hour) AS (SELECT max(starts) FROM markup_starts WHERE starts <= hour);
"""


class Markups(Protocol):
    """Markups of the price book."""

    @property
    def starts(self) -> Sequence[datetime]:
        """When they begin."""

    @property
    def tenants(self) -> frozenset[str]:
        """Those with prices of their own."""

    def percent(self, line: Mapping[str, Any]) -> Decimal | None:
        """On the price of calls with the columns of ``_ASKED``; None: their price book is not at hand."""


class NoMarkups:
    """There are none."""

    starts: Sequence[datetime] = ()
    tenants: frozenset[str] = frozenset()

    def percent(self, _: Mapping[str, Any]) -> Decimal | None:
        """None, whatever it is."""
        return Decimal(0)


def register(connection: duckdb.DuckDBPyConnection, markups: Markups, bounds: dict[str, Any]) -> tuple[str, ...]:
    """Make the table ``marked`` of the view ``ledger``; gives the price versions whose book is not at hand."""
    payers, starts = sorted(markups.tenants), list(markups.starts)
    connection.register("markup_payers", pa.table({"tenant": pa.array(payers, pa.string())}))
    connection.register("markup_starts", pa.table({"starts": pa.array(starts, TIME)}))
    connection.execute(_MACROS)
    found = connection.sql(_ASKED, params=bounds).to_arrow_table()
    percents = [markups.percent(row) for row in found.to_pylist()]
    marked = found.append_column("percent", pa.array([percent or Decimal(0) for percent in percents], _PERCENT))
    connection.register("marked", marked)
    versions = zip(found["price_version"].to_pylist(), percents, strict=True)
    return tuple(sorted({version for version, percent in versions if percent is None}))
