"""The price of one call, line by line."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot

from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from processors.pricing.lines import as_text, price_lines, sum_lines
from tests.processors.calls import NOON, call, calls

BOOK = PriceBook()
MODELS = [(provider.id, model.id) for provider in get_snapshot().providers for model in provider.models]


def random_call(seeded: random.Random) -> dict[str, Any]:
    provider, model = seeded.choice(MODELS)
    cached, written, reasoning = (seeded.choice([0, seeded.randrange(5_000)]) for _ in range(3))
    return call(
        provider=provider,
        response_model=model,
        service_tier=seeded.choice([None, "batch", "priority", "flex"]),
        operation=seeded.choice(["chat", "transcription", "rerank"]),
        started_at=NOON - dt.timedelta(hours=seeded.randrange(20_000)),
        input_tokens=cached + written + seeded.randrange(500_000),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=seeded.randint(0, written),
        output_tokens=reasoning + seeded.randrange(1_000),
        reasoning_tokens=reasoning,
        units=[("audio_seconds", round(seeded.random() * 100, seeded.randrange(9))), ("searches", 2.0), ("pages", 3.0)],
    )


def test_the_lines_add_up_to_the_cost_of_every_call():
    seeded = random.Random(4)
    rows = [random_call(seeded) for _ in range(400)]

    priced = price_spans(calls(*rows), BOOK).to_pylist()

    wrong = [row for row, one in zip(rows, priced, strict=True) if sum_lines(price_lines(row, BOOK)) != one["cost_usd"]]
    assert not wrong
    assert sum(one["cost_usd"] is not None for one in priced) > 60


def test_a_line_says_how_many_at_which_rate_and_where_that_stands():
    row = call(
        provider="anthropic",
        response_model="claude-sonnet-4-5",
        input_tokens=250_000,
        cached_input_tokens=50_000,
        output_tokens=1,
        units={"searches": 2},
    )

    lines = price_lines(row, BOOK)

    assert [(one.kind, one.quantity, one.rate_usd, one.per, as_text(one.usd)) for one in lines] == [
        ("input", 200_000, Decimal(6), 1_000_000, "1.2"),
        ("cached_input", 50_000, Decimal("0.6"), 1_000_000, "0.03"),
        ("output", 1, Decimal("22.5"), 1_000_000, "0.0000225"),
        ("searches", 2, Decimal(10), 1_000, "0.02"),
    ]
    (source,) = {one.source for one in lines}
    assert source == "genai-prices/0.2.3 anthropic/claude-sonnet-4-5, above 200,000 input tokens"


def test_a_call_without_a_cost_has_no_lines():
    assert price_lines(call(provider="openai", response_model="gpt-99", input_tokens=1), BOOK) == ()
    assert price_lines(call(provider="openai", response_model="gpt-4o"), BOOK) == ()


def test_a_call_as_json_says_it_has_the_same_lines():
    row = call(provider="deepseek", response_model="deepseek-chat", input_tokens=10**6)

    assert price_lines(row | {"started_at": "2026-11-20T12:00:00Z"}, BOOK) == price_lines(row, BOOK) != ()


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (Fraction(1, 8), "0.125"),
        (Fraction(3), "3"),
        (Fraction(100), "100"),
        (Fraction(1, 3), "0.33333333333333333333…"),
        (Fraction(0), "0"),
    ],
)
def test_an_amount_is_written_to_its_end_or_with_an_ellipsis(usd: Fraction, text: str):
    assert as_text(usd) == text
