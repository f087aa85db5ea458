"""Own prices: read from the settings, before the catalogue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from tests.processors.calls import call, calls

MILLION = {"provider": "openai", "response_model": "gpt-4o-mini", "input_tokens": 10**6}


def cost(prices: dict[str, Any], **fields: Any) -> Decimal:
    return price_spans(calls(call(**MILLION | fields)), PriceBook.from_settings(prices)).to_pylist()[0]["cost_usd"]


def test_an_own_price_goes_before_the_catalogue():
    assert cost({"openai/gpt-4o-mini": {"input": 0.11, "output": 0.4}}) == Decimal("0.11")


def test_a_name_with_a_star_covers_all_models_that_begin_so_and_the_longest_wins():
    prices = {"openai/*": {"input": 1, "output": 1}, "openai/gpt-4o*": {"input": 2, "output": 1}}

    assert cost(prices) == Decimal(2)
    assert cost(prices, response_model="gpt-3") == Decimal(1)


def test_a_kind_without_a_price_costs_what_contains_it_costs():
    prices = {"openai/gpt-4o-mini": {"input": 2, "output": 8}}

    assert cost(prices, cached_input_tokens=10**6, output_tokens=10**6, reasoning_tokens=10**6) == Decimal(10)


def test_one_hour_writes_alone_leave_other_writes_at_the_input_price():
    prices = {"openai/gpt-4o-mini": {"input": 2, "output": 8, "cache_write_1h": 4}}

    assert cost(prices, cache_write_tokens=10**6, cache_write_1h_tokens=500_000) == Decimal(3)


def test_the_version_changes_with_the_own_prices_and_names_the_catalogue():
    books = ({}, {"a/b": {"input": 1, "output": 1}}, {"a/b": {"input": 1, "output": 2}})

    versions = [PriceBook.from_settings(prices).version for prices in books]

    assert versions[0] == "genai-prices/0.2.3"
    assert len(set(versions)) == 3
    assert all(version.startswith("genai-prices/0.2.3") for version in versions)


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ({"gpt-4o": {"input": 1, "output": 1}}, "provider/model"),
        ({"a/b": 3}, "must be a table"),
        ({"a/b": {"input": 1}}, "must give output"),
        ({"a/b": {"input": 1, "output": 1, "images": 2}}, "no kind 'images'"),
        ({"a/b": {"input": "much", "output": 1}}, "'much': must be a number"),
        ({"a/b": {"input": -1, "output": 1}}, "-1: must be from 0"),
        ({"a/b": {"input": "1e-13", "output": 1}}, "at most 12 decimals"),
        ({"a/b": {"input": "nan", "output": 1}}, "must be from 0"),
    ],
)
def test_a_price_that_cannot_be_read_names_itself_and_what_is_allowed(prices: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=r"^prices: ") as error:
        PriceBook.from_settings(prices)

    assert said in str(error.value)
