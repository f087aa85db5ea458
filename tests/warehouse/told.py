"""Spans as normalise hands them to the once rules: short to write, what is not said is NULL."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable
from typing import Any

import polars as pl
import pyarrow as pa

from processors.normalise import HELPERS
from warehouse import once
from warehouse.once.told import restore
from warehouse.schemas import BILLABLE_OPERATIONS, COST_KINDS, SPANS

ADDED = ("billable", "suppressed_by", *once.NOTES, "cost_usd", "price_status", "price_version", *COST_KINDS)
SCHEMA = pa.schema([*(field for field in SPANS if field.name not in ADDED), *HELPERS])
START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def span(
    span_id: str, parent: str | None = None, *, trace: str = "t", at: float = 0, ms: float = 100, **fields: Any
) -> dict[str, Any]:
    """A span of ``trace`` that starts ``at`` milliseconds after noon and takes ``ms``; a chat call unless told."""
    told = {
        "operation": "chat",
        "_role": "call",
        "service": "shop",
        "convention": "otel_genai",
        "status": "ok",
    } | fields
    started = START + dt.timedelta(milliseconds=at)
    ranks = {f"{name}_rank": told.get(f"{name}_rank", 1) for name in ("tenant", "feature") if told.get(name)}
    has_usage = told.get("input_tokens") is not None or told.get("output_tokens") is not None
    return {
        "trace_id": trace.encode().ljust(16, b"\0"),
        "span_id": name(span_id),
        "parent_span_id": parent and name(parent),
        "started_at": started,
        "ended_at": started + dt.timedelta(milliseconds=ms),
        "duration_ms": ms,
        "received_at": START,
        "source_partition": 0,
        "source_offset": zlib.crc32(trace.encode() + b" " + span_id.encode()),  # a message each
        "_model_call": told["operation"] in BILLABLE_OPERATIONS and told["_role"] in ("call", "usage_record", "repeat"),
        "_has_usage": has_usage,
        "_usage_rank": 1 if has_usage else None,
        **ranks,
        **told,
    }


def tool(span_id: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    """A span that is no model call."""
    return span(span_id, parent, **{"operation": "execute_tool", "_role": "other"} | fields)


def name(span_id: str) -> bytes:
    """The 8 bytes of a span id."""
    return span_id.encode().ljust(8, b"\0")


def table(*rows: dict[str, Any]) -> pa.Table:
    """The rows as one range."""
    numbered = [row | {"_row": number} for number, row in enumerate(rows)]
    ledger = [once.LEDGER] if any(once.LEDGER in row for row in rows) else []
    return pa.Table.from_pylist(numbered, schema=pa.schema([*SCHEMA, *(pa.field(one, pa.int64()) for one in ledger)]))


def told_once(*rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the rules make of the rows, by span id; the last of repeated records."""
    return {_id(row["span_id"]): row for row in once.apply(table(*rows)).to_pylist()}


def in_ledgers(scenes: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """All scenes as one range, each in a ledger of its own."""
    return [row | {once.LEDGER: number} for number, rows in enumerate(scenes) for row in rows]


def verdicts(spans: pa.Table, scenes: int) -> list[dict[str, str]]:
    """Per ledger and span id ``billed``, or the rule and the span that is billed instead: ``wraps_call>leaf``."""
    told: list[dict[str, str]] = [{} for _ in range(scenes)]
    for row in spans.to_pylist():
        told[row[once.LEDGER]][_id(row["span_id"])] = _verdict(row)
    return told


def settle(*flushes: pa.Table) -> list[int]:
    """How many spans of each ledger are billed when the rules read from the lake what several flushes wrote."""
    stored = pa.concat_tables(flushes)
    columns = [field.name for field in SPANS if field.name in stored.column_names]
    numbers = pa.array(range(stored.num_rows), pa.int64())
    lake = stored.select(columns).append_column("row", numbers).append_column("ledger", stored[once.LEDGER])
    verdict = once.decide(restore(lake)).verdict.sort("row")
    return (
        verdict.group_by(pl.Series(stored[once.LEDGER]).alias("ledger"))
        .agg(pl.sum("billable"))
        .sort("ledger")["billable"]
        .to_list()
    )


def _verdict(row: dict[str, Any]) -> str:
    if row["billable"]:
        return "billed"
    return row["_why"] + (f">{_id(row['suppressed_by'])}" if row["suppressed_by"] else "")


def _id(span_id: bytes) -> str:
    return span_id.rstrip(b"\0").decode()
