"""Health over a real lake: what the question tells, and a worker's watcher that opens and resolves an incident."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from alerts.channels import MemoryChannel
from alerts.incidents import OPENED, RESOLVED
from alerts.lake_ledger import LakeLedger
from alerts.ledger import HEALTH
from alerts.settings import AlertSettings
from alerts.watch import Watcher
from processors.rollups import roll_up_usage
from tests.warehouse.samples import APP, flush_record, rows, span, stretch, usage
from warehouse.lake import Flush, Lake
from warehouse.reader import Warehouse
from warehouse.settings import LakeSettings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USED = {"feature": "search", "provider": "openai", "model": "gpt-4o"}


class Writer:
    """A lake and the flushes of one partition."""

    def __init__(self, directory: Path) -> None:
        self.settings = LakeSettings(url=str(directory / "lake"))
        self.lake = Lake.open(self.settings)
        self._offset = 0

    def flush(self, at: datetime, **tables: pa.Table) -> None:
        """Commit rows of these tables."""
        part = stretch(self._offset, self._offset + 1)
        self._offset += 1
        record = flush_record(part, spans=1, last_record_at=at, flushed_at=at)
        told = {name: {APP: table} for name, table in tables.items()}
        self.lake.commit(Flush(ranges=(part,), tables={**told, "flushes": {APP: rows("flushes", record)}}))

    def ledger(self) -> LakeLedger:
        """As alerts read it."""
        return LakeLedger(self.lake, Warehouse(self.settings))


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def measures(writer: Writer, every_s: int = 60) -> dict[tuple[str, int | None], float]:
    found = writer.ledger().health(NOON, NOON + 5 * MINUTE, every_s=every_s)
    assert found.schema == HEALTH
    return {(row["measure"], row["bin"]): row["amount"] for row in found.to_pylist()}


def test_calls_tell_errors_retries_cache_prices_and_how_long_they_took(writer: Writer):
    hist = [{"index": 300, "count": 3}, {"index": 301, "count": 1}, {"index": 320, "count": 2}]
    told: Sequence[dict[str, Any]] = (
        usage(calls=6, priced_calls=4, retries=1, cached_input_tokens=25, ttft_hist=hist, **USED),
        usage(
            calls=2, input_tokens=None, status="error", error_class="rate_limit", priced_calls=0, cost_usd=None, **USED
        ),
        usage(minute=NOON + 5 * MINUTE, calls=100, **USED),
    )
    writer.flush(NOON, usage=rows("usage", *told))

    assert measures(writer) == {
        ("calls", None): 8,
        ("unpriced", None): 2,
        ("retries", None): 1,
        ("prompted", None): 6,
        ("cached", None): 1.5,
        ("error rate_limit", None): 2,
        ("ttft", 15): 3,
        ("ttft", 16): 3,
    }


def test_checks_and_tools_are_counted_beside_them(writer: Writer):
    safety = [
        {
            "minute": NOON,
            "tenant": "acme",
            "category": category,
            "action": action,
            "events": events,
            "checked_calls": checks,
        }
        for category, action, events, checks in (
            ("any", None, 0, 20),
            ("any", "blocked", 2, 0),
            ("any", "allowed", 9, 0),
            ("any", "flagged", 1, 0),
            ("prompt_injection", None, 0, 10),
            ("prompt_injection", "blocked", 2, 0),
            ("guardrail", None, 0, 4),
            ("pii", "allowed", 3, 0),
            (None, None, 0, 30),
        )
    ]
    tools = [
        span(n, operation=operation, status=status, billable=False)
        for n, (operation, status) in enumerate(
            (("execute_tool", "ok"), ("execute_tool", "error"), ("retrieval", "error"), ("chat", "error"))
        )
    ]
    twice = span(9, operation="execute_tool", status="error", billable=False, suppressed_by=b"12345678")
    writer.flush(NOON, safety=rows("safety", *safety), spans=rows("spans", *tools, twice))

    assert measures(writer) == {
        ("checks", None): 20,
        ("triggered", None): 3,
        ("blocked", None): 2,
        ("pii_checks", None): 4,
        ("injection_checks", None): 14,
        ("injections", None): 2,
        ("tool_calls", None): 2,
        ("tool_failures", None): 1,
        ("retrievals", None): 1,
        ("retrieval_failures", None): 1,
        ("steps", 0): 3,
    }


def test_slots_are_as_long_as_asked(writer: Writer):
    writer.flush(NOON, usage=rows("usage", *(usage(minute=NOON + n * MINUTE, **USED) for n in range(10))))

    found = writer.ledger().health(NOON, NOON + 10 * MINUTE, every_s=300).to_pylist()

    assert sorted((row["slot"], row["amount"]) for row in found if row["measure"] == "calls") == [
        (NOON, 5),
        (NOON + 5 * MINUTE, 5),
    ]


def calls_of(first: datetime, minutes: int, share: float, seed: int) -> pa.Table:
    """Rolled up from spans as a worker does: 20 calls a minute, some refused by a rate limit."""
    rng = np.random.default_rng(seed)
    spans = []
    for minute in range(minutes):
        refused = rng.binomial(20, share)
        at = first + minute * MINUTE
        spans += [
            span(
                n,
                feature="search",
                provider="openai",
                request_model="gpt-4o",
                started_at=at,
                ended_at=at + timedelta(seconds=n),
                duration_ms=900.0,
                input_tokens=100,
                output_tokens=10,
                **({"status": "error", "error_class": "rate_limit"} if n < refused else {}),
            )
            for n in range(20)
        ]
    return roll_up_usage(rows("spans", *spans))


@pytest.mark.long
def test_an_error_burst_in_the_lake_opens_an_incident_that_resolves(writer: Writer):
    writer.flush(NOON, usage=calls_of(NOON - 8 * 60 * MINUTE, 480, 0.004, 1))
    channel = MemoryChannel()
    one = Watcher(AlertSettings(), writer.lake, Warehouse(writer.settings), [channel])
    told: list[tuple[str, str, int]] = []
    came: list[pa.Table] = []
    for minute in range(36):
        now = NOON + minute * MINUTE + timedelta(seconds=50)
        came.append(calls_of(NOON + minute * MINUTE, 1, 0.35 if minute < 10 else 0.004, 100 + minute))
        if minute < 10 or minute % 3 == 2:  # of an end it is enough to hear soon
            writer.flush(now, usage=pa.concat_tables(came))
            came.clear()
            told += [(event["signal"], event["event"], minute) for event in one.step(now, wait_s=5).events]

    assert [event for *event, _ in told] == [["errors_rate_limit", OPENED], ["errors_rate_limit", RESOLVED]]
    assert told[0][2] <= 2
    assert told[1][2] <= 30
    one.step(NOON + 40 * MINUTE, wait_s=5)
    assert [event.event for event in channel.events] == [OPENED, RESOLVED]
    shown = Warehouse(writer.settings).ask("incidents", frozenset({"acme"}), state="all").to_pylist()
    assert [(row["signal"], row["tenant"], row["state"]) for row in shown] == [
        ("errors_rate_limit", "acme", "resolved")
    ]
