"""Rows and flushes to fill test lakes with: small, and in the real schemas."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from warehouse.lake import Flush, Range
from warehouse.schemas import TABLES

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
APP = "cluster/topic/0"


def rows(table: str, *records: Mapping[str, Any]) -> pa.Table:
    """Rows of a table of ``warehouse.schemas``; columns left out are NULL, ``day`` is that of the time column."""
    spec = TABLES[table]
    filled = [{"day": record[spec.time].date(), **record} for record in records]
    for record in filled:
        if unknown := set(record) - set(spec.schema.names):
            raise ValueError(f"{table} has no {sorted(unknown)}")
    return pa.Table.from_pylist(filled, schema=spec.schema)


def usage(**values: Any) -> dict[str, Any]:
    """One record of ``usage``: one priced call of a dollar."""
    cost = Decimal(values.get("cost_usd", 1)) if values.get("cost_usd", 1) is not None else None
    plain = {
        "minute": NOON,
        "tenant": "acme",
        "calls": 1,
        "priced_calls": int(cost is not None),
        "input_tokens": 100,
        "output_tokens": 10,
        "priced_tokens": 110 if cost is not None else 0,
        "input_cost_usd": cost,
        "status": "ok",
        "retries": 0,
    }
    return plain | values | {"cost_usd": cost}


def span(offset: int, **values: Any) -> dict[str, Any]:
    """One record of ``spans``: a billable call whose ids are made of the offset of its record."""
    return {
        "trace_id": offset.to_bytes(16),
        "span_id": offset.to_bytes(8),
        "tenant": "acme",
        "started_at": NOON,
        "ended_at": NOON + timedelta(seconds=1),
        "operation": "chat",
        "status": "ok",
        "price_status": "priced",
        "cost_usd": Decimal(1),
        "billable": True,
        "source_partition": 0,
        "source_offset": offset,
        "received_at": NOON,
    } | values


def flush_record(part: Range, **values: Any) -> dict[str, Any]:
    """The record of ``flushes`` that a worker writes for one range."""
    return {
        "flush_id": f"{part.app_id}@{part.next}",
        "app_id": part.app_id,
        "topic": "otlp_spans",
        "partition": int(part.app_id.rpartition("/")[2]),
        "first_offset": part.first,
        "next_offset": part.next,
        "end_offset": part.next,
        "gap_messages": 0,
        "first_record_at": NOON,
        "last_record_at": NOON,
        "flushed_at": NOON,
        "messages": part.next - part.first,
        "bytes": 100,
        "spans": part.next - part.first,
        "billable_spans": part.next - part.first,
        "rows": {"spans": part.next - part.first},
        "dropped": {},
        "suppressed": {},
        "duration_ms": 5.0,
        "worker": "w1",
    } | values


def stretch(first: int, next_: int, app_id: str = APP) -> Range:
    """A range of one stream."""
    return Range(app_id=app_id, first=first, next=next_)


def flush_of(*parts: Range, **values: Any) -> Flush:
    """What a worker would commit for ranges with one call of a dollar at every offset; ``values`` go into ``usage``."""
    return Flush(
        ranges=parts,
        tables={
            "usage": {part.app_id: rows("usage", *_calls(part, values)) for part in parts},
            "spans": {part.app_id: rows("spans", *(span(o) for o in range(part.first, part.next))) for part in parts},
            "flushes": {part.app_id: rows("flushes", flush_record(part)) for part in parts},
        },
    )


def _calls(part: Range, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    calls = part.next - part.first
    return [usage(calls=calls, cost_usd=calls, priced_calls=calls, **values)]
