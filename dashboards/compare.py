"""Two periods side by side: what was spent before, in the rows of what is spent now."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dashboards import figures
from dashboards.grid import Column, Row

BEFORE = (
    Column(name="before_usd", title="Before", shown=figures.usd),
    Column(name="change_usd", title="Change", shown=figures.change),
)
NOTHING = Decimal(0)


def beside(rows: Sequence[Row], before: Sequence[Row], by: Sequence[str]) -> list[Row]:
    """The rows with ``before_usd`` and ``change_usd``, and after them those that there were before alone.

    Without calls nothing was spent; NULL is the cost of calls of which none has a price, and then no change is known.
    """
    costs = {_key(row, by): row["cost_usd"] for row in before}
    found: list[Row] = [_with(row, costs.pop(_key(row, by), NOTHING)) for row in rows]
    empty: dict[str, Any] = dict.fromkeys(rows[0] if rows else (), None) | {"cost_usd": NOTHING, "calls": 0}
    gone = [empty | dict(zip(by, key, strict=True)) for key in costs]
    return found + [_with(row, costs[_key(row, by)]) for row in gone]


def _key(row: Row, by: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in by)


def _with(row: Row, before: Decimal | None) -> Row:
    now = row["cost_usd"]
    change = None if now is None or before is None else now - before
    return {**row, "before_usd": before, "change_usd": change}
