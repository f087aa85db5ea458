"""Bills in their providers' own formats, made of the truth, held against a settled lake."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from tests.warehouse.billing import NOON, Books, Charge, call, charges, total
from tests.warehouse.settling import World
from warehouse.invoices.cur import NEEDED

DAY_S = 86_400
CLAUDE = {"provider": "anthropic", "request_model": "claude-sonnet-4-5", "response_model": "claude-sonnet-4-5-20250929"}
WRITES = {"input_tokens": 9000, "cached_input_tokens": 2000, "cache_write_tokens": 3000, "cache_write_1h_tokens": 1000}
BEDROCK = {"provider": "aws.bedrock", "request_model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}
WORDS = {"input": "input", "cached_input": "cached input", "output": "output"}
TYPES = {
    "input": "uncached_input_tokens",
    "cached_input": "cache_read_input_tokens",
    "cache_write": "cache_creation.ephemeral_5m_input_tokens",
    "cache_write_1h": "cache_creation.ephemeral_1h_input_tokens",
    "output": "output_tokens",
}
USAGE_TYPES = {"input": "input-tokens", "output": "output-tokens", "cached_input": "cache-read-input-token-count"}


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(World(tmp_path))


def money(line: Charge, places: int = 12) -> Decimal:
    return Decimal(round(line.cost * 10**places)).scaleb(-places)


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content, default=str))
    return file


def openai_page(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    start = int(dt.datetime.combine(NOON.date(), dt.time(), dt.UTC).timestamp())
    bucket = {"object": "bucket", "start_time": start, "end_time": start + DAY_S, "results": results}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def openai_costs(lines: Sequence[Charge], file: Path) -> Path:
    results = [
        {
            "object": "organization.costs.result",
            "amount": {"value": str(money(line)), "currency": "usd"},
            "line_item": f"{f'{line.tier} | ' * (line.tier != 'standard')}{line.model}, {WORDS[line.kind]}",
            "project_id": "proj_1",
        }
        for line in lines
    ]
    return write(file, openai_page(results))


def openai_usage(calls: Sequence[dict[str, Any]], file: Path) -> Path:
    results = [
        {
            "object": "organization.usage.completions.result",
            "input_tokens": one["input_tokens"],
            "input_cached_tokens": one.get("cached_input_tokens", 0),
            "output_tokens": one["output_tokens"],
            "num_model_requests": 1,
            "project_id": "proj_1",
            "model": one["response_model"],
            "batch": one.get("service_tier") == "batch",
        }
        for one in calls
    ]
    return write(file, openai_page(results))


def openai_embeddings(calls: Sequence[dict[str, Any]], file: Path) -> Path:
    """A page of results that tell no tier."""
    results = [
        {
            "object": "organization.usage.embeddings.result",
            "input_tokens": one["input_tokens"],
            "num_model_requests": 1,
            "project_id": "proj_1",
            "model": one["response_model"],
        }
        for one in calls
    ]
    return write(file, openai_page(results))


def anthropic_page(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    day = NOON.date()
    times = {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{day + dt.timedelta(days=1)}T00:00:00Z"}
    return {"data": [{**times, "results": results}], "has_more": False, "next_page": None}


def anthropic_costs(lines: Sequence[Charge], file: Path) -> Path:
    results = [
        {
            "amount": f"{money(line).scaleb(2):f}",
            "currency": "USD",
            "cost_type": "tokens",
            "token_type": TYPES[line.kind],
            "model": line.model,
            "service_tier": line.tier,
            "workspace_id": None,
        }
        for line in lines
    ]
    return write(file, anthropic_page(results))


def anthropic_usage(calls: Sequence[dict[str, Any]], file: Path) -> Path:
    results = [
        {
            "uncached_input_tokens": one["input_tokens"] - one["cached_input_tokens"] - one["cache_write_tokens"],
            "cache_read_input_tokens": one["cached_input_tokens"],
            "cache_creation": {
                "ephemeral_5m_input_tokens": one["cache_write_tokens"] - one["cache_write_1h_tokens"],
                "ephemeral_1h_input_tokens": one["cache_write_1h_tokens"],
            },
            "output_tokens": one["output_tokens"],
            "server_tool_use": {"web_search_requests": 0},
            "model": one["response_model"],
            "service_tier": one.get("service_tier") or "standard",
            "workspace_id": None,
        }
        for one in calls
    ]
    return write(file, anthropic_page(results))


def cur(lines: Sequence[Charge], file: Path) -> Path:
    columns = [*NEEDED, "line_item_usage_end_date", "line_item_product_code", "pricing_unit"]
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        for line in lines:
            day = {"line_item_usage_start_date": f"{line.day}T00:00:00Z"}
            day["line_item_usage_end_date"] = f"{line.day + dt.timedelta(days=1)}T00:00:00Z"
            named = {"line_item_usage_type": f"USE1-Claude4.5Sonnet-{USAGE_TYPES[line.kind]}"}
            named |= {"line_item_usage_account_id": "111122223333", "line_item_line_item_type": "Usage"}
            amounts = {"line_item_usage_amount": f"{Decimal(line.tokens) / 1000}", "pricing_unit": "1K tokens"}
            amounts |= {"line_item_unblended_cost": f"{money(line):f}", "line_item_currency_code": "USD"}
            writer.writerow({**day, **named, **amounts, "line_item_product_code": "AmazonBedrock"})
    return file


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
