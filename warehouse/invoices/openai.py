"""OpenAI's organization costs and usage, as ``/v1/organization/costs`` and ``/v1/organization/usage/…`` answer.

Costs grouped by ``line_item`` name model and kind in words: ``gpt-4o-2024-08-06, cached input``, ``priority |
gpt-5.6-sol, output, long context``, ``gpt-audio-mini-2025-12-15 audio, input``, ``web search tool calls``. Usage counts
``input_tokens`` with the cached ones; audio ones stand beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from warehouse.invoices.line import OTHER, TOKENS, Line, Reading, Row, Unreadable, labels, read_rows, results
from warehouse.invoices.values import covered, grouped, instant, number, text, tier_name, whole, within_a_day

COSTS, USAGE = "openai_costs", "openai_usage"
PROVIDER = "openai"
GROUPED_BY = ("project_id", "user_id", "api_key_id", "line_item", "model", "batch", "service_tier")
"""What results may be grouped by."""
_TIERS = ("batch", "flex", "priority")
_SPLIT = re.compile(r"\s*[,|]\s*")
_HEAD = re.compile(r"(?P<model>\S+?)(?:[ -](?P<tier>batch|flex|priority))?(?: (?P<what>audio|text|image))?")
_COUNTED = {
    "images": "images",
    "characters": "characters",
    "seconds": "seconds",
    "usage_bytes": "bytes",
    "num_sessions": "sessions",
}
"""What endpoints count that is no token, and its unit."""


def read_costs(pages: object, _: str | None) -> Reading:
    """Costs by day, project, and line item where they are grouped by them."""
    return _about(pages, read_rows(COSTS, results(pages), lambda row: [_cost(row)], labels))


def read_usage(pages: object, _: str | None) -> Reading:
    """Counts by day, and by project, model, batch and service tier where they are grouped by them."""
    return _about(pages, read_rows(USAGE, results(pages), _usage, labels))


def _about(pages: object, reading: Reading) -> Reading:
    reading.cuts = grouped(pages, "start_time", GROUPED_BY)
    reading.covers = covered(pages, "start_time", "end_time")
    return reading


def _cost(row: Row) -> Line:
    amount = row.get("amount")
    if not isinstance(amount, dict) or number(amount, "value") is None:
        raise Unreadable("no_amount", "a result of the costs must have `amount` with `value` and `currency`")
    start, until = _period(row)
    line = Line(
        charged_at=start,
        until=until,
        provider=PROVIDER,
        account=text(row, "project_id"),
        amount=number(amount, "value"),
        currency=(text(amount, "currency") or "").upper(),
    )
    item = text(row, "line_item")
    if item is None:
        return line
    line = read_item(line, item)
    quantity = number(row, "quantity") if line.kind != OTHER else None
    return replace(line, quantity=quantity, unit=TOKENS) if quantity is not None else line


def read_item(line: Line, item: str) -> Line:
    """A line with what the words of a line item say; one without a direction is about no tokens."""
    before, _, rest = item.rpartition("|")
    head, *words = _SPLIT.split(rest.strip())
    said = " ".join(words).lower()
    match = _HEAD.fullmatch(head)
    direction = re.search(r"\b(input|output)\b", said)
    if match is None or direction is None:
        return replace(line, kind=OTHER, item=item)
    named = [tier for tier in _TIERS if re.search(rf"\b{tier}\b", f"{before} {said}".lower())]
    kind = direction[1]
    if "cached" in said:
        kind = "cached_input"
    elif "cache write" in said:
        kind = "cache_write"
    elif match["what"] == "audio" or "audio" in said:
        kind = f"audio_{kind}"
    tier = match["tier"] or (named[0] if named else "standard")
    return replace(line, model=match["model"], kind=kind, tier=tier, item=item)


def _usage(row: Row) -> Iterator[Line]:
    batch, tier = row.get("batch"), tier_name(text(row, "service_tier"))
    start, until = _period(row)
    line = Line(
        charged_at=start,
        until=until,
        provider=PROVIDER,
        account=text(row, "project_id"),
        model=text(row, "model"),
        tier="batch" if batch is True else tier or ("standard" if batch is False else None),
        item=text(row, "object"),
    )
    found = [*_tokens(row, line), *_others(row, line)]
    if not found:
        raise Unreadable("nothing_counted", f"{line.item or 'a result'} of the usage counts nothing that is known here")
    requests = whole(row, "num_model_requests")
    if requests is not None:
        yield replace(line, quantity=requests, unit="requests")
    yield from found


def _tokens(row: Row, line: Line) -> Iterator[Line]:
    told, cached = whole(row, "input_tokens"), whole(row, "input_cached_tokens") or Decimal(0)
    counts = {
        "input": None if told is None else told - cached,
        "cached_input": whole(row, "input_cached_tokens"),
        "output": whole(row, "output_tokens"),
        "audio_input": whole(row, "input_audio_tokens"),
        "audio_output": whole(row, "output_audio_tokens"),
    }
    if (counts["input"] or 0) < 0:
        raise Unreadable("contradiction", f"input_cached_tokens {cached} must be part of input_tokens {told}")
    for kind, count in counts.items():
        if count is not None:
            yield replace(line, kind=kind, quantity=count, unit=TOKENS)


def _others(row: Row, line: Line) -> Iterator[Line]:
    for name, unit in _COUNTED.items():
        count = number(row, name)
        if count is not None and count < 0:
            raise Unreadable("not_a_count", f"{name} = {count} must be a number from 0")
        if count is not None:
            yield replace(line, kind=OTHER, quantity=count, unit=unit)


def _period(row: Row) -> tuple[datetime, datetime]:
    bucket = row["bucket"]
    start, end = (instant(name, bucket.get(name)) for name in ("start_time", "end_time"))
    return within_a_day("a bucket", start, end)
