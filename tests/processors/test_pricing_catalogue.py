"""Prices agree with ``genai_prices.calc_price``, quantised once, over the whole catalogue and at every boundary."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider, StartDateConstraint, TieredPrices, TimeOfDateConstraint
from genai_prices.units import _get_registry

from processors.pricing.book import PriceBook
from processors.pricing.catalogue import find_model
from processors.pricing.columns import price_spans
from processors.pricing.kinds import USAGE_KEYS, kinds_of_unit
from processors.pricing.names import is_unknown, provider_id
from tests.processors.calls import call, calls

BOOK = PriceBook()
PICO = Decimal("1e-12")
MODELS = [(provider, model) for provider in get_snapshot().providers for model in provider.models]
STANDARD = (None, "", "default", "standard")
TIERS = (*STANDARD, *STANDARD, *STANDARD, "batch", "priority", "flex", "fast", "provisioned")
OPERATIONS = {"durations": "transcription", "characters": "speech"}
UNITS = {"durations": "audio_seconds", "characters": "characters", "document_pages": "pages", "tool_calls": "searches"}
INSTANT = dt.timedelta(microseconds=1)


def price(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return price_spans(calls(*rows), BOOK).to_pylist()


def dated(model: ModelInfo) -> list[Any]:
    return model.prices if isinstance(model.prices, list) else []


def price_tables(model: ModelInfo) -> list[Any]:
    return [one.prices for one in dated(model)] or [model.prices]


def families(model: ModelInfo) -> set[str]:
    keys = {key for table in price_tables(model) for key, value in vars(table).items() if value is not None}
    return {_get_registry().unit_for_price_key(key).dimensions["family"] for key in keys}


def boundaries(model: ModelInfo) -> list[dt.datetime]:
    """The start of the year, and the moments at which a price of this model changes."""
    constraints = [one.constraint for one in [*dated(model), *(model.price_variants or ())]]
    days = [one.start_date for one in constraints if isinstance(one, StartDateConstraint)]
    times = [t for c in constraints if isinstance(c, TimeOfDateConstraint) for t in (c.start_time, c.end_time)]
    days = [dt.date(2026, 1, 1), *days]
    return [dt.datetime.combine(day, time.replace(tzinfo=dt.UTC)) for day in days for time in (dt.time(), *times)]


def sizes(model: ModelInfo) -> list[int]:
    values = [value for table in price_tables(model) for value in vars(table).values()]
    return [tier.start for value in values if isinstance(value, TieredPrices) for tier in value.tiers]


def random_call(seeded: random.Random, provider: Provider, model: ModelInfo) -> dict[str, Any]:
    """A call that reports everything its model may be priced by, at or beside a boundary of date, time and size."""
    cached, written, audio = (seeded.choice([0, seeded.randrange(5_000)]) for _ in range(3))
    reasoning, spoken = (seeded.choice([0, seeded.randrange(2_000)]) for _ in range(2))
    heard = seeded.choice([[], [("audio_cached_input_tokens", float(seeded.randint(0, min(cached, audio))))]])
    priced_by = families(model)
    amount = seeded.choice([0.5, 12.3, 9.999, 10.0, 61.7, 3600.0, round(seeded.random() * 10**4, seeded.randrange(12))])
    return call(
        provider=provider.id,
        response_model=model.id,
        service_tier=seeded.choice(TIERS),
        operation=next((OPERATIONS[one] for one in sorted(priced_by & set(OPERATIONS))), "chat"),
        started_at=seeded.choice(boundaries(model)) + seeded.choice([-1, 0, seeded.randrange(10**11)]) * INSTANT,
        input_tokens=max(cached + written + audio, seeded.choice([1, *sizes(model)]) + seeded.choice([0, 1])),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=seeded.randint(0, written),
        audio_input_tokens=audio,
        output_tokens=reasoning + spoken + seeded.randrange(20_000),
        reasoning_tokens=reasoning,
        audio_output_tokens=spoken,
        units=[*heard, *((UNITS[one], amount) for one in sorted(priced_by & set(UNITS)))] or None,
    )


def theirs(row: dict[str, Any], provider: Provider) -> Decimal | None:
    """What genai-prices says, rounded once; None where it refuses, or would answer an unknown tier with another's."""
    try:
        _, model = get_snapshot().find_provider_model(row["response_model"], None, provider.id, None)
    except LookupError:
        return None
    usage = {theirs: row[ours] for ours, theirs in USAGE_KEYS.items()}
    for unit, amount in row["units"] or ():
        usage |= dict.fromkeys(kinds_of_unit(unit, row["operation"]), amount)
    tier, at = row["service_tier"], row["started_at"]
    context = None if tier in STANDARD else dict.fromkeys(("processing", "service_tier", "speed"), tier)
    if context and not any(
        all(context.get(key) == value for key, value in one.when.items())
        and (one.constraint is None or one.constraint.active(at))
        for one in (model.price_variants or () if any(model is own for own in provider.models) else ())
    ):
        return None
    try:
        found = calc_price(
            Usage(**usage),
            row["response_model"],
            provider_id=provider.id,
            genai_request_timestamp=at,
            price_context=context,
        )
    except (LookupError, ValueError):
        return None
    return found.total_price.quantize(PICO)


@pytest.mark.long
def test_ten_thousand_calls_of_all_models_cost_what_genai_prices_says():
    seeded = random.Random(20261121)
    asked = [*MODELS, *seeded.choices(MODELS, k=10_000 - len(MODELS))]
    rows = [random_call(seeded, *one) for one in asked]

    priced = price(*rows)

    expected = [theirs(row, provider) for row, (provider, _) in zip(rows, asked, strict=True)]
    wrong = [
        (row, got["cost_usd"], want)
        for row, got, want in zip(rows, priced, expected, strict=True)
        if got["cost_usd"] != want
    ]
    assert not wrong
    assert sum(one is not None for one in expected) > 5_000
    heard = [dict(row["units"] or ()).get("audio_cached_input_tokens") for row in rows]
    assert sum(bool(tokens) and want is not None for tokens, want in zip(heard, expected, strict=True)) > 500


def test_a_model_priced_by_something_that_is_not_reported_costs_nothing_known_never_zero():
    rows = [
        call(provider=p.id, response_model=m.id, input_tokens=10, output_tokens=10, operation=OPERATIONS[by])
        for p, m in MODELS
        for by in sorted(families(m) & set(OPERATIONS))
    ]

    priced = price(*rows)

    assert len(rows) > 15
    assert {(one["cost_usd"], one["price_status"]) for one in priced} == {(None, "usage_missing")}


VOICE = {"provider": "mistral", "response_model": "voxtral-small-24b-2507"}
SECONDS = [("audio_seconds", 30.0)]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"operation": "chat", "input_tokens": 5}, "priced"),
        ({"operation": "chat", "units": SECONDS}, "usage_missing"),
        ({"operation": "transcription", "units": SECONDS}, "priced"),
        ({"operation": "transcription", "input_tokens": 5}, "usage_missing"),
        ({"operation": "transcription", "input_tokens": 5, "units": SECONDS}, "priced"),
    ],
)
def test_of_several_things_a_model_is_priced_by_the_one_that_the_call_is_about_must_be_reported(
    fields: dict[str, Any], status: str
):
    assert price(call(**VOICE | fields))[0]["price_status"] == status


def test_a_request_price_comes_on_top_of_tokens_and_is_not_charged_without_them():
    sonar = {"provider": "perplexity", "response_model": "sonar"}

    used, silent = price(call(**sonar, input_tokens=10**6, output_tokens=0), call(**sonar))

    assert (used["cost_usd"], used["other_cost_usd"]) == (Decimal("1.012"), Decimal("0.012"))
    assert (silent["cost_usd"], silent["price_status"]) == (None, "usage_missing")


def test_searches_of_a_chat_are_billed_and_those_nobody_reports_are_none():
    claude = {"provider": "anthropic", "response_model": "claude-sonnet-4-5", "input_tokens": 1000}

    with_, without = price(call(**claude, units=[("searches", 3.0)]), call(**claude))

    assert with_["cost_usd"] - without["cost_usd"] == with_["other_cost_usd"] == Decimal("0.03")


def test_seconds_are_the_decimals_that_are_written_not_their_binary_neighbours():
    row = call(
        provider="openai", response_model="whisper-1", operation="transcription", units=[("audio_seconds", 12.3)]
    )

    assert price(row)[0]["cost_usd"] == Decimal("0.00123")


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -1.0, 1e300])
def test_an_amount_that_cannot_be_is_not_billed(amount: float):
    units = [("audio_seconds", amount)]
    row = call(provider="openai", response_model="whisper-1", operation="transcription", units=units)

    assert (price(row)[0]["cost_usd"], price(row)[0]["price_status"]) == (None, "usage_missing")


def test_image_tokens_have_their_own_rate_and_never_exceed_the_input():
    image = {"provider": "openai", "response_model": "gpt-image-1", "input_tokens": 1_000_000, "output_tokens": 0}

    plain, drawn, odd = price(
        call(**image),
        call(**image, units=[("input_image_tokens", 400_000.0)]),
        call(**image, units=[("input_image_tokens", 1_000_001.0)]),
    )

    assert (plain["cost_usd"], drawn["cost_usd"]) == (Decimal(5), Decimal(7))
    assert (odd["cost_usd"], odd["price_status"]) == (None, "usage_missing")


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("openai", "openai/gpt-4o", "openai/gpt-4o"),
        (None, "openai/gpt-4o", "openai/gpt-4o"),
        ("litellm", "anthropic/claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("openai", "responses/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("openai", "ft:gpt-4o-mini:acme::x1", "openai/ft:gpt-4o-mini"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::x1", "openai/ft:gpt-4o-mini"),
        ("openai", "gpt-4o-mini-20240718", "openai/gpt-4o-mini"),
        ("gcp.gemini", "models/gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("gcp.gemini", "models/gemini-2.5-flash-001", "google/gemini-2.5-flash"),
        ("gcp.vertex_ai", "publishers/anthropic/models/claude-sonnet-4-5@20250929", "google/claude-sonnet-4-5"),
        ("vertex_ai-anthropic_models", "claude-sonnet-4-5", "google/claude-sonnet-4-5"),
        (
            "aws.bedrock",
            "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
            "aws/regional.anthropic.claude-3-5-sonnet-20241022-v2:0",
        ),
        (
            "bedrock",
            "bedrock/us-east-1/anthropic.claude-3-haiku-20240307-v1:0",
            "aws/regional.anthropic.claude-3-haiku-20240307-v1:0",
        ),
        ("aws.bedrock", "nova-pro-v1:0", "aws/amazon.nova-pro-v1:0"),
        ("aws.bedrock", "llama3-70b-instruct-v1:0", "aws/meta.llama3-70b-instruct-v1:0"),
        ("aws.bedrock", "titan-embed-text-v2:0", "aws/amazon.titan-embed-text-v2:0"),
        ("aws.bedrock", "gpt-oss-120b-1:0", "aws/openai.gpt-oss-120b-1:0"),
        ("aws.bedrock", "qwen3-32b-v1:0", "aws/qwen.qwen3-32b-v1:0"),
        ("aws.bedrock", "gemma-3-12b-it", "aws/google.gemma-3-12b-it"),
        ("azure.ai.openai", "gpt-35-turbo-0613", "azure/gpt-3.5-turbo-0613"),
        ("azure.ai.openai", "azure/gpt-35-turbo-1106", "azure/gpt-3.5-turbo-1106"),
        ("hugging_face", "deepseek-ai/DeepSeek-R1:hyperbolic", "huggingface_hyperbolic/deepseek-ai/DeepSeek-R1"),
        ("hugging_face", "Qwen/Qwen2.5-7B-Instruct:together", "huggingface_together/Qwen/Qwen2.5-7B-Instruct"),
        (
            "hugging_face",
            "huggingface/hyperbolic/deepseek-ai/DeepSeek-R1",
            "huggingface_hyperbolic/deepseek-ai/DeepSeek-R1",
        ),
        ("azure_ai", "gpt-4o", "azure/gpt-4o"),
        ("azure.chat", "gpt-4o", "azure/gpt-4o"),
    ],
)
def test_names_that_instrumentations_write_find_their_price(provider: str | None, model: str, found: str):
    (priced,) = price(call(provider=provider, response_model=model, input_tokens=10**6))

    owner, info = find_model(provider, model) or pytest.fail("not found")
    assert f"{owner.id}/{info.id}" in (found, f"openai/{found.partition('/')[2]}")  # Azure borrows OpenAI's entry
    assert priced["cost_usd"] is not None


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("my-proxy", "gpt-4o"),
        ("openai-compatible", "gpt-4o"),
        ("openai_like", "gpt-4o"),
        ("litellm_proxy", "gpt-4o"),
        ("hosted_vllm", "openai/gpt-4o"),
        ("anthropic", "openai/gpt-4o"),
        (None, "google/gemma-3-27b-it"),
        (None, "openai/gpt-oss-120b"),
        (None, "meta-llama/Llama-3.1-8B-Instruct"),
        ("openai", "ft:gpt-99:acme::x1"),
        ("openai", "gpt-4o-turbid"),
        ("azure", "prod-gpt-4o"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1:1:custom-model/amazon.nova-lite-v1:0:300k/abcdef"),
        ("aws.bedrock", "bedrock/arn:aws-us-gov:bedrock:us-gov-west-1:1:custom-model/amazon.nova-lite-v1:0/a"),
        ("aws.bedrock", "bedrock/us-east-1/1-month-commitment/anthropic.claude-3-haiku-20240307-v1:0"),
        (None, "bedrock/*/6-month-commitment/anthropic.claude-3-haiku-20240307-v1:0"),
        ("aws.bedrock", "cohere.embed-english-v3"),
        ("hugging_face", "deepseek-ai/DeepSeek-R1"),
        ("hugging_face", "deepseek-ai/DeepSeek-R1:nobody"),
        ("github", "openai/gpt-4o"),
    ],
)
def test_what_could_be_another_product_has_no_price(provider: str | None, model: str):
    (priced,) = price(call(provider=provider, response_model=model, input_tokens=1))

    assert (priced["cost_usd"], priced["price_status"]) == (None, "unpriced_model")


def test_a_deployment_is_priced_by_the_model_that_answers_else_by_its_own_name():
    azure = {"provider": "azure.ai.openai", "input_tokens": 10**6}

    asked, answered, own = price(
        call(**azure, request_model="gpt-4o"),
        call(**azure, request_model="gpt-4o", response_model="gpt-4o-mini"),
        call(**azure, request_model="our-best"),
    )

    assert (asked["cost_usd"], answered["cost_usd"]) == (Decimal("2.5"), Decimal("0.15"))
    assert own["price_status"] == "unpriced_model"


def test_every_provider_of_the_catalogue_is_known_by_its_own_name():
    names = [provider.id for provider in get_snapshot().providers]

    assert [provider_id(name) for name in names] == names
    assert not any(is_unknown(name) for name in names)
