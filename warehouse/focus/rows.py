"""The rows of a month: made of the ledger with prices that are known now."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from importlib.resources import files
from io import StringIO

import duckdb
import pyarrow as pa

from warehouse.focus.offers import Sellers, register, register_payers
from warehouse.schemas import TOKEN_KINDS

DIMENSIONS = (
    *("tenant", "feature", "principal", "environment", "service", "provider", "provider_account", "model"),
    *("service_tier", "operation", "route", "prompt_name", "prompt_version", "price_status", "price_version", "tags"),
)
"""What of a ledger line its rows keep; how calls ended and what their tasks came to does not change a bill."""
_TOKEN_NAMES = ("in_all", "cached", "written", "written_1h", "out_all", "reasoning", "in_audio", "out_audio")


def book_month(connection: duckdb.DuckDBPyConnection, sellers: Sellers, month: date) -> None:
    """Make the table ``booked`` of the view ``ledger``: the lines of a month."""
    connection.execute("SET VARIABLE month = $1", [month])
    register_payers(connection, sellers)
    connection.execute(read_sql("booked"))


def make_rows(connection: duckdb.DuckDBPyConnection, sellers: Sellers, settlement: int) -> None:
    """Make the view ``focus_rows`` of ``booked``, in the order of the file; ``settlement``: that it is as of."""
    connection.execute("SET VARIABLE settlement = $1", [settlement])
    register(connection, sellers)
    connection.register("meters", _meters())
    connection.execute(read_sql("parts"))
    connection.execute(read_sql("rows"))


@cache
def read_sql(name: str) -> str:
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
