"""Anthropic's usage and cost reports, as ``/v1/organizations/usage_report/messages`` and ``…/cost_report`` answer.

Amounts are decimal strings in cents. The cost report has no Priority Tier: the usage report has. A workspace is null
for the default workspace, and where nothing is grouped by workspace; the first holds where another result names one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from warehouse.invoices.line import OTHER, TOKENS, Line, Reading, Row, Unreadable, labels, read_rows, results
from warehouse.invoices.values import covered, grouped, instant, number, text, tier_name, whole, within_a_day

COSTS, USAGE = "anthropic_costs", "anthropic_usage"
PROVIDER = "anthropic"
GROUPED_BY = ("workspace_id", "api_key_id", "description", "model", "service_tier")
"""What results may be grouped by."""
DEFAULT_WORKSPACE = "default"
KINDS = {
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cached_input",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
}
"""Kinds of tokens as both reports name them."""


def read_costs(pages: object, _: str | None) -> Reading:
    """Costs by day, and by workspace, model, kind of token and tier where they are grouped by them."""
    return _about(pages, read_rows(COSTS, results(pages), lambda row: [_cost(row)], labels))


def read_usage(pages: object, _: str | None) -> Reading:
    """Tokens by day, and by workspace, model and tier where they are grouped by them."""
    return _about(pages, read_rows(USAGE, results(pages), _usage, labels))


def _about(pages: object, reading: Reading) -> Reading:
    """With the days of the pages, and the default workspace where others are named."""
    reading.cuts = grouped(pages, "starting_at", GROUPED_BY)
    reading.covers = covered(pages, "starting_at", "ending_at")
    if any(line.account for line in reading.lines):
        reading.lines = [replace(line, account=line.account or DEFAULT_WORKSPACE) for line in reading.lines]
    return reading


def _cost(row: Row) -> Line:
    cents = number(row, "amount")
    if cents is None:
        raise Unreadable("no_amount", "a result of the cost report must have `amount`, a decimal string in cents")
    token_type, cost_type = text(row, "token_type"), text(row, "cost_type")
    if token_type is not None and token_type not in KINDS:
        raise Unreadable("unknown_kind", f"token_type {token_type!r} must be one of {', '.join(KINDS)}")
    is_other = cost_type not in (None, "tokens")
    start, until = _period(row)
    return Line(
        charged_at=start,
        until=until,
        provider=PROVIDER,
        account=text(row, "workspace_id"),
        model=None if is_other else text(row, "model"),
        kind=OTHER if is_other else KINDS[token_type] if token_type else None,
        tier=None if is_other else tier_name(text(row, "service_tier")),
        amount=cents.scaleb(-2),
        currency=text(row, "currency") or "USD",
        item=text(row, "description", "cost_type"),
    )


def _usage(row: Row) -> Iterator[Line]:
    start, until = _period(row)
    line = Line(
        charged_at=start,
        until=until,
        provider=PROVIDER,
        account=text(row, "workspace_id"),
        model=text(row, "model"),
        tier=tier_name(text(row, "service_tier")),
    )
    counts = {kind: _count(row, name) for name, kind in KINDS.items()}
    if all(count is None for count in counts.values()):
        raise Unreadable("nothing_counted", f"a result of the usage report must have some of {', '.join(KINDS)}")
    for kind, count in counts.items():
        if count is not None:
            yield replace(line, kind=kind, quantity=count, unit=TOKENS)
    tools = row.get("server_tool_use")
    for name, told in tools.items() if isinstance(tools, Mapping) else ():
        count = whole({name: told}, name)
        if count:
            yield replace(line, model=None, kind=OTHER, quantity=count, unit=name, item=name)


def _count(row: Row, name: str) -> Decimal | None:
    holder, _, part = name.rpartition(".")
    if not holder:
        return whole(row, name)
    within = row.get(holder)
    return whole(within, part) if isinstance(within, Mapping) else None


def _period(row: Row) -> tuple[datetime, datetime]:
    bucket = row["bucket"]
    start, end = (instant(name, bucket.get(name)) for name in ("starting_at", "ending_at"))
    return within_a_day("a bucket", start, end)
