"""Pricing: exact, and agreed with ``genai_prices.calc_price`` wherever that has an answer."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import StartDateConstraint, TieredPrices
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.pricing.book import PriceBook
from processors.pricing.columns import price_spans
from processors.pricing.kinds import USAGE_KEYS
from tests.processors.calls import call, calls
from warehouse.schemas import COST_KINDS

BOOK = PriceBook()
PICO = Decimal("1e-12")
MODELS = [(provider.id, model) for provider in get_snapshot().providers for model in provider.models]


def price(*rows: dict[str, Any], book: PriceBook = BOOK) -> list[dict[str, Any]]:
    return price_spans(calls(*rows), book).to_pylist()


def theirs(row: dict[str, Any], **context: str) -> Decimal | None:
    """What genai-prices says, rounded once; None where it refuses."""
    usage = {theirs: row[ours] for ours, theirs in USAGE_KEYS.items() if row.get(ours) is not None}
    try:
        found = calc_price(
            Usage(**usage),
            row["response_model"],
            provider_id=row["provider"],
            genai_request_timestamp=row["started_at"],
            price_context=context or None,
        )
    except (LookupError, ValueError):
        return None
    return found.total_price.quantize(PICO)


def random_call(random: random.Random, provider: str, model: Any) -> dict[str, Any]:
    cached, written, audio = (random.choice([0, random.randrange(5_000)]) for _ in range(3))
    reasoning, spoken = (random.choice([0, random.randrange(2_000)]) for _ in range(2))
    return call(
        provider=provider,
        response_model=model.id,
        started_at=random.choice(instants(model))
        + dt.timedelta(microseconds=random.choice([-1, 0, random.randrange(10**11)])),
        input_tokens=max(cached + written + audio, random.choice([1, *context_sizes(model)]) + random.choice([0, 1])),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=random.randint(0, written),
        audio_input_tokens=audio,
        output_tokens=reasoning + spoken + random.randrange(20_000),
        reasoning_tokens=reasoning,
        audio_output_tokens=spoken,
    )


def context_sizes(model: Any) -> list[int]:
    prices = [model.prices] if not isinstance(model.prices, list) else [one.prices for one in model.prices]
    tiered = [value for price in prices for value in vars(price).values() if isinstance(value, TieredPrices)]
    return [tier.start for one in tiered for tier in one.tiers]


def instants(model: Any) -> list[dt.datetime]:
    """The start of the year, and the moments at which a price of this model changes."""
    dated = model.prices if isinstance(model.prices, list) else []
    days = [one.constraint.start_date for one in dated if isinstance(one.constraint, StartDateConstraint)]
    return [dt.datetime.combine(day, dt.time(), dt.UTC) for day in [dt.date(2026, 1, 1), *days]]


@given(
    tokens=st.lists(st.integers(0, 10**12), min_size=4, max_size=4),
    model=st.sampled_from(["gpt-4o-mini", "gpt-4.1", "o3-mini"]),
)
@settings(max_examples=100, deadline=None)
def test_any_count_of_tokens_is_priced_to_the_picodollar(tokens: list[int], model: str):
    uncached, cached, reasoning, text = tokens
    row = call(
        provider="openai",
        response_model=model,
        input_tokens=uncached + cached,
        cached_input_tokens=cached,
        output_tokens=reasoning + text,
        reasoning_tokens=reasoning,
    )

    (priced,) = price(row)

    assert priced["cost_usd"] == theirs(row)
    assert sum(priced[part] for part in COST_KINDS) == priced["cost_usd"]


def test_parts_are_disjoint_and_the_largest_takes_the_remainder():
    book = PriceBook.from_settings(
        {"acme/x": {"input": "0.0000006", "cached_input": "0.0000004", "output": "0.0000007"}}
    )
    row = call(provider="acme", response_model="x", input_tokens=2, cached_input_tokens=1, output_tokens=1)

    (priced,) = price(row, book=book)

    assert priced["cost_usd"] == Decimal("0.000000000002")  # 0.6 + 0.4 + 0.7 = 1.7 picodollars, rounded once
    assert [priced[part] for part in COST_KINDS] == [0, 0, 0, 2 * PICO, 0]


@pytest.mark.parametrize(("tokens", "picodollars"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_half_a_picodollar_is_rounded_to_even(tokens: int, picodollars: int):
    book = PriceBook.from_settings({"acme/x": {"input": "0.0000005", "output": 0}})

    (priced,) = price(call(provider="acme", response_model="x", input_tokens=tokens), book=book)

    assert priced["cost_usd"] == picodollars * PICO


def test_parts_add_up_and_are_never_negative_over_the_whole_catalogue():
    seeded = random.Random(7)

    priced = price(*(random_call(seeded, *one) for one in MODELS))

    known = [one for one in priced if one["cost_usd"] is not None]
    assert all(sum(one[part] for part in COST_KINDS) == one["cost_usd"] for one in known)
    assert all(one[part] >= 0 for one in known for part in COST_KINDS)


MINI = {"provider": "openai", "response_model": "gpt-4o-mini"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (MINI | {"input_tokens": 1}, "priced"),
        ({"provider": "openai", "response_model": "gpt-99", "input_tokens": 1}, "unpriced_model"),
        ({"provider": "acme", "response_model": "gpt-4o-mini", "input_tokens": 1}, "unpriced_model"),
        ({"provider": "openai", "input_tokens": 1}, "unpriced_model"),
        (MINI, "usage_missing"),
        ({"provider": "openai", "response_model": "whisper-1", "input_tokens": 1}, "usage_missing"),
        (MINI | {"input_tokens": 1, "cached_input_tokens": 2}, "usage_missing"),
        (MINI | {"output_tokens": 1, "cached_input_tokens": 2}, "usage_missing"),
        (MINI | {"input_tokens": 9, "units": [("image_output_tokens", 2.0)]}, "usage_missing"),
        (MINI | {"input_tokens": 9, "units": [("image_output_tokens", 0.5)]}, "usage_missing"),
        (MINI | {"output_tokens": 9, "units": [("image_input_tokens", 2.0)]}, "usage_missing"),
        (MINI | {"input_tokens": 9, "units": [("audio_cached_input_tokens", 2.0)]}, "usage_missing"),
        (MINI | {"input_tokens": 9, "units": [("audio_cached_input_tokens", 0.0)]}, "priced"),
        (MINI | {"input_tokens": 9, "output_tokens": 2, "units": [("image_output_tokens", 2.0)]}, "priced"),
        (MINI | {"input_tokens": 9, "usage_semantics": "refused+parts_disagree"}, "usage_missing"),
        (MINI | {"input_tokens": 9, "usage_semantics": "inclusive+total_disagrees"}, "priced"),
        (
            {"provider": "openai", "response_model": "gpt-99", "input_tokens": 1, "reported_cost_usd": 1},
            "reported_only",
        ),
        (MINI | {"reported_cost_usd": 1}, "reported_only"),
        (MINI | {"reported_cost_usd": 0}, "usage_missing"),
        (
            {"provider": "openai", "response_model": "gpt-99", "input_tokens": 1, "reported_cost_usd": 0},
            "reported_only",
        ),
        ({"provider": "google", "response_model": "gemma-3", "input_tokens": 1}, "free"),
    ],
)
def test_price_status_says_why_a_cost_is_known_or_not(fields: dict[str, Any], status: str):
    (priced,) = price(call(**fields))

    assert priced["price_status"] == status
    assert (priced["cost_usd"] is None) == (status not in ("priced", "free"))


def test_a_span_that_is_not_billable_has_no_cost_and_no_status():
    (priced,) = price(call(provider="openai", response_model="gpt-4o-mini", input_tokens=5, billable=False))

    assert [priced[name] for name in ("cost_usd", "price_status", "price_version", *COST_KINDS)] == [None] * 8


def test_the_response_model_is_priced_else_the_request_model():
    cheap = {"provider": "openai", "request_model": "gpt-4o-mini", "input_tokens": 1_000_000}

    asked, answered = price(call(**cheap), call(**cheap, response_model="gpt-4o"))

    assert (asked["cost_usd"], answered["cost_usd"]) == (Decimal("0.15"), Decimal("2.5"))


def test_an_unknown_response_model_is_not_priced_as_what_was_asked_for():
    (priced,) = price(call(provider="openai", request_model="gpt-4o", response_model="gpt-99", input_tokens=1))

    assert priced["price_status"] == "unpriced_model"


def test_without_a_provider_the_name_of_the_model_decides():
    (priced,) = price(call(response_model="claude-sonnet-4-5", input_tokens=1_000_000))

    assert priced["cost_usd"] == Decimal(6)  # above 200,000 tokens the whole call costs more


def test_a_context_tier_prices_the_whole_call_only_above_its_size():
    below, above = price(
        *(
            call(provider="anthropic", response_model="claude-sonnet-4-5", input_tokens=tokens)
            for tokens in (200_000, 200_001)
        )
    )

    assert (below["cost_usd"], above["cost_usd"]) == (Decimal("0.6"), Decimal("1.200006"))


def test_one_hour_cache_writes_cost_more_than_five_minute_ones():
    row = call(provider="anthropic", response_model="claude-sonnet-4-5", input_tokens=100, cache_write_tokens=100)

    short, long = price(row, row | {"cache_write_1h_tokens": 100})

    assert (short["cache_write_cost_usd"], long["cache_write_cost_usd"]) == (Decimal("0.000375"), Decimal("0.0006"))


@pytest.mark.parametrize("tier", [None, "", "default", "standard", "auto", "on_demand"])
def test_standard_tiers_cost_the_list_price(tier: str | None):
    (priced,) = price(call(provider="openai", response_model="gpt-4.1", service_tier=tier, input_tokens=10**6))

    assert priced["cost_usd"] == Decimal(2)


def test_a_tier_with_a_price_of_its_own_is_priced_by_it():
    at = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    row = {"provider": "openai", "response_model": "gpt-4.1", "input_tokens": 10**6, "started_at": at}

    batch, priority = price(call(**row, service_tier="batch"), call(**row, service_tier="Priority"))

    assert batch["cost_usd"] == theirs(row, processing="batch") != theirs(row)
    assert priority["cost_usd"] == theirs(row, service_tier="priority") != theirs(row)


@pytest.mark.parametrize(
    ("tier", "started_at"),
    [("provisioned", dt.datetime(2026, 11, 20, tzinfo=dt.UTC)), ("batch", dt.datetime(2025, 6, 1, tzinfo=dt.UTC))],
    ids=["unknown tier", "before the tier's first known price"],
)
def test_a_tier_without_a_known_price_is_unpriced_not_list_priced(tier: str, started_at: dt.datetime):
    row = call(provider="openai", response_model="gpt-4.1", service_tier=tier, input_tokens=1, started_at=started_at)

    (priced,) = price(row)

    assert (priced["cost_usd"], priced["price_status"]) == (None, "unpriced_model")


def test_a_price_by_the_time_of_day_holds_inside_its_window_only():
    row = {"provider": "deepseek", "response_model": "deepseek-chat", "input_tokens": 10**6}
    minutes = (29, 30, 16 * 60 + 29, 16 * 60 + 30)
    rows = [call(**row, started_at=dt.datetime(2025, 3, 1, n // 60, n % 60, tzinfo=dt.UTC)) for n in minutes]

    priced = price(*rows)

    assert [one["cost_usd"] for one in priced] == [theirs(row) for row in rows]
    assert len({one["cost_usd"] for one in priced}) == 2


@pytest.mark.parametrize(
    ("convention_name", "catalogue_name", "model"),
    [
        ("azure.ai.openai", "azure", "gpt-4o-mini"),
        ("gcp.vertex_ai", "google", "gemini-2.5-pro"),
        ("gcp.gen_ai", "google", "gemini-2.5-pro"),
        ("aws.bedrock", "aws", "anthropic.claude-3-haiku-20240307-v1:0"),
        ("x_ai", "x-ai", "grok-4"),
        ("mistral_ai", "mistral", "mistral-large-latest"),
    ],
)
def test_provider_names_of_the_conventions_find_their_prices(convention_name: str, catalogue_name: str, model: str):
    row = call(provider=convention_name, response_model=model, input_tokens=1000)

    (priced,) = price(row)

    assert priced["cost_usd"] == theirs(row | {"provider": catalogue_name}) is not None


def test_rows_keep_their_order_and_other_columns_whatever_is_billable():
    rows = [
        call(provider="openai", response_model="gpt-4o-mini", input_tokens=n, billable=n % 2 == 0) for n in range(6)
    ]

    priced = price(*rows)

    assert [one["input_tokens"] for one in priced] == list(range(6))
    assert [one["price_version"] for one in priced] == ["genai-prices/0.2.3", None] * 3


def test_a_table_without_rows_gets_its_columns():
    priced = price_spans(calls(), BOOK)

    assert priced.num_rows == 0
    assert priced.schema.field("cost_usd").type == pa.decimal128(38, 12)
