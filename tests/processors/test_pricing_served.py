"""Whose price a call has: who serves open weights, and what stands in for an answer that nothing has a price for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import Asked, PriceBook
from processors.pricing.columns import price_spans
from processors.pricing.lines import price_lines, sum_lines
from processors.pricing.served import server_of
from processors.pricing.shown import why_unpriced
from processors.pricing.snapshots import is_snapshot
from processors.pricing.verdicts import UsedVersion, check_used, take_apart
from tests.processors.calls import call, calls

BOOK = PriceBook()
MILLION = {"input_tokens": 10**6, "output_tokens": 0}
ELSEWHERE = ["127.0.0.1", "localhost", "10.1.2.3", "[::1]", "vllm", "llm.acme.example", "notopenai.com"]


def price(book: PriceBook = BOOK, **fields: Any) -> dict[str, Any]:
    """The priced call; its lines always add up to its cost."""
    row = call(**MILLION | fields)
    (priced,) = price_spans(calls(row), book).to_pylist()
    assert sum_lines(price_lines(row, book)) == priced["cost_usd"]
    return priced


@pytest.mark.parametrize("host", ELSEWHERE)
@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "openai/gpt-oss-120b"),
        ("openai", "gpt-oss-120b"),
        ("openai", "gpt-oss:20b"),
        ("litellm", "openai/gpt-oss-120b"),
        (None, "gpt-oss-120b"),
        (None, "mixtral-8x7b"),
        ("mistral_ai", "mistral-small-24b-instruct-2501"),
        ("deepseek", "deepseek-v3.2"),
        ("gcp.gemini", "google/gemma-3-27b-it"),
        ("openai", "Qwen/Qwen2.5-7B-Instruct"),
        ("openai", "meta-llama/Llama-3.1-8B-Instruct"),
        ("vllm", "openai/gpt-oss-120b"),
    ],
)
def test_open_weights_at_a_host_of_nobodys_have_no_price_of_their_maker(provider: str | None, model: str, host: str):
    priced = price(provider=provider, request_model=model, response_model=model, server_address=host)

    assert (priced["cost_usd"], priced["price_status"]) == (None, "unpriced_model")


@pytest.mark.parametrize("provider", ["openai", "litellm", None])
def test_the_prefix_of_a_hub_is_no_provider_where_no_host_is_told(provider: str | None):
    priced = price(provider=provider, response_model="openai/gpt-oss-120b")

    assert (priced["cost_usd"], priced["price_status"]) == (None, "unpriced_model")


@pytest.mark.parametrize(
    ("provider", "model", "host", "usd"),
    [
        ("openai", "gpt-oss-120b", "api.openai.com", "0.039"),
        ("openai", "gpt-oss-120b", None, "0.039"),
        ("openai", "gpt-4o", "127.0.0.1", "2.5"),
        ("openai", "openai/gpt-4o", "proxy.acme.example", "2.5"),
        ("mistral_ai", "mistral-small-24b-instruct-2501", "api.mistral.ai", "0.05"),
        ("mistral_ai", "mistral/mixtral-8x7b", None, "0.7"),
        ("litellm", "mistral/mixtral-8x7b", None, "0.7"),
        ("mistral_ai", "mistral-small-latest", "127.0.0.1", "0.15"),
        ("gcp.gemini", "gemma-3-27b-it", "generativelanguage.googleapis.com", "0"),
        ("groq", "openai/gpt-oss-120b", "10.0.0.7", "0.15"),
        ("litellm", "groq/openai/gpt-oss-120b", None, "0.15"),
    ],
)
def test_whoever_says_that_he_serves_a_model_is_paid_by_his_list(provider: str, model: str, host: str | None, usd: str):
    assert price(provider=provider, response_model=model, server_address=host)["cost_usd"] == Decimal(usd)


def test_an_entry_of_the_book_prices_what_is_served_at_home(tmp_path: Path):
    file = tmp_path / "prices.toml"
    file.write_text(
        '[[price]]\nprovider = "openai"\nmodel = "openai/gpt-oss-*"\nfrom = 2026-01-01\n'
        'usd_per_mtok = {input = "0.01", output = "0.02"}\n'
    )
    book = PriceBook.from_settings({}, str(file))

    home = price(book, provider="openai", response_model="openai/gpt-oss-120b", server_address="10.0.0.7")

    assert (home["cost_usd"], home["price_status"]) == (Decimal("0.01"), "priced")


def test_a_discount_gives_no_price_to_what_is_served_at_home(tmp_path: Path):
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nmodel = "*"\nfrom = 2026-01-01\ndiscount_percent = 50\n')
    book = PriceBook.from_settings({}, str(file))

    home = price(book, provider="openai", response_model="gpt-oss-120b", server_address="10.0.0.7")

    assert (home["cost_usd"], home["price_status"]) == (None, "unpriced_model")


@pytest.mark.parametrize(
    ("host", "owner"),
    [
        ("api.openai.com", "openai"),
        ("API.OpenAI.com", "openai"),
        ("acme.openai.azure.com", "azure"),
        ("us-central1-aiplatform.googleapis.com", "google"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws"),
        ("api.openai.com.evil.example", "elsewhere"),
        ("192.168.0.4", "elsewhere"),
        ("", None),
        (None, None),
    ],
)
def test_a_host_belongs_to_the_provider_that_the_table_of_providers_says(host: str | None, owner: str | None):
    assert server_of(host) == owner


def test_unpriced_open_weights_say_what_to_do():
    asked = Asked(provider="openai", model="openai/gpt-oss-120b")

    assert "give them a price in the book" in why_unpriced(BOOK, asked, "unpriced_model")
    assert "give them a price in the book" in why_unpriced(BOOK, asked, None)


@pytest.mark.parametrize(
    ("provider", "requested", "answered", "usd"),
    [
        ("openai", "gpt-4o", "gpt-4o-2099-01-01", "2.5"),
        ("azure.ai.openai", "gpt-4o", "gpt-4o-2099-01-01", "2.5"),
        ("openai", "openai/gpt-4o-mini", "gpt-4o-mini-2099-01-01", "0.15"),
        ("openai", "GPT-4.1", "gpt-4.1-20990101", "2"),
        ("cohere", "command-r-plus", "command-r-plus-12-2099", "2.5"),
        ("mistral_ai", "mistral-medium-latest", "mistral-medium-2999", "1.5"),
    ],
)
def test_an_unknown_snapshot_costs_what_the_model_asked_for_costs_and_the_row_says_so(
    provider: str, requested: str, answered: str, usd: str
):
    priced = price(provider=provider, request_model=requested, response_model=answered)

    assert (priced["cost_usd"], priced["price_status"]) == (Decimal(usd), "priced")
    assert priced["price_version"] == "genai-prices/0.2.3+request_model"
    (line,) = price_lines(call(**MILLION, provider=provider, request_model=requested, response_model=answered), BOOK)
    assert line.source.endswith(f", as {requested} was asked for and {answered} has no price")


@pytest.mark.parametrize(
    ("requested", "answered"),
    [
        ("gpt-4o", "gpt-4o-mini-2099-01-01"),
        ("gpt-4o", "gpt-4o-turbid"),
        ("gpt-4o", "our-best"),
        ("gpt-4o", "gpt-4o-turbo-2099-01-01"),
        ("gpt-4o", "gpt-99"),
        ("gpt-4o-mini", "gpt-4o-2099-01-01"),
        ("gpt-99", "gpt-99-2099-01-01"),
        ("gpt-4o", "gpt-4o-2099-01-01-preview"),
        (None, "gpt-4o-2099-01-01"),
    ],
)
def test_any_other_unknown_answer_has_no_price_whatever_was_asked_for(requested: str | None, answered: str):
    priced = price(provider="openai", request_model=requested, response_model=answered)

    assert (priced["cost_usd"], priced["price_status"]) == (None, "unpriced_model")
    assert priced["price_version"] == "genai-prices/0.2.3"


def test_an_answer_that_has_a_price_is_paid_for_whatever_was_asked_for():
    priced = price(provider="openai", request_model="gpt-4o", response_model="gpt-4o-2024-05-13")

    assert priced["cost_usd"] == price(provider="openai", response_model="gpt-4o-2024-05-13")["cost_usd"]
    assert priced["price_version"] == "genai-prices/0.2.3"


def test_a_snapshot_without_usage_has_no_cost():
    priced = price(
        provider="openai",
        request_model="gpt-4o",
        response_model="gpt-4o-2099-01-01",
        input_tokens=None,
        output_tokens=None,
    )

    assert (priced["cost_usd"], priced["price_status"]) == (None, "usage_missing")


def test_a_price_of_the_book_for_the_snapshot_goes_before_the_one_that_was_asked_for(tmp_path: Path):
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nmodel = "gpt-4o-2099-*"\nfrom = 2026-01-01\nlike = "openai/gpt-4o-mini"\n')
    book = PriceBook.from_settings({}, str(file))

    priced = price(book, provider="openai", request_model="gpt-4o", response_model="gpt-4o-2099-01-01")

    assert (priced["cost_usd"], priced["price_version"]) == (Decimal("0.15"), book.version)


def test_entries_of_the_book_for_the_model_asked_for_hold_for_its_snapshot(tmp_path: Path):
    file = tmp_path / "prices.toml"
    file.write_text(
        '[[price]]\nprovider = "openai"\nmodel = "gpt-4o"\ntenant = "acme"\nfrom = 2026-01-01\ndiscount_percent = 20\n'
    )
    book = PriceBook.from_settings({}, str(file))
    names = {"provider": "openai", "request_model": "gpt-4o", "response_model": "gpt-4o-2099-01-01"}

    assert [price(book, **names, tenant=tenant)["cost_usd"] for tenant in ("acme", "beta")] == [2, Decimal("2.5")]


def test_the_version_of_such_a_row_is_one_of_ours():
    parts = take_apart("genai-prices/0.2.3+book/3f2a9c01+own/00aa11bb+request_model")

    assert parts is not None
    assert (parts.catalogue, parts.book, parts.own) == ("0.2.3", "3f2a9c01", "00aa11bb")
    used = UsedVersion(version="genai-prices/0.2.3+request_model", calls=1, last_us=0)
    assert check_used(_no_entries(), [used]) == []


def _no_entries() -> Any:
    from processors.pricing.entries import BookFile

    return BookFile()


def test_rows_of_all_kinds_in_one_table_keep_their_own_names():
    names = [
        ("openai", "gpt-4o", "gpt-4o-2099-01-01", None),
        ("openai", "gpt-4o", None, "10.0.0.1"),
        ("openai", None, "openai/gpt-oss-120b", "10.0.0.1"),
        ("groq", None, "openai/gpt-oss-120b", "10.0.0.1"),
        (None, None, None, None),
        ("openai", "gpt-4o", "gpt-4o-mini-2099-01-01", None),
    ]
    rows = [
        call(**MILLION, provider=p, request_model=r, response_model=a, server_address=host) for p, r, a, host in names
    ]

    priced = price_spans(calls(*rows * 7), BOOK).to_pylist()

    alone = [price_spans(calls(row), BOOK).to_pylist()[0] for row in rows]
    assert [(one["cost_usd"], one["price_version"]) for one in priced] == [
        (one["cost_usd"], one["price_version"]) for one in alone
    ] * 7


@pytest.mark.parametrize(
    ("answered", "asked", "is_one"),
    [
        ("claude-sonnet-4-5@20991231", "claude-sonnet-4-5", True),
        ("gemini-2.5-flash-007", "gemini-2.5-flash", True),
        ("gemini-2.5-flash-700", "gemini-2.5-flash", False),
        ("gpt-4o", "gpt-4o", False),
        ("gpt-4o", "", False),
        ("gpt-oss-120b", "openai/gpt-oss-120b", True),
        ("oss-120b", "openai/gpt-oss-120b", False),
        ("", "openai/gpt-oss-120b", False),
        ("gpt-4o-v2", "gpt-4o", False),
        ("2024-08-06", "-latest", False),
    ],
)
def test_a_snapshot_is_the_name_asked_for_and_a_date_or_number(answered: str, asked: str, is_one: bool):
    assert is_snapshot(answered, asked) is is_one
