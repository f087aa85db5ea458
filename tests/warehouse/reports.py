"""Bills in their providers' own formats, made of the truth."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.warehouse.billing import NOON, Charge
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
WORKSPACES = {"wrkspc_first": None}
"""What reports call workspaces: the default one nothing."""
USAGE_TYPES = {"input": "input-tokens", "output": "output-tokens", "cached_input": "cache-read-input-token-count"}


def money(line: Charge, places: int = 12) -> Decimal:
    return Decimal(round(line.cost * 10**places)).scaleb(-places)


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content, default=lambda amount: f"{amount:f}"))
    return file


def grouped(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results with the same words as one, as the APIs answer: their numbers added up."""
    sums: dict[str, dict[str, Any]] = {}
    for one in results:
        key = str({name: value for name, value in one.items() if name != "amount" and isinstance(value, str | bool)})
        sums[key] = {name: _add(sums[key][name], value) for name, value in one.items()} if key in sums else one
    return list(sums.values())


def _add(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return {name: _add(one[name], value) for name, value in other.items()}
    if isinstance(one, Decimal | int) and not isinstance(one, bool):
        return one + other
    return one


def openai_page(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    start = int(dt.datetime.combine(NOON.date(), dt.time(), dt.UTC).timestamp())
    bucket = {"object": "bucket", "start_time": start, "end_time": start + DAY_S, "results": grouped(results)}
    return {"object": "page", "data": [bucket], "has_more": False, "next_page": None}


def openai_costs(lines: Sequence[Charge], file: Path) -> Path:
    results = [
        {
            "object": "organization.costs.result",
            "amount": {"value": money(line), "currency": "usd"},
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
    return {"data": [{**times, "results": grouped(results)}], "has_more": False, "next_page": None}


def anthropic_costs(lines: Sequence[Charge], file: Path) -> Path:
    results = [
        {
            "amount": money(line).scaleb(2),
            "currency": "USD",
            "cost_type": "tokens",
            "token_type": TYPES[line.kind],
            "model": line.model,
            "service_tier": line.tier,
            "workspace_id": WORKSPACES.get(line.account, line.account or None),
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
            "workspace_id": WORKSPACES.get(one.get("provider_account") or "", one.get("provider_account")),
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
