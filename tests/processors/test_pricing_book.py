"""The price book: what holds for whom and when, what wins, and what is refused."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import Asked, PriceBook
from processors.pricing.columns import price_spans
from processors.pricing.entries import read_book
from processors.pricing.errors import BadPriceBook
from processors.pricing.lines import price_lines, sum_lines
from tests.processors.calls import call, calls

MILLION = {"provider": "openai", "response_model": "gpt-4o-2024-08-06", "input_tokens": 10**6}  # 2.5 USD on the list


def book_of(tmp_path: Path, text: str, own: dict[str, Any] | None = None) -> PriceBook:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    return PriceBook.from_settings(own or {}, str(file))


def entry(**said: object) -> str:
    """One [[price]] that holds from the start of 2026."""
    known = {"from": dt.date(2026, 1, 1)} | said
    return "[[price]]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in known.items())


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else f"'{value}'" if isinstance(value, str) else str(value)


def price(book: PriceBook, **fields: Any) -> dict[str, Any]:
    """The priced call; its lines always add up to its cost."""
    row = call(**MILLION | fields)
    (priced,) = price_spans(calls(row), book).to_pylist()
    assert sum_lines(price_lines(row, book)) == priced["cost_usd"]
    return priced


def test_a_discount_is_off_the_list_price_and_rounded_once(tmp_path: Path):
    book = book_of(tmp_path, entry(provider="openai", model="gpt-4o*", discount_percent="33.333333"))

    priced = price(book, input_tokens=7, output_tokens=1)

    assert priced["cost_usd"] == Decimal("0.000018333333")  # 27.5 millionths less a third: 18.33333342…, half-even
    assert price_lines(call(**MILLION), book)[-1].usd == Decimal("-0.833333325")


def test_a_markup_comes_on_top_of_discount_and_committed_price_alike(tmp_path: Path):
    tables = entry(model="*", markup_percent=10) + entry(model="gpt-4o", provider="openai", discount_percent=50)
    tables += entry(model="o1", provider="openai", usd_per_mtok={"input": "8", "output": "32"})
    book = book_of(tmp_path, tables)

    assert price(book)["cost_usd"] == Decimal("1.375")
    assert price(book, response_model="o1")["cost_usd"] == Decimal("8.8")
    assert [line.kind for line in price_lines(call(**MILLION), book)] == ["input", "discount", "markup"]


def test_a_discount_does_not_touch_a_committed_price(tmp_path: Path):
    committed = entry(model="gpt-4o", provider="openai", usd_per_mtok={"input": 2, "output": 8})
    book = book_of(tmp_path, committed + entry(model="*", discount_percent=50))

    assert price(book)["cost_usd"] == Decimal(2)


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ({"model": "*", "tenant": "acme"}, {"model": "gpt-4o-2024-08-06", "provider": "openai", "tier": "standard"}),
        ({"model": "gpt-4o"}, {"model": "gpt-4o*", "provider": "openai"}),
        ({"model": "gpt-4*"}, {"model": "gpt*", "provider": "openai"}),
        ({"model": "gpt-4o", "provider": "openai"}, {"model": "gpt-4o", "provider": "open*"}),
        ({"model": "gpt-4o", "provider": "open*"}, {"model": "gpt-4o"}),
        ({"model": "gpt-4o", "tier": "standard"}, {"model": "gpt-4o"}),
        ({"model": "gpt-4o", "from": dt.date(2026, 2, 1)}, {"model": "gpt-4o"}),
    ],
    ids=["tenant", "whole model", "longer pattern", "whole provider", "named provider", "tier", "later date"],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_more_special_entry_wins_wherever_it_stands(
    stronger: dict[str, Any], weaker: dict[str, Any], turned: bool, tmp_path: Path
):
    both = [entry(**stronger, discount_percent=10), entry(**weaker, discount_percent=20)]
    book = book_of(tmp_path, "".join(reversed(both) if turned else both))

    assert price(book, tenant="acme")["cost_usd"] == Decimal("2.25")


def test_of_two_entries_with_one_key_and_date_the_later_line_wins(tmp_path: Path):
    same = {"model": "gpt-4o", "provider": "openai"}
    book = book_of(tmp_path, entry(**same, discount_percent=10) + entry(**same, discount_percent=20))

    assert price(book)["cost_usd"] == Decimal(2)


def test_an_entry_of_a_tenant_is_nobody_elses(tmp_path: Path):
    book = book_of(tmp_path, entry(model="*", tenant="acme", discount_percent=100))

    costs = [price(book, tenant=tenant)["cost_usd"] for tenant in ("acme", "beta", None)]

    assert costs == [0, Decimal("2.5"), Decimal("2.5")]


@pytest.mark.parametrize(
    ("started_at", "usd"),
    [
        ("2025-12-31T23:59:59.999999+00:00", "2.5"),
        ("2026-01-01T00:00:00+00:00", "2"),
        ("2026-03-01T11:59:59.999999+00:00", "2"),
        ("2026-03-01T12:00:00+00:00", "1.5"),
        ("2026-04-01T00:00:00+00:00", "2.5"),
    ],
)
def test_an_entry_holds_from_its_instant_until_the_next_of_its_key(started_at: str, usd: str, tmp_path: Path):
    key = {"model": "gpt-4o", "provider": "openai"}
    steps = [("2026-01-01", 20), ("2026-03-01T13:00:00+01:00", 40), ("2026-04-01", 0)]
    book = book_of(tmp_path, "".join(entry(**key | {"from": at, "discount_percent": off}) for at, off in steps))

    assert price(book, started_at=dt.datetime.fromisoformat(started_at))["cost_usd"] == Decimal(usd)


def test_a_discount_keeps_dates_windows_and_brackets_of_the_list(tmp_path: Path):
    book = book_of(tmp_path, entry(model="claude-sonnet-4-5", provider="anthropic", discount_percent=50))
    claude = {"provider": "anthropic", "response_model": "claude-sonnet-4-5-20250929"}

    assert price(book, **claude, input_tokens=200_000)["cost_usd"] == Decimal("0.3")
    assert price(book, **claude, input_tokens=200_001)["cost_usd"] == Decimal("0.600003")


def test_a_tier_without_a_list_price_stays_unpriced_under_a_discount_but_not_under_a_committed_price(tmp_path: Path):
    off = book_of(tmp_path, entry(model="*", discount_percent=50))
    ours = book_of(tmp_path, entry(model="gpt-4o", usd_per_mtok={"input": 1, "output": 1}, tier="provisioned"))

    assert price(off, service_tier="provisioned")["price_status"] == "unpriced_model"
    assert price(ours, service_tier="provisioned")["cost_usd"] == 1
    assert price(ours)["cost_usd"] == Decimal("2.5")


def test_a_self_hosted_model_paid_by_the_gpu_is_free_and_takes_no_markup(tmp_path: Path):
    book = book_of(tmp_path, entry(model="llama*", provider="vllm", gpu=True) + entry(model="*", markup_percent=10))

    priced = price(book, provider="vllm", response_model="llama-3")

    assert (priced["cost_usd"], priced["price_status"]) == (0, "free")
    assert price(book, provider="vllm", response_model="llama-3", input_tokens=None)["price_status"] == "usage_missing"


def test_a_name_of_ones_own_costs_what_another_model_costs(tmp_path: Path):
    book = book_of(tmp_path, entry(model="our-best", provider="azure", like="azure/gpt-4o"))
    asked = {"provider": "azure.ai.openai", "response_model": None}

    assert price(book, **asked, request_model="our-best")["cost_usd"] == Decimal("2.5")
    assert price(book, **asked, request_model="other")["price_status"] == "unpriced_model"
    (line,) = price_lines(call(**MILLION | asked, request_model="our-best"), book)
    assert line.source == "genai-prices/0.2.3 azure/gpt-4o (book entry 1 azure/our-best, from 2026-01-01)"


def test_the_list_price_can_come_back(tmp_path: Path):
    tables = entry(model="gpt-4o", usd_per_mtok={"input": 1, "output": 1}) + entry(
        model="gpt-4o", tenant="a", list=True
    )
    book = book_of(tmp_path, tables)

    assert [price(book, tenant=tenant)["cost_usd"] for tenant in ("a", "b")] == [Decimal("2.5"), 1]


def test_requests_pages_and_minutes_have_committed_prices_too(tmp_path: Path):
    per = {
        "request": "0.01",
        "thousand_searches": 10,
        "image": "0.04",
        "audio_minute": "0.006",
        "million_characters": 15,
    }
    book = book_of(tmp_path, entry(model="x", provider="acme", usd_per_mtok={"input": 1, "output": 2}, usd_per=per))
    units = {"searches": 2.0, "images": 1.0, "audio_seconds": 12.3, "characters": 1000.0}

    priced = price(book, provider="acme", response_model="x", output_tokens=1, units=list(units.items()))

    assert priced["other_cost_usd"] == Decimal("0.01") + 2 * Decimal("0.01") + Decimal("0.04") + Decimal(
        "0.00123"
    ) + Decimal("0.015")
    assert sum(priced[part] for part in ("input_cost_usd", "output_cost_usd")) == Decimal("1.000002")


@pytest.mark.parametrize(
    ("rates", "status", "usd"),
    [
        ({"usd_per": {"audio_minute": 6}}, "priced", 2),
        ({"usd_per_mtok": {"input": 1, "output": 2}}, "usage_missing", None),
    ],
)
@pytest.mark.parametrize("semantics", ["refused+audio_beyond_input", "refused+impossible_count"])
def test_counts_that_are_not_believed_cost_nothing_known_only_where_tokens_have_a_rate(
    rates: dict[str, Any], status: str, usd: int | None, semantics: str, tmp_path: Path
):
    per = {"usd_per": {"audio_minute": 6}} | rates
    book = book_of(tmp_path, entry(model="x", provider="acme", **per))
    told = {"operation": "transcription", "units": [("audio_seconds", 20.0)], "usage_semantics": semantics}

    priced = price(book, provider="acme", response_model="x", input_tokens=None, **told)

    assert (priced["price_status"], priced["cost_usd"]) == (status, usd)


def test_own_prices_of_the_settings_hold_until_the_book_says_otherwise(tmp_path: Path):
    own = {"openai/gpt-4o": {"input": "1", "output": "1"}}
    book = book_of(tmp_path, entry(model="gpt-4o", provider="openai", usd_per_mtok={"input": 3, "output": 3}), own)
    before = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)

    assert [price(book, started_at=at)["cost_usd"] for at in (before, before + dt.timedelta(days=1))] == [1, 3]
    assert book.version.startswith("genai-prices/0.2.3+book/")
    assert "+own/" in book.version


PLAIN = [None, "", "default", "auto", "standard", "SERVICE_TIER_STANDARD", "on_demand", "on-demand", "standard_only"]


@pytest.mark.parametrize(
    ("said", "covers", "leaves"),
    [
        *(pytest.param(word, PLAIN, ["flex", "SERVICE_TIER_FLEX"], id=word) for word in PLAIN if word),
        ("flex", ["flex", "Flex", "SERVICE_TIER_FLEX"], [*PLAIN, "batch"]),
        ("SERVICE_TIER_FLEX", ["flex", "SERVICE_TIER_FLEX"], [*PLAIN, "batch"]),
    ],
)
def test_the_tier_of_an_entry_and_of_a_call_are_read_alike(
    said: str, covers: list[str | None], leaves: list[str | None], tmp_path: Path
):
    text = entry(model="*", tier=said, usd_per_mtok={"input": 7, "output": 8})
    book = book_of(tmp_path, text)
    of_all = book_of(tmp_path, text + entry(model="*", usd_per_mtok={"input": 3, "output": 8}))

    assert {price(book, service_tier=tier)["cost_usd"] for tier in covers} == {Decimal(7)}
    assert {price(of_all, service_tier=tier)["cost_usd"] for tier in leaves} == {Decimal(3)}


def test_the_version_tells_what_is_said_not_how_it_is_written(tmp_path: Path):
    text = entry(model="gpt-4o", discount_percent="12.5")
    turned = "# a remark\n[[price]]\nnote = 'signed'\ndiscount_percent = 12.50\nmodel = 'GPT-4o'\nfrom = '2026-01-01'\n"

    versions = [book_of(tmp_path, one).version for one in (text, turned, text.replace("12.5", "12.6"), "")]

    assert versions[0] == versions[1] != versions[2]
    assert versions[3] == "genai-prices/0.2.3"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tenant": "Acme"}, {"tenant": "acme"}),
        ({"tenant": "0042"}, {"tenant": "42"}),
        ({"tenant": "1e2"}, {"tenant": "100"}),
        ({"model": "4.10"}, {"model": "4.1"}),
        ({"provider": "007"}, {"provider": "7"}),
        ({"tier": "1.0"}, {"tier": "1"}),
    ],
)
def test_books_that_price_other_calls_have_other_versions(one: dict[str, str], other: dict[str, str], tmp_path: Path):
    said = {"model": "gpt-4o", "discount_percent": 50}

    versions = {book_of(tmp_path, entry(**said | names)).version for names in (one, other)}

    assert len(versions) == 2


@pytest.mark.parametrize("name", ["10.0.0.1", "1.2.3", "...", "4e7777777"])
def test_a_name_of_digits_and_dots_is_a_name(name: str, tmp_path: Path):
    book = book_of(tmp_path, entry(model="gpt-4o", tenant=name, discount_percent=50))

    assert price(book, tenant=name)["cost_usd"] == Decimal("1.25")
    assert price(book)["cost_usd"] == Decimal("2.5")


def test_numbers_are_the_same_however_they_are_written(tmp_path: Path):
    ways = [
        entry(model="a", usd_per_mtok={"input": "0.50", "output": 100})
        + entry(model="b", like="Azure/GPT-4o")
        + entry(model="a", markup_percent=10),
        entry(usd_per_mtok={"output": "1e2", "input": "0.5"}, model=" A ")
        + entry(like="azure/gpt-4o", model="b", note="signed")
        + entry(markup_percent="10.0", model="a"),
    ]

    assert len({book_of(tmp_path, one).version for one in ways}) == 1


def test_the_fingerprint_of_a_book_is_found_again_in_a_longer_one(tmp_path: Path):
    short = book_of(tmp_path, entry(model="a", gpu=True))

    long = book_of(tmp_path, entry(model="a", gpu=True) + entry(model="b", gpu=True))

    assert long.file.fingerprints[:1] == short.file.fingerprints != long.file.fingerprints[1:]


def test_what_holds_is_listed_the_strongest_first(tmp_path: Path):
    book = book_of(
        tmp_path,
        entry(model="*", discount_percent=5) + entry(model="gpt-4o", list=True) + entry(model="gpt*", gpu=True),
    )

    assert [one.number for one in book.holding(Asked(provider="openai", model="gpt-4o"))] == [2, 3, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (entry(discount_percent=5), "entry 1 must name a model"),
        (entry(model="a"), "entry 1 must say one of discount_percent"),
        (entry(model="a", gpu=True, list=True), "it says gpu and list"),
        (entry(model="a", gpu=False), "gpu = False: must be true, or left out"),
        (entry(model="a", discount_percent=101), "discount_percent = 101: must be from 0 to 100"),
        (entry(model="a", discount_percent="some"), "'some': must be a number"),
        (entry(model="a", markup_percent=-1), "markup_percent = -1: must be from 0 to 1000"),
        (entry(model="a", like="gpt-4o"), "like = 'gpt-4o': must look like provider/model"),
        (entry(model="a", usd_per_mtok={"input": 1}), "usd_per_mtok must give output"),
        (entry(model="a", usd_per={"hour": 1}), "no kind 'hour'; kinds are request,"),
        (entry(model="a", usd_per={"page": 1, "thousand_pages": 1}), "prices the same thing twice"),
        (entry(model="a", gpu=True) + entry(modell="a", gpu=True), "entry 2: there is no 'modell'"),
        (entry(model="a", gpu=True, **{"from": "soon"}), "from must be a UTC date like 2026-01-31"),
        ("[[price]]\nmodel = 'a'\ngpu = true", "from must be a UTC date"),
        ("[[price]]\nmodel = 'a'\nfrom = 2026-01-01T00:00:00\ngpu = true", "with its zone"),
        ("[price]\nmodel = 'a'", "it holds [[price]] entries"),
        ("prices = 3", "not 'prices'"),
        ("[[price", "is not TOML"),
    ],
)
def test_a_book_that_cannot_be_read_says_which_entry_what_and_why(text: str, said: str, tmp_path: Path):
    file = tmp_path / "prices.toml"
    file.write_text(text)

    with pytest.raises(BadPriceBook) as refused:
        read_book(file)

    assert said in str(refused.value)
    assert str(refused.value).startswith(f"price book {file}")


def test_a_book_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(BadPriceBook, match="No such file"):
        read_book(tmp_path / "none.toml")


def test_the_book_in_the_docs_can_be_read_and_says_what_the_docs_say(tmp_path: Path):
    docs = (Path(__file__).parents[2] / "docs" / "prices.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", docs, re.DOTALL)
    book = book_of(tmp_path, example)

    assert price(book)["cost_usd"] == Decimal("2.5") * Decimal("0.875") * Decimal("1.1")
    assert price(book, provider="my-proxy", response_model="gpt-4o")["cost_usd"] == Decimal("2.75")
    assert price(book, provider="vllm", response_model="llama-3")["price_status"] == "free"


def test_the_entry_for_search_units_in_the_docs_prices_a_rerank(tmp_path: Path):
    docs = (Path(__file__).parents[2] / "docs" / "prices.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", docs, re.DOTALL)
    (alone,) = ["[[price]]" + one for one in example.split("[[price]]") if 'provider = "cohere"' in one]
    asked = {"provider": "cohere", "operation": "rerank", "response_model": None, "request_model": "rerank-v3.5"}
    counted = asked | {"input_tokens": None, "units": [("searches", 3.0)]}

    costs = [price(book_of(tmp_path, text), **counted)["cost_usd"] for text in (alone, example)]

    assert costs == [Decimal("0.006"), Decimal("0.0066")]
    assert "cost 0.006 USD, 0.0066 USD with the markup" in docs
    silent = price(book_of(tmp_path, alone), **counted | {"units": None})
    assert (silent["cost_usd"], silent["price_status"]) == (None, "usage_missing")
    assert price(PriceBook(), **counted)["price_status"] == "unpriced_model"


def test_a_reported_cost_is_the_price_only_where_the_book_says_so(tmp_path: Path):
    book = book_of(
        tmp_path, entry(model="*", provider="my-router", reported=True) + entry(model="*", markup_percent=10)
    )
    routed = {"provider": "my-router", "response_model": "any", "units": [("searches", 0.25)]}

    told = price(book, **routed, reported_cost_usd=Decimal("0.012345678901"))
    silent = price(book, **routed)
    listed = price(book, reported_cost_usd=Decimal(7))

    assert (told["cost_usd"], told["other_cost_usd"], told["price_status"]) == (
        *[Decimal("0.013580246791")] * 2,  # 0.0135802467911, half-even
        "priced",
    )
    assert (silent["cost_usd"], silent["price_status"]) == (None, "usage_missing")
    assert listed["cost_usd"] == Decimal("2.75")
