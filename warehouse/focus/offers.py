"""What prices were on offer: tables that the SQL of the export joins with the books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

import duckdb
import pyarrow as pa

UNITS_PER_USD = 10**24
"""Unit prices are whole numbers of 10^-24 USD: twelve decimals below a picodollar."""

_WHOLE = pa.decimal128(38, 0)
_CALLS = "SELECT DISTINCT payer, provider, model, service_tier, price_version, day FROM booked ORDER BY ALL"
_SOLD = "SELECT DISTINCT provider, model FROM booked ORDER BY ALL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one of a kind costs: as paid, and on the price list, or in the book where no list has it. USD, exact."""

    paid: Fraction
    listed: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Who sells a model and who made it; ``id`` is the name of the price catalogue, the others are for people."""

    id: str
    name: str
    publisher: str


class Sellers(Protocol):
    """What the price book knows. ``tenants``: with own prices."""

    tenants: frozenset[str]

    def knows(self, version: str | None) -> bool:
        """Whether the tables are at hand that priced lines of this ``price_version``."""

    def seller(self, provider: str | None, model: str | None) -> Seller:
        """Whose bill has the calls of a model."""

    def offers(
        self, tenant: str | None, provider: str | None, model: str, tier: str | None, *, version: str | None, day: date
    ) -> Sequence[Mapping[str, Offer]] | None:
        """Prices by kind of a call on a day, of every context size and time of day; None: no price is known.

        Those of the tables that ``version`` names, where they are at hand; else those of now.
        """


def register(connection: duckdb.DuckDBPyConnection, sellers: Sellers) -> None:
    """Make the tables ``asked`` (a ``key``, and whether it is known), ``offered`` and ``sold`` for ``booked``."""
    calls = connection.sql(_CALLS).fetchall()
    found = [sellers.offers(*call[:4], version=call[4], day=call[5]) if call[2] is not None else None for call in calls]
    names = ("payer", "provider", "model", "service_tier", "price_version")
    asked: dict[str, pa.Array] = {
        name: pa.array([call[place] for call in calls], pa.string()) for place, name in enumerate(names)
    }
    asked["day"] = pa.array([call[5] for call in calls], pa.date32())
    asked["key"] = pa.array(range(len(calls)), pa.int64())
    known = [cells is not None and sellers.knows(call[4]) for call, cells in zip(calls, found, strict=True)]
    asked["is_known"] = pa.array(known, pa.bool_())
    connection.register("asked", pa.table(asked))
    rows = [
        (key, cell, kind, offer)
        for key, cells in enumerate(found)
        for cell, offers in enumerate(cells or ())
        for kind, offer in offers.items()
    ]
    connection.register(
        "offered",
        pa.table(
            {
                "key": pa.array([row[0] for row in rows], pa.int64()),
                "cell": pa.array([row[1] for row in rows], pa.int64()),
                "kind": pa.array([row[2] for row in rows], pa.string()),
                "paid": _units(row[3].paid for row in rows),
                "listed": _units(row[3].listed for row in rows),
            }
        ),
    )
    _register_sold(connection, sellers)


def register_payers(connection: duckdb.DuckDBPyConnection, sellers: Sellers) -> None:
    """Make the table ``payers``: the tenants with prices of their own."""
    connection.register("payers", pa.table({"tenant": pa.array(sorted(sellers.tenants), pa.string())}))


def _register_sold(connection: duckdb.DuckDBPyConnection, sellers: Sellers) -> None:
    pairs = connection.sql(_SOLD).fetchall()
    who = [sellers.seller(*pair) for pair in pairs]
    columns: dict[str, list[Any]] = {
        "provider": [pair[0] for pair in pairs],
        "model": [pair[1] for pair in pairs],
        "seller": [one.id for one in who],
        "seller_name": [one.name for one in who],
        "publisher": [one.publisher for one in who],
    }
    connection.register("sold", pa.table({name: pa.array(held, pa.string()) for name, held in columns.items()}))


def _units(prices: Iterable[Fraction | None]) -> pa.Array:
    """Whole units; NULL where a price is none, or is not a whole number of them."""
    each = [None if price is None else price * UNITS_PER_USD for price in prices]
    return pa.array([Decimal(int(one)) if one is not None and one.denominator == 1 else None for one in each], _WHOLE)
