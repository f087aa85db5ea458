"""Bills in their providers' own formats, held against a settled lake."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from processors.pricing.book import PriceBook
from tests.warehouse.billing import NOON, Books, call, charges, total
from tests.warehouse.reports import (
    BEDROCK,
    CLAUDE,
    TYPES,
    WRITES,
    anthropic_costs,
    anthropic_usage,
    cur,
    money,
    openai_costs,
    openai_embeddings,
    openai_usage,
)
from tests.warehouse.settling import World


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(World(tmp_path))


def test_openai_costs_and_usage_tell_together_what_is_missing_and_what_is_dearer(books: Books, tmp_path: Path):
    used = {"response_model": "gpt-4o-2024-08-06", "cached_input_tokens": 300}
    seen = [call(f"c{n}", input_tokens=1000 + n, **used) for n in range(3)]
    unseen = call("unseen", input_tokens=50, **(used | {"cached_input_tokens": 5}))
    books.fill(seen)
    lines = [line.but(cost=line.cost * 2) if line.kind == "output" else line for line in charges([*seen, unseen])]

    books.take(openai_costs(lines, tmp_path / "costs.json"), openai_usage([*seen, unseen], tmp_path / "usage.json"))
    found = total(books.compare())

    assert set(found) == {"missing_traffic", "price_mismatch"}
    assert found["price_mismatch"] == sum(money(line) for line in lines if line.kind == "output") / 2
    assert {one.cell.key.account for one in books.compare()} == {None}  # our calls do not name projects


@pytest.mark.long
@pytest.mark.parametrize("factor", [1, Fraction(93, 100)], ids=["list prices", "discount"])
@pytest.mark.parametrize("tier", ["standard", "batch"])
def test_a_page_that_tells_no_tiers_takes_none_from_other_models(
    books: Books, tmp_path: Path, tier: str, factor: Fraction
):
    chats = [call(f"c{n}", response_model="gpt-4o-2024-08-06", input_tokens=900 + n) for n in range(2)]
    small = [call(f"s{n}", request_model="gpt-4o-mini", response_model="gpt-4o-mini-2024-07-18") for n in range(2)]
    embedding = "text-embedding-3-small"
    vectors = [call("e", request_model=embedding, response_model=embedding, output_tokens=0)]
    books.fill([*chats, *small, *vectors])
    seen = [*(one | {"service_tier": tier} for one in chats), *small]
    lines = [line.but(cost=line.cost * factor) for line in charges([*seen, *vectors])]

    books.take(
        openai_costs(lines, tmp_path / "c.json"),
        openai_usage(seen, tmp_path / "u.json"),
        openai_embeddings(vectors, tmp_path / "e.json"),
    )
    found = total(books.compare())

    listed = charges([*seen, *vectors])
    gaps = {"tier": sum(map(money, listed)) - sum(map(money, charges([*chats, *small, *vectors])))}
    gaps["discount"] = sum(map(money, lines)) - sum(map(money, listed))
    assert found == {cause: gap for cause, gap in gaps.items() if gap}


@pytest.mark.parametrize("others", [0, 2], ids=["all of it", "some of it"])
def test_costs_alone_tell_another_tier_by_its_price(books: Books, tmp_path: Path, others: int):
    used = {"response_model": "gpt-4o-2024-08-06"}
    calls = [call("a", **used, input_tokens=700), *(call(f"c{n}", **used) for n in range(others))]
    books.fill(calls)
    seen = [calls[0] | {"service_tier": "batch"}, *calls[1:]]

    books.take(openai_costs(charges(seen), tmp_path / "c.json"))
    found = total(books.compare())

    assert found == {"tier": sum(map(money, charges(seen))) - sum(map(money, charges(calls)))}


@pytest.mark.parametrize("others", [0, 2], ids=["all of it", "some of it"])
def test_costs_alone_of_a_tier_with_a_price_that_nobody_knows_are_the_tier(books: Books, tmp_path: Path, others: int):
    used = {"response_model": "gpt-4o-2024-08-06", "cached_input_tokens": 300}
    calls = [call("a", **used, input_tokens=700), *(call(f"c{n}", **used) for n in range(others))]
    books.fill(calls)
    listed = charges([calls[0] | {"service_tier": "batch"}])
    bill = [line.but(cost=line.cost / 2) if line.kind == "cached_input" else line for line in listed]
    bill += charges(calls[1:])

    books.take(openai_costs(bill, tmp_path / "c.json"))
    found = total(books.compare())

    assert found == {"tier": sum(map(money, bill)) - sum(map(money, charges(calls)))}


def test_costs_alone_move_no_more_to_another_tier_than_its_cost_buys(books: Books, tmp_path: Path):
    used = {"response_model": "gpt-4o-2024-08-06", "output_tokens": 0}
    books.fill([call("ours", **used, input_tokens=50_000), call("both", **used, request_model="gpt-4o")])
    seen = call("theirs", **used, input_tokens=2_000) | {"service_tier": "batch"}

    books.take(openai_costs(charges([seen, call("both", **used)]), tmp_path / "c.json"))
    found = total(books.compare())

    assert set(found) == {"tier", "unexplained"}
    assert found["tier"] == -sum(map(money, charges([seen])))
    assert found["unexplained"] == -Decimal("0.12")  # 48,000 of 50,000 tokens that no tier has


def test_equal_numbers_of_requests_rule_late_rows_out(books: Books, tmp_path: Path):
    used = {"response_model": "gpt-4o-2024-08-06"}
    books.fill([call("a", **used)])
    books.made_at = NOON
    counted = [call("a", **(used | {"input_tokens": 800, "output_tokens": 70}))]

    books.take(openai_costs(charges(counted), tmp_path / "c.json"), openai_usage(counted, tmp_path / "u.json"))

    assert set(total(books.compare())) == {"token_mismatch"}


def test_equal_numbers_of_requests_rule_missing_calls_out(books: Books, tmp_path: Path):
    used = {"response_model": "gpt-4o-2024-08-06"}
    books.fill([call("a", **used)])
    counted = [call("a", **(used | {"input_tokens": 1200, "output_tokens": 130}))]

    books.take(openai_costs(charges(counted), tmp_path / "c.json"), openai_usage(counted, tmp_path / "u.json"))

    assert set(total(books.compare())) == {"token_mismatch"}


def test_anthropic_reports_agree_by_lifetime_of_cache_writes(books: Books, tmp_path: Path):
    calls = [call(f"c{n}", **CLAUDE, **WRITES) for n in range(2)]
    books.fill(calls)

    books.take(anthropic_costs(charges(calls), tmp_path / "c.json"), anthropic_usage(calls, tmp_path / "u.json"))

    assert total(books.compare()) == {}
    assert {one.cell.key.kind for one in books.compare()} == set(TYPES)


@pytest.mark.long
@pytest.mark.parametrize("with_usage", [True, False], ids=["costs and usage", "costs alone"])
def test_the_priority_tier_that_the_cost_report_lacks_is_a_matter_of_the_tier(
    books: Books, tmp_path: Path, *, with_usage: bool
):
    own = tmp_path / "book.toml"
    own.write_text(
        '[[price]]\nprovider = "anthropic"\nmodel = "claude-*"\ntier = "priority"\nfrom = 2026-01-01\n'
        'usd_per_mtok = {input = "4", cached_input = "1", cache_write = "5", cache_write_1h = "6", output = "20"}\n'
    )
    plain, urgent = call("plain", **CLAUDE, **WRITES), call("urgent", **CLAUDE, **WRITES, service_tier="priority")
    books.world.book = PriceBook.from_settings({}, str(own))
    books.fill([plain, urgent])

    usage = [anthropic_usage([plain, urgent], tmp_path / "u.json")] * with_usage
    books.take(anthropic_costs(charges([plain]), tmp_path / "c.json"), *usage)
    found = total(books.compare())

    assert set(found) == {"tier"}
    assert found["tier"] == -sum(one.ours for one in books.compare()) + sum(money(line) for line in charges([plain]))


@pytest.mark.long
@pytest.mark.parametrize("missing", [False, True], ids=["truth", "a call that never came"])
def test_the_default_workspace_is_the_only_one_that_the_reports_do_not_name(
    books: Books, tmp_path: Path, *, missing: bool
):
    models = ({}, {"request_model": "claude-haiku-4-5", "response_model": "claude-haiku-4-5-20251001"})
    calls = [
        call(f"{account}-{n}", **(CLAUDE | model), **WRITES, provider_account=account)
        for account in ("wrkspc_first", "wrkspc_other")
        for n, model in enumerate(models)
    ]
    unseen = [call("unseen", **CLAUDE, **WRITES, provider_account="wrkspc_first")] * missing
    books.fill(calls)

    seen = [*calls, *unseen]
    books.take(anthropic_costs(charges(seen), tmp_path / "c.json"), anthropic_usage(seen, tmp_path / "u.json"))
    found = total(books.compare())

    assert found == ({"missing_traffic": sum(map(money, charges(unseen)))} if missing else {})
    assert {one.cell.key.account for one in books.compare()} == {"wrkspc_first", "wrkspc_other"}


def test_a_workspace_of_other_tokens_is_not_the_default_one(books: Books, tmp_path: Path):
    used = CLAUDE | WRITES
    books.fill([call("a", **used, provider_account="wrkspc_other"), call("b", **used, provider_account="wrkspc_ours")])
    seen = [
        call("a", **used, provider_account="wrkspc_other"),
        call("c", **CLAUDE, **{name: count + 7 for name, count in WRITES.items()}, provider_account="wrkspc_first"),
    ]

    books.take(anthropic_costs(charges(seen), tmp_path / "c.json"), anthropic_usage(seen, tmp_path / "u.json"))

    assert set(total(books.compare())) == {"missing_traffic", "extra_traffic"}


def test_bedrock_rows_are_joined_with_calls_of_an_inference_profile(books: Books, tmp_path: Path):
    calls = [call(f"c{n}", **BEDROCK, input_tokens=2000 + n, cached_input_tokens=500) for n in range(2)]
    unseen = call("unseen", **BEDROCK, input_tokens=700, cached_input_tokens=7)
    books.fill(calls)

    books.take(cur(charges([*calls, unseen]), tmp_path / "cur.csv"), provider="aws")
    found = total(books.compare())

    assert found == {
        "missing_traffic": pytest.approx(sum(money(line) for line in charges([unseen])), rel=Decimal("1e-6"))
    }
    assert {one.cell.key.model for one in books.compare()} == {"anthropic.claude-sonnet-4-5-20250929-v1:0"}
    assert {one.theirs_tokens for one in books.compare() if one.cell.key.kind == "cached_input"} == {1007}
