"""``spanledger prices diff``: what changes between two books, versions or dates, and what that would mean in money.

Rates are compared at the instant of each side: now for a file, a version or ``list``, else the date that is named. The
money is that of the last 30 days up to the lake's latest call, priced at those rates: each call as it was, at its own
time of day. Nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from spanledger.prices import asked_of, book_of, instant, micros, write

if TYPE_CHECKING:
    import pyarrow as pa

    from processors.pricing.book import Asked, PriceBook
    from processors.pricing.shown import Side
    from spanledger.settings import Settings
    from warehouse.reader import Scope

DAYS = 30
EVERY, OTHERS = "(all)", "(others)"
"""Whose calls a row counts, where not one tenant's: everybody's; those of nobody whom an entry of the books names."""
_AT_ONCE = 3  # days whose calls are held in memory
_NO_MONEY = f"there is no lake: what the change means in money for its last {DAYS} days is not known"
_RATES = ("tenant", "provider", "model", "service_tier", "kind", "above_input_tokens", "per", "before_usd", "after_usd")
_RATES_SHOWN = (*_RATES, "change_percent", "calls")
_TOTALS = ("provider", "model", "calls", "input_tokens", "output_tokens", "before_usd", "after_usd", "change_percent")
_TOTALS_SHOWN = (*_TOTALS, "before_unpriced_calls", "after_unpriced_calls")


def diff(args: argparse.Namespace, settings: Settings) -> int:
    """Print what changes, rate by rate and in money."""
    import pyarrow as pa

    from processors.pricing.money import say_money, show_money
    from processors.pricing.shown import show_changes
    from spanledger.answers import scope_of

    before, after = (_side(text, settings) for text in (args.before, args.after))
    tenants = before.book.tenants | after.book.tenants
    calls = (
        _each_tenant(_named(args.model), args.tenant, (before, after))
        if args.model
        else _in_use(scope_of(args.tenant), tenants, settings)
    )
    changes = _say_whose(show_changes(before, after, calls.items()), OTHERS if tenants else EVERY)
    money = _money(before, after, args, settings)
    totals = _say_whose(show_money(money), EVERY) if money is not None else changes.slice(0, 0)
    if args.format != "table":
        write(pa.concat_tables([changes, totals]), args.format, changes.column_names)
    else:
        write(changes, "table", [name for name in _RATES_SHOWN if tenants or name != "tenant"])
        if totals.num_rows:
            print()
            write(totals, "table", _TOTALS_SHOWN)
    models = {(asked.provider, asked.model, asked.tier) for asked in calls}
    print(f"{changes.num_rows} changes in {len(models)} models", file=sys.stderr)
    print(f"the lake's last {DAYS} days, " + say_money(money) if money is not None else _NO_MONEY, file=sys.stderr)
    return 0


def _say_whose(changes: pa.Table, others: str) -> pa.Table:
    """With a word for the calls of all tenants that no entry names: theirs are not calls without a tenant."""
    place = changes.schema.get_field_index("tenant")
    return changes.set_column(place, changes.field(place), changes["tenant"].fill_null(others))


def _money(before: Side, after: Side, args: argparse.Namespace, settings: Settings) -> pa.Table | None:
    """What the lake's last days would have cost at both sides; None where there is no lake."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from processors.pricing.money import sum_up
    from spanledger.answers import scope_of
    from warehouse.errors import LakeMissing
    from warehouse.reader import Warehouse

    try:
        snapshot = Warehouse(settings.lake).snapshot()
    except LakeMissing:
        return None
    scope = scope_of(args.tenant)
    last = pc.max(snapshot.ask("models", scope)["last_at"]).as_py()
    ends = (
        [last + timedelta(microseconds=1) - timedelta(days=days) for days in range(0, DAYS, _AT_ONCE)] if last else []
    )
    parts = (snapshot.ask("priceable", scope, start=end - timedelta(days=_AT_ONCE), end=end) for end in ends)
    sums = sum_up(before, after, parts)
    if args.model:
        named = {(one.provider, one.model) for one in _named(args.model)}
        rows = zip(sums["provider"].to_pylist(), sums["model"].to_pylist(), strict=True)
        sums = sums.filter(pa.array([(p, m) in named or (None, m) in named for p, m in rows], pa.bool_()))
    return sums


def _side(text: str, settings: Settings) -> Side:
    """A side of a comparison, from what the command line says."""
    from processors.pricing.book import PriceBook
    from processors.pricing.shown import Side
    from processors.pricing.verdicts import take_apart
    from spanledger.errors import CannotRun

    now = micros(instant(None))
    if text == "list":
        return Side(book=PriceBook(), at_us=now)
    if text.endswith(".toml") or Path(text).is_file():
        return Side(book=PriceBook.from_settings(settings.worker.prices, text), at_us=now)
    if (parts := take_apart(text)) is not None:
        return Side(book=book_of(settings).as_of(parts.catalogue, parts.book, own=parts.own is not None), at_us=now)
    try:
        return Side(book=book_of(settings), at_us=micros(instant(text)))
    except CannotRun as error:
        raise CannotRun(f"{text!r} must be a book's FILE.toml, a date or time, a price version, or `list`") from error


def _named(models: Sequence[str]) -> list[Asked]:
    from processors.conventions.rules import server_by_name
    from processors.pricing.book import Asked

    pairs = [name.partition("/") if "/" in name else ("", "", name) for name in models]
    return [Asked(provider=server_by_name(provider or None, model), model=model) for provider, _, model in pairs]


def _each_tenant(models: Sequence[Asked], tenants: Sequence[str] | None, sides: tuple[Side, Side]) -> dict[Asked, int]:
    """Models as everybody asks for them, and as each tenant does that has an entry for them; or as these tenants do."""
    named = set().union(*(side.book.tenants for side in sides))
    asking: dict[Asked, int] = {}
    for model in models:
        own = [replace(model, tenant=tenant) for tenant in sorted(named & set(tenants or named))]
        apart = [one for one in own if any(_names_tenant(side.book, one) for side in sides)]
        others = tenants is None or len(apart) < len(set(tenants))
        asking |= dict.fromkeys([model, *apart] if others else apart, 0)
    return asking


def _names_tenant(book: PriceBook, asked: Asked) -> bool:
    return any(entry.tenant is not None for entry in book.holding(asked))


def _in_use(scope: Scope, tenants: frozenset[str], settings: Settings) -> dict[Asked, int]:
    """What was asked of the lake's models, and how often; tenants apart only where a book sets them apart."""
    from warehouse.reader import Warehouse

    calls: dict[Asked, int] = {}
    for row in Warehouse(settings.lake).ask("models", scope).to_pylist():
        if row["model"] is not None:
            asked = asked_of(row, row["tenant"] if row["tenant"] in tenants else None)
            calls[asked] = calls.get(asked, 0) + row["calls"]
    return calls
