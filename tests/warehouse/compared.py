"""Rows of the books and of bills as they are compared, without a lake: three models at easy prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.warehouse.billing import total
from warehouse.invoices.answer import BY, as_table, compare
from warehouse.invoices.causes import CAUSES
from warehouse.invoices.gather import Sides
from warehouse.schemas import COST_KINDS, TOKEN_KINDS

FIRST = dt.date(2026, 3, 1)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(4)]
RATES = {
    ("small", "input"): 3,
    ("small", "cached_input"): 1,
    ("small", "output"): 12,
    ("large", "input"): 25,
    ("large", "cached_input"): 10,
    ("large", "output"): 100,
    ("third", "input"): 7,
    ("third", "cached_input"): 2,
    ("third", "output"): 40,
}
"""Picodollars x 10^5 a token."""
Row = dict[str, Any]


def price(model: str | None, kind: str) -> Fraction:
    return Fraction(RATES[model or "", kind], 10**7)


def rate(row: Mapping[str, Any], kind: str) -> Fraction | None:
    known = (row["model"], kind) in RATES and row["model"] != "unknown"
    return price(row["model"], kind) * (Fraction(1, 2) if row["tier"] == "batch" else 1) if known else None


def ours(day: dt.date, model: str, uncached: int, cached: int, out: int, **values: Any) -> Row:
    """A row of the books."""
    costs = {
        "input_cost_usd": uncached * price(model, "input"),
        "cached_cost_usd": cached * price(model, "cached_input"),
        "output_cost_usd": out * price(model, "output"),
    }
    row: Row = dict.fromkeys(TOKEN_KINDS, 0) | {name: Decimal(0) for name in COST_KINDS}
    row |= {name: Decimal(int(cost * 10**12)).scaleb(-12) for name, cost in costs.items()}
    row |= {"input_tokens": uncached + cached, "cached_input_tokens": cached, "output_tokens": out}
    row |= {"day": day, "provider": "openai", "account": None, "model": model, "tier": "standard", "calls": 1}
    row |= {"said_provider": "openai", "said_model": model, "said_tier": None, "markup_percent": 0}
    return row | {"is_priced": True, "is_late": False, "without_usage": 0} | values


def theirs(row: Row, **values: Any) -> list[Row]:
    """What a bill says of a row of the books: a line a kind."""
    counts = {"input": row["input_tokens"] - row["cached_input_tokens"], "cached_input": row["cached_input_tokens"]}
    counts |= {"output": row["output_tokens"]}
    return [
        {
            **{name: row[name] for name in ("day", "provider", "account", "model", "tier")},
            "kind": kind,
            "charge": "usage",
            "unit": "tokens",
            "format": "generic",
            "said_model": row["model"],
            "has_cost": True,
            "has_quantity": True,
            "quantity": Decimal(count),
            "off_by": Decimal(0),
            "variance": 0.0,
            "cost_usd": Decimal(int(count * price(row["model"], kind) * 10**12)).scaleb(-12),
            **values,
        }
        for kind, count in counts.items()
        if count
    ]


def causes(books: list[Row], bill: list[Row], midnight: list[Row] | None = None) -> dict[str, Decimal]:
    compared = compare(Sides(ours=books, theirs=bill, midnight=midnight or [], closed_to=None), rate)
    for by in (BY, ("provider",), ("day", "token_kind")):
        for row in as_table(compared, by).to_pylist():
            assert sum(row[f"{cause}_usd"] for cause in CAUSES) == row["difference_usd"]
            assert row["difference_usd"] == row["theirs_usd"] - row["ours_usd"]
    return total(compared)
