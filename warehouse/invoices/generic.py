"""Any bill as a CSV or Parquet file with these columns; those that are not known are left out or empty.

``day`` (UTC date), ``provider`` (or --provider, which leaves others out), ``account``, ``model``, ``token_kind``
(input, cached_input, cache_write, cache_write_1h, output, audio_input, audio_output, other), ``tier``, ``quantity`` and
``unit`` (tokens, 1K tokens, 1M tokens …), ``cost`` and ``currency`` (default USD), ``charge`` (usage, discount, credit,
tax, fee; default usage), ``item``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from warehouse.invoices.line import (
    CHARGES,
    OTHER,
    TOKEN_KINDS,
    TOKENS,
    USAGE,
    Line,
    Reading,
    Row,
    Unreadable,
    read_rows,
    whose,
)
from warehouse.invoices.values import instant, number, text, tier_name, times

FORMAT = "generic"
COLUMNS = (
    *("day", "provider", "account", "model", "token_kind", "tier", "quantity", "unit"),
    *("cost", "currency", "charge", "item"),
)
NEEDED = ("day",)


def read(rows: list[dict[str, Any]], provider: str | None, name_provider: Callable[[str], str | None]) -> Reading:
    """The rows, of ``provider`` where one is given. ``name_provider``: of a name in a bill, None = it stays."""
    return read_rows(FORMAT, rows, lambda row: [_line(row, provider, name_provider)])


def _line(row: Row, provider: str | None, name_provider: Callable[[str], str | None]) -> Line:
    said = text(row, "provider")
    named = (name_provider(said) or said.lower()) if said else None
    who = whose(named, provider, "fill the column provider, or give --provider")
    kind = text(row, "token_kind")
    if kind not in (None, OTHER, *TOKEN_KINDS):
        raise Unreadable("unknown_kind", f"token_kind {kind!r} must be one of {', '.join((*TOKEN_KINDS, OTHER))}")
    charge = text(row, "charge") or USAGE
    if charge not in CHARGES:
        raise Unreadable("unknown_charge", f"charge {charge!r} must be one of {', '.join(CHARGES)}")
    line = Line(
        charged_at=instant("day", row.get("day")),
        provider=who,
        account=text(row, "account"),
        model=text(row, "model"),
        kind=kind,
        tier=tier_name(text(row, "tier")),
        charge=charge,
        amount=number(row, "cost"),
        currency=(text(row, "currency") or "USD") if text(row, "cost") else None,
        item=text(row, "item"),
    )
    quantity = number(row, "quantity")
    if quantity is None and line.amount is None:
        raise Unreadable("nothing_told", "a row must have a cost, or a quantity, or both")
    if quantity is None:
        return line
    count, noun = times(text(row, "unit") or TOKENS)
    if kind in TOKEN_KINDS and noun != TOKENS:
        raise Unreadable("unknown_unit", f"unit {text(row, 'unit')!r} of {kind} must be tokens, 1K tokens or 1M tokens")
    return replace(line, quantity=quantity * count, unit=noun or TOKENS)
