"""Laws of the FOCUS export, over months of calls of any size, kind and price, which come in any flushes."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from tests.warehouse.billing import Books, call, total
from tests.warehouse.exporting import AFTER_DECEMBER, AFTER_NOVEMBER, DECEMBER, NOVEMBER, export
from tests.warehouse.settling import HOW, World
from warehouse.settle import reprice

pytestmark = pytest.mark.long

PICO = Decimal("1e-12")
MODELS = (
    *(("openai", "gpt-4o"), ("openai", "gpt-audio"), ("anthropic", "claude-sonnet-4-5"), ("google", "gemini-2.5-pro")),
    *(
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        (None, "gpt-4o-mini"),
        ("deepseek", "deepseek-chat"),
    ),
)
ODD = PriceBook.from_settings({"openai/gpt-4o": {"input": 1.234567, "output": 7.654321, "cached_input": 0.111111}})
EXAMPLES = int(os.environ.get("SPANLEDGER_TEST_EXAMPLES", "3"))
"""Each takes a second or three."""


@st.composite
def a_call(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """A call of some model on one of three days, whose parts are no more than the whole."""
    provider, model = draw(st.sampled_from(MODELS))
    told: dict[str, Any] = {
        "provider": provider,
        "request_model": model,
        "tenant": draw(st.sampled_from(["a", "b", None])),
    }
    left = told["input_tokens"] = draw(st.sampled_from([0, 3, 777, 5_000, 300_001]))
    told["output_tokens"] = draw(st.integers(0, 999))
    parts = ["cached_input_tokens", "cache_write_tokens"] if "audio" not in model else ["audio_input_tokens"]
    for name in parts:
        told[name] = draw(st.integers(0, left // 2))
        left -= told[name]
    if told.get("cache_write_tokens"):
        told["cache_write_1h_tokens"] = draw(st.integers(0, told["cache_write_tokens"]))
    if "audio" in model:
        told["audio_output_tokens"] = draw(st.integers(0, told["output_tokens"]))
    return call(f"c{number}", day=draw(st.integers(0, 2)), seconds=number % 7, **told)


@st.composite
def calls(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to thirty calls."""
    return [draw(a_call(number)) for number in range(draw(st.integers(1, 30)))]


def booked(world: World, month: dt.date) -> dict[tuple[Any, ...], Decimal]:
    """Costs that the ledger has booked in a month, by day, tenant and model."""
    rows = world.sql(
        "SELECT period, day, tenant, model, sum(cost_usd) FROM ledger GROUP BY ALL HAVING sum(cost_usd) <> 0", "ledger"
    )
    return {(f"{day}T00:00:00Z", tenant, model): cost for period, day, tenant, model, cost in rows if period == month}


def exported(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], Decimal]:
    """The same of a file."""
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["ChargePeriodStart"], row["x_Tenant"], row["x_Model"]] += row["BilledCost"]
    return {key: cost for key, cost in sums.items() if cost}


def check_prices(rows: list[dict[str, Any]], calls: int) -> None:
    """A unit price is what the cost was rounded from, call by call."""
    for row in rows:
        if row["ContractedUnitPrice"] is not None:
            exact = row["ContractedUnitPrice"] * row["PricingQuantity"]
            assert abs(exact - row["ContractedCost"]) <= (calls + 1) * PICO / 2
        if row["ListUnitPrice"] is not None:
            assert abs(row["ListUnitPrice"] * row["PricingQuantity"] - row["ListCost"]) <= (calls + 1) * PICO / 2


@settings(max_examples=EXAMPLES, deadline=None)
@given(calls(), st.integers(0, 30), st.sampled_from([None, ODD]))
def test_months_have_the_ledgers_costs_whatever_comes_late_or_is_repriced(
    made: list[dict[str, Any]], late: int, prices: PriceBook | None
):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        world = World(directory)
        world.flush(made[late:] or made[:1])
        world.settle(now=AFTER_NOVEMBER)
        world.close(NOVEMBER, AFTER_NOVEMBER)
        if made[:late] and made[late:]:
            world.flush(made[:late], partition=1)
        world.settle(now=AFTER_DECEMBER)
        if prices:
            window = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), AFTER_DECEMBER)
            reprice(world.lake, world.settings, HOW, pricing_of(prices), now=AFTER_DECEMBER, window=window)

        for month in (NOVEMBER, DECEMBER):
            _, rows = export(world, month, directory / "rows.csv")

            assert exported(rows) == booked(world, month)
            check_prices(rows, len(made))


@settings(max_examples=EXAMPLES, deadline=None)
@given(calls())
def test_our_own_file_is_no_difference_to_our_books(made: list[dict[str, Any]]):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        books = Books(World(directory), AFTER_DECEMBER)
        books.fill(made, now=AFTER_NOVEMBER)

        done, _ = export(books.world, NOVEMBER, directory / "november.csv")
        books.take(directory / "november.csv") if done.rows else None

        causes = total(books.compare())
        assert set(causes) <= {"rounding"}
        assert abs(sum(causes.values(), Decimal(0))) <= len(made) * PICO
