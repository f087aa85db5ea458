"""Models without a provider: whose they are where one maker alone has the name; what is like a name without a price."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot

from processors.pricing.book import Asked, PriceBook
from processors.pricing.catalogue import CATALOGUE_VERSION, find_model
from processors.pricing.columns import price_spans
from processors.pricing.lines import price_lines
from processors.pricing.names import makers
from processors.pricing.shown import nearest_names, why_unpriced
from processors.pricing.verdicts import take_apart
from tests.processors.calls import call, calls

BOOK = PriceBook()
MILLION = {"operation": "embeddings", "input_tokens": 10**6}


def price(book: PriceBook = BOOK, **fields: Any) -> tuple[Decimal | None, str, str]:
    (row,) = price_spans(calls(call(**MILLION | fields)), book).to_pylist()
    return row["cost_usd"], row["price_status"], row["price_version"]


@pytest.mark.parametrize("provider", [None, "litellm"])
@pytest.mark.parametrize(
    ("model", "maker"),
    [
        ("text-embedding-3-small", "openai"),
        ("Text-Embedding-3-Large", "openai"),
        ("text-embedding-ada-002-v2", "openai"),
        ("embed-v4.0", "cohere"),
    ],
)
def test_a_name_that_one_maker_alone_has_is_priced_as_his_and_the_row_says_so(
    provider: str | None, model: str, maker: str
):
    cost, status, version = price(provider=provider, request_model=model)

    assert cost is not None
    assert (cost, status) == price(provider=maker, request_model=model)[:2]
    assert version == f"{CATALOGUE_VERSION}+model_name"
    assert price(provider=maker, request_model=model)[2] == CATALOGUE_VERSION
    (line,) = price_lines(call(**MILLION, provider=provider, request_model=model), BOOK)
    assert f"as {maker} alone makes a model of this name" in line.source


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (None, "moderation"),
        (None, "our-moderation-2"),
        (None, "text-embedding-3-small-ours"),
        (None, "acme/text-embedding-3-small"),
        (None, "zai-glm-4.7"),
        (None, "llama3.1-8b"),
        (None, "rerank-v3.5"),
        ("vllm", "text-embedding-3-small"),
        ("acme-proxy", "text-embedding-3-small"),
        ("aws.bedrock", "embed-v4.0"),
    ],
    ids=str,
)
def test_a_word_a_part_of_a_name_a_host_s_name_and_another_provider_s_have_none(provider: str | None, model: str):
    assert price(provider=provider, request_model=model)[:2] == (None, "unpriced_model")


@pytest.mark.parametrize(
    ("provider", "model", "listed"),
    [
        ("openrouter", "claude-sonnet-4", "anthropic/claude-sonnet-4"),
        ("openrouter", "GPT-4o", "openai/gpt-4o"),
        ("groq", "gpt-oss-120b", "openai/gpt-oss-120b"),
        ("groq", "llama-4-scout-17b-16e-instruct", "meta-llama/llama-4-scout-17b-16e-instruct"),
        ("together_ai", "gpt-oss-120b", "openai/gpt-oss-120b"),
    ],
)
def test_a_name_without_its_maker_costs_what_the_provider_lists_for_the_only_model_that_ends_so(
    provider: str, model: str, listed: str
):
    cost, status, version = price(provider=provider, response_model=model, operation="chat")

    assert cost is not None
    assert (cost, status, version) == price(provider=provider, response_model=listed, operation="chat")


def test_an_answer_that_is_the_last_part_of_the_model_that_was_asked_for_costs_what_that_costs():
    asked = "accounts/fireworks/models/kimi-k3"

    cost, status, version = price(provider="fireworks", request_model=asked, response_model="kimi-k3", operation="chat")

    assert (cost, status) == price(provider="fireworks", request_model=asked, operation="chat")[:2]
    assert version == f"{CATALOGUE_VERSION}+request_model"


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openrouter", "sonnet-4"),
        ("openrouter", "acme/claude-sonnet-4"),
        ("openrouter", "openai"),
        ("acme-proxy", "claude-sonnet-4"),
        ("azure.ai.openai", "claude-sonnet-4x"),
    ],
)
def test_a_part_of_a_name_a_maker_and_a_name_of_another_maker_have_none(provider: str, model: str):
    assert price(provider=provider, response_model=model, operation="chat")[:2] == (None, "unpriced_model")


def test_every_maker_is_in_the_catalogue_and_no_name_is_two_makers():
    known = {one.id: one for one in get_snapshot().providers}
    names = [info.id.lower() for maker in makers() for info in known[maker].models]

    assert set(makers()) <= set(known)
    assert len(names) == len(set(names))


def test_a_family_that_the_package_knows_keeps_its_version():
    assert price(operation="chat", output_tokens=0, request_model="gpt-4o-mini")[2] == CATALOGUE_VERSION


def test_a_discount_keeps_what_the_price_rests_on_and_a_price_of_one_s_own_does_not(tmp_path: Path):
    file = tmp_path / "prices.toml"
    entry = '[[price]]\nmodel = "text-embedding-3-small"\ntenant = "{}"\nfrom = 2026-01-01\n{}\n'
    file.write_text(
        entry.format("acme", "discount_percent = 50")
        + entry.format("beta", 'usd_per_mtok = {input = "7", output = "7"}')
    )
    book = PriceBook.from_settings({}, str(file))

    acme, beta = (price(book, request_model="text-embedding-3-small", tenant=tenant) for tenant in ("acme", "beta"))

    assert (acme[0], acme[2]) == (Decimal("0.01"), f"{book.version}+model_name")
    assert (beta[0], beta[2]) == (7, book.version)


def test_the_version_of_such_a_row_is_one_of_ours():
    for version in ("genai-prices/0.2.3+book/3f2a9c01+model_name", "genai-prices/0.2.3+model_name+request_model"):
        parts = take_apart(version)

        assert parts is not None
        assert parts.catalogue == "0.2.3"


@pytest.mark.parametrize(
    ("model", "like"),
    [
        ("cohere.command-r-v1:0", "cohere/command-r"),
        ("us.cohere.command-r-plus-v1:0", "cohere/command-r-plus"),
        ("ai21.jamba-1-5-large-v1:0", "openrouter/ai21/jamba-1-5-large"),
        ("cohere.embed-english-v3", "cohere/embed-v4.0"),
        ("eu.cohere.embed-multilingual-v3", "cohere/embed-v4.0"),
        ("cohere.embed-english-v3:0:512", "cohere/embed-v4.0"),
    ],
)
def test_what_bedrock_has_no_price_for_stays_unpriced_and_others_models_like_it_are_named(model: str, like: str):
    assert price(provider="aws.bedrock", operation="chat", output_tokens=5, request_model=model)[:2] == (
        None,
        "unpriced_model",
    )
    assert nearest_names("aws.bedrock", model)[0] == like
    assert why_unpriced(BOOK, Asked(provider="aws.bedrock", model=model), "unpriced_model") == "unknown model"


def test_a_model_of_a_known_maker_that_sells_nothing_like_it_is_like_nothing():
    assert nearest_names("aws.bedrock", "cohere.rerank-v3-5:0") == []
    assert nearest_names("gcp.vertex_ai", "openai/gpt-oss-120b-maas")[0] == "openai/gpt-oss-120b"


def test_every_form_of_a_bedrock_id_finds_what_the_id_alone_finds():
    arn = "arn:aws:bedrock:us-east-1"
    wrong = []
    for info in next(one for one in get_snapshot().providers if one.id == "aws").models:
        name = info.id.replace("regional.", "us.")
        forms = (name, f"bedrock/{name}", f"bedrock/converse/{name}", f"{arn}::foundation-model/{name}", name.upper())
        found = [find_model("aws.bedrock", form) for form in forms]
        wrong += [form for form, one in zip(forms, found, strict=True) if one is None or one[1].id != info.id]

    assert wrong == []


def test_names_of_the_provider_s_own_list_go_before_those_of_others():
    assert all(name.startswith("aws/") for name in nearest_names("aws.bedrock", "anthropic.claude-9-v1:0"))
    assert nearest_names("openai", "zzzz") == []
    assert find_model(None, "text-embedding-3-small") is not None
