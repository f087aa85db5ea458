"""Months to export: a lake with all that a bill can have, and a file's rows as a reader of FOCUS sees them."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from spanledger.focus_names import BookSellers
from tests.warehouse.billing import call
from tests.warehouse.settling import World
from warehouse.focus import Asked, Exported, export_month
from warehouse.reader import Warehouse

NOVEMBER, DECEMBER = dt.date(2026, 11, 1), dt.date(2026, 12, 1)
AFTER_NOVEMBER = dt.datetime(2026, 12, 1, 2, tzinfo=dt.UTC)
AFTER_DECEMBER = dt.datetime(2027, 1, 1, 2, tzinfo=dt.UTC)
CLAUDE = {"provider": "anthropic", "request_model": "claude-sonnet-4-5", "provider_account": "workspace-1"}
GPT = {"provider": "openai", "request_model": "gpt-4o", "provider_account": "project-1", "tenant": "acme"}
COSTS = ("BilledCost", "EffectiveCost", "ContractedCost")
NUMBERS = (*COSTS, "ListCost", "ConsumedQuantity", "PricingQuantity", "ContractedUnitPrice", "ListUnitPrice")

CALLS = [
    call("plain", feature="chat", environment="prod", tags={"team": "Zürich"}, **GPT),
    call("cached", day=1, cached_input_tokens=600, **GPT),
    call("batch", day=1, service_tier="batch", **GPT),
    call("nobody", day=2, provider="openai", request_model="gpt-4o-mini", provider_account="project-1"),
    call("written", cache_write_tokens=700, cache_write_1h_tokens=200, cached_input_tokens=100, **CLAUDE),
    call("heard", seconds=5, **GPT | {"request_model": "gpt-audio"}, audio_input_tokens=300, audio_output_tokens=40),
    call("bedrock", provider="aws.bedrock", request_model="us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
]


def november(directory: Path) -> World:
    """November with ``CALLS``, closed; a call of it that came in December, and one of December."""
    world = World(directory)
    world.flush(CALLS)
    world.settle(now=AFTER_NOVEMBER)
    world.close(NOVEMBER, AFTER_NOVEMBER)
    world.flush([call("late", day=3, **GPT), call("of-december", day=15, **GPT)], partition=1)
    world.settle(now=AFTER_DECEMBER)
    return world


def export(world: World, month: dt.date, out: Path) -> tuple[Exported, list[dict[str, Any]]]:
    """What is said of an export, and its rows."""
    asked = Asked(month=month, account="books", account_name="Books", out=out, kind=out.suffix[1:])
    snapshot = Warehouse(world.settings).snapshot().snapshot
    return export_month(snapshot, world.settings, BookSellers(world.book), asked), rows_of(out)


def rows_of(file: Path) -> list[dict[str, Any]]:
    """Rows by column: numbers are Decimal, nothing is None, times are text as CSV has them."""
    if file.suffix == ".parquet":
        rows = pq.read_table(file).to_pylist()
    else:
        with file.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
    return [{name: _plain(name, value) for name, value in row.items()} for row in rows]


def _plain(name: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if name in NUMBERS or (name.startswith("PricingCurrency") and name != "PricingCurrency"):
        return Decimal(value)
    return str(value)


def total(rows: Sequence[dict[str, Any]], name: str) -> Decimal:
    """The sum of a column."""
    return sum((row[name] for row in rows if row[name] is not None), Decimal(0))


def found(rows: Sequence[dict[str, Any]], **values: str | None) -> dict[str, Any]:
    """The only row with these values."""
    (row,) = [row for row in rows if all(row[name] == value for name, value in values.items())]
    return row
