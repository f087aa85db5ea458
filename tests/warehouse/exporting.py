"""Months to export: a lake with all that a bill can have, and a file's rows as a reader of FOCUS sees them."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from spanledger.focus_names import BookSellers
from tests.warehouse.billing import call
from tests.warehouse.settling import HOW, World
from warehouse.focus import Asked, Exported, export_month
from warehouse.reader import Warehouse
from warehouse.settle import reprice

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


EVERY_PRICE = """
[[price]]
provider = "openai"
model = "gpt-4o*"
from = 2026-01-01
discount_percent = "12.5"

[[price]]
provider = "anthropic"
model = "claude-sonnet-4-5"
tenant = "acme"
from = 2026-01-01
usd_per_mtok = {input = "2.4", cached_input = "0.24", cache_write = "3", output = "12"}
usd_per = {thousand_searches = "8"}

[[price]]
provider = "vllm"
model = "llama*"
from = 2026-01-01
gpu = true

[[price]]
provider = "my-proxy"
model = "gpt-4o"
from = 2026-01-01
like = "openai/gpt-4o"

[[price]]
provider = "cohere"
model = "rerank-*"
from = 2026-01-01
usd_per = {thousand_reranks = "2"}

[[price]]
provider = "router"
model = "*"
from = 2026-01-01
reported = true

[[price]]
model = "*"
from = 2026-01-01
markup_percent = "10"
"""
LATER_PRICES = """
[[price]]
provider = "house"
model = "our-own-7b"
from = 2026-01-01
usd_per_mtok = {input = "1", output = "2"}

[[price]]
provider = "openai"
model = "gpt-4o*"
from = 2026-11-01
discount_percent = "50"
"""
"""Appended to ``EVERY_PRICE``."""
NO_TOKENS: dict[str, Any] = {"input_tokens": None, "output_tokens": None}
FREE = {"provider": "openrouter", "request_model": "meta-llama/llama-3.3-70b-instruct:free"}
EVERY_KIND = [
    *CALLS,
    call("flex", service_tier="flex", **GPT | {"request_model": "o3"}),
    call("priority", service_tier="priority", **GPT),
    call("unpriced", provider="house", request_model="our-own-7b"),
    call("nothing", provider=None, request_model=None),
    call("no-seller", provider=None, request_model="gpt-4o"),
    call("gpu", provider="vllm", request_model="llama-3-70b"),
    call("free", **FREE),
    call("committed", **CLAUDE | {"tenant": "acme"}, cached_input_tokens=100, cache_write_tokens=50),
    call("searches", **CLAUDE, units={"searches": 3.0}),
    call("like", provider="my-proxy", request_model="gpt-4o"),
    call("rerank", provider="cohere", request_model="rerank-v3.5", operation="rerank", units={"searches": 3.0})
    | NO_TOKENS,
    call("image", provider="openai", request_model="gpt-image-1", operation="image"),
    call("images", provider="openai", request_model="dall-e-3", operation="image", units={"images": 2.0}) | NO_TOKENS,
    call(
        "speech", provider="openai", request_model="whisper-1", operation="transcription", units={"audio_seconds": 6.5}
    )
    | NO_TOKENS,
    call("vectors", provider="openai", request_model="text-embedding-3-small", operation="embeddings", output_tokens=0),
    call("reported", provider="router", request_model="any", reported_cost_usd=Decimal("0.0123")),
    call("odd", **GPT | {"tenant": 'of "nobody",\nat all'}, tags={'a "key", so': "v\n1"}),
    call("long", **CLAUDE | {"input_tokens": 250_000}),
    call("zero", **GPT | {"input_tokens": 0, "output_tokens": 0}),
    call("failed", status="error", **GPT),
]
"""One of each kind of row that a month may have, at ``EVERY_PRICE``."""


def every_kind(directory: Path) -> World:
    """A closed November with ``EVERY_KIND``; what came late for it, was priced anew later, and was made in December."""
    prices = directory / "prices.toml"
    prices.write_text(EVERY_PRICE)
    world = World(directory, PriceBook.from_settings({}, str(prices)))
    world.flush(EVERY_KIND)
    world.settle(now=AFTER_NOVEMBER)
    world.close(NOVEMBER, AFTER_NOVEMBER)
    some = [one for one in EVERY_KIND if one.get("operation") == "image" or one.get("service_tier") == "flex"]
    shift = dt.timedelta(days=15)
    told = [one | {name: one[name] + shift for name in ("started_at", "ended_at")} for one in some]
    late = [call("late", day=3, **GPT), call("late-gpu", day=3, provider="vllm", request_model="llama-3-70b")]
    world.flush([*late, *told], partition=1)
    world.settle(now=AFTER_DECEMBER)
    prices.write_text(EVERY_PRICE + LATER_PRICES)
    world.book = PriceBook.from_settings({}, str(prices))
    window = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), AFTER_DECEMBER)
    reprice(world.lake, world.settings, HOW, pricing_of(world.book), now=AFTER_DECEMBER, window=window)
    return world


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
