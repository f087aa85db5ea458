"""The two ledgers, so that one contract runs on both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from alerts.lake_ledger import LakeLedger
from alerts.ledger import Ledger, MemoryLedger
from warehouse.lake import Flush, Lake, Range
from warehouse.reader import Warehouse
from warehouse.schemas import FLUSHES
from warehouse.settings import LakeSettings

APP = "cluster/topic/0"


class Bench:
    """A ledger, and the writer's side of it."""

    def __init__(self, ledger: Ledger, add_usage: Callable[..., None]) -> None:
        self.ledger = ledger
        self.add_usage = add_usage


def memory_bench(_: Path) -> Bench:
    """A ledger in memory."""
    ledger = MemoryLedger()

    def add(rows: pa.Table, flushed_at: datetime) -> None:
        ledger.add_usage(rows)
        ledger.committed_until = flushed_at

    return Bench(ledger, add)


def lake_bench(directory: Path) -> Bench:
    """A ledger over a lake; one message per flush, and the partition is caught up."""
    settings = LakeSettings(url=str(directory / "lake"))
    lake = Lake.open(settings)

    def add(rows: pa.Table, flushed_at: datetime, spans: pa.Table | None = None) -> None:
        offset = lake.next_offsets([APP])[APP]["flushes"] or 0
        flushes = pa.Table.from_pylist([flush_row(offset, flushed_at)], schema=FLUSHES)
        span = Range(app_id=APP, first=offset, next=offset + 1)
        more = {} if spans is None else {"spans": {APP: spans}}
        lake.commit(Flush(ranges=(span,), tables={"usage": {APP: rows}, **more, "flushes": {APP: flushes}}))

    return Bench(LakeLedger(lake, Warehouse(settings)), add)


def flush_row(offset: int, at: datetime) -> dict[str, object]:
    """A record of ``flushes`` of one message, with none left to come."""
    return {
        "day": at.date(),
        "flush_id": str(offset),
        "app_id": APP,
        "topic": "otlp_spans",
        "partition": 0,
        "first_offset": offset,
        "next_offset": offset + 1,
        "end_offset": offset + 1,
        "first_record_at": at,
        "last_record_at": at,
        "flushed_at": at,
        "messages": 1,
    }
