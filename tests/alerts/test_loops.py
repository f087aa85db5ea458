"""Loops of agents: steps of tasks as the lake counts them, told within minutes, and once with what they spend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from alerts.channels import MemoryChannel
from alerts.incidents import ESCALATED, OPENED, RESOLVED, from_table
from alerts.ledger import MemoryLedger
from alerts.lookout import Lookout
from alerts.minutes import to_time
from alerts.routing.routes import to_all
from alerts.settings import AlertSettings
from alerts.watch import Watcher
from processors.rollups import roll_up_usage
from tests.alerts.calls import minute_rows
from tests.alerts.test_health_lake import MINUTE, NOON, Writer
from tests.alerts.test_lookout import hours, spike
from tests.alerts.workload import DAY, FIRST, usage_of
from tests.warehouse.samples import rows, span
from warehouse.reader import Warehouse

STEPS = "agent_steps"
SECOND = timedelta(seconds=1)
LIVE = FIRST + DAY
AGENT = ("acme", "chat", None, None)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def step(number: int, trace: bytes, at: datetime, **told: Any) -> dict[str, Any]:
    """A call of an agent, or with ``operation`` a tool."""
    usual = {"feature": "agent", "provider": "openai", "request_model": "gpt-4o", "attempt": 1}
    times = {"started_at": at, "ended_at": at, "duration_ms": 900.0}
    return span(number, trace_id=trace, **usual | times | {"input_tokens": 100, "output_tokens": 10} | told)


def tool(number: int, trace: bytes, at: datetime, **told: Any) -> dict[str, Any]:
    return step(number, trace, at) | {"operation": "execute_tool", "billable": False, "cost_usd": None} | told


def counted(writer: Writer, start: datetime, every_s: int = 60) -> dict[tuple[datetime, str | None, int], float]:
    found = writer.ledger().health(start, start + 10 * MINUTE, every_s=every_s).to_pylist()
    return {(row["slot"], row["feature"], row["bin"]): row["amount"] for row in found if row["measure"] == "steps"}


def test_steps_are_counted_by_how_many_their_task_had_had_within_the_hour(writer: Writer):
    one, two, three = (bytes([n]) * 16 for n in range(3))
    hour = 60 * MINUTE
    told = [
        *(step(n, one, NOON - 2 * MINUTE) for n in range(5)),
        *(tool(n + 10, one, NOON) for n in range(3)),  # six to eight
        step(20, two, NOON),
        step(21, two, NOON, attempt=2),
        step(22, two, NOON, suppressed_by=b"12345678"),
        step(23, two, NOON, operation="invoke_agent", billable=False),
        step(30, three, NOON - hour),  # long over
        step(31, three, NOON + SECOND, operation="retrieval", billable=False),
    ]
    writer.flush(NOON, spans=rows("spans", *told))

    assert counted(writer, NOON) == {(NOON, "agent", 0): 2, (NOON, "agent", 6): 3}
    assert counted(writer, NOON - 5 * MINUTE, 300) == {
        (NOON - 5 * MINUTE, "agent", 5): 5,
        (NOON, "agent", 0): 2,
        (NOON, "agent", 6): 3,
    }


def test_traces_that_name_one_task_are_one(writer: Writer):
    told = [step(n, bytes([n]) * 16, NOON, task_id=task) for n, task in enumerate(["T-1", "T-1", "T-1", "T-2"])]
    writer.flush(NOON, spans=rows("spans", *told))

    assert counted(writer, NOON) == {(NOON, "agent", 0): 1, (NOON, "agent", 3): 3}


@cache
def tasks(minutes: int) -> pa.Table:
    """Two a minute of two to nine steps, over two minutes, before NOON."""
    rng = np.random.default_rng(3)
    told, number = [], 0
    for place in range(2 * minutes):
        at, trace = NOON - minutes * MINUTE + place * MINUTE / 2, (place + 1).to_bytes(16)
        for nth in range(int(rng.integers(2, 10))):
            when = at + nth * 13 * SECOND
            if when < NOON:
                told.append((tool if nth % 2 else step)(number, trace, when))
            number += 1
    return rows("spans", *told)


def loop(minute: int, a_minute: int = 20) -> list[dict[str, Any]]:
    """One task that goes on and on."""
    at, number = NOON + minute * MINUTE, 10**6 + minute * 1000
    return [(tool if n % 2 else step)(number + n, b"L" * 16, at + n * SECOND) for n in range(a_minute)]


def usual(minute: int) -> list[dict[str, Any]]:
    at, number = NOON + minute * MINUTE, 10**7 + minute * 1000
    traces = [b"%016d" % (2 * minute + one) for one in range(2)]
    return [(tool if n % 2 else step)(number + n, traces[n % 2], at + n * SECOND) for n in range(10)]


def looked(writer: Writer, minutes: int, looping: range) -> tuple[list[tuple[str, str, int]], MemoryChannel]:
    """What a worker's watcher tells, minute by minute; of what comes after twenty it tells every five."""
    day = tasks(25 * 60)
    writer.flush(NOON, spans=day, usage=roll_up_usage(day))
    channel, told = MemoryChannel(), []
    one = Watcher(AlertSettings(), writer.lake, Warehouse(writer.settings), [channel])
    came: list[dict[str, Any]] = []
    for minute in range(minutes):
        now = NOON + minute * MINUTE + 50 * SECOND
        came += [*usual(minute), *(loop(minute) if minute in looping else ())]
        if minute < 20 or minute % 5 == 4:
            spans = rows("spans", *came)
            writer.flush(now, spans=spans, usage=roll_up_usage(spans))
            came.clear()
            told += [(event["signal"], event["event"], minute) for event in one.step(now, wait_s=5).events]
    return told, channel


@pytest.mark.long
def test_a_loop_in_the_lake_is_told_within_minutes_and_resolves(writer: Writer):
    told, channel = looked(writer, 40, range(2, 10))

    assert [event for *event, _ in told] == [[STEPS, OPENED], [STEPS, RESOLVED]]
    assert told[0][2] <= 5
    opened = channel.events[0]
    assert opened.scope.as_dict() == {"tenant": "acme", "feature": "agent"}
    assert opened.summary is not None
    assert opened.summary.startswith("p95 of the steps of a task of acme/agent is ")
    assert opened.measured is not None
    assert opened.usual is not None
    assert opened.measured > 3 * opened.usual


@pytest.mark.long
def test_tasks_as_usual_tell_nothing(writer: Writer):
    assert looked(writer, 20, range(0))[0] == []


def steps_of(minutes: Iterable[int], bins: str, amount: float = 20) -> pa.Table:
    """So many steps a minute of tasks with so many, as the lake tells them."""
    schema = MemoryLedger().health_rows.schema
    told = [row for minute in minutes for row in minute_rows(minute, {"steps 4": 20, f"steps {bins}": amount}, AGENT)]
    return pa.Table.from_pylist(told, schema=schema)


def looping(looped: range, spent: dict[int, float], principal: str | None = None) -> tuple[Counter[Any], MemoryChannel]:
    """Events of 40 minutes by signal: so many minutes of a loop, and so much spent."""
    ledger, channel = MemoryLedger(), MemoryChannel()
    ledger.add_usage(hours())
    ledger.add_health(steps_of(range(FIRST, LIVE + 40), "5", 1))
    ledger.add_health(steps_of(looped, "12"))
    for minute, usd in spent.items():
        ledger.add_usage(spike(minute, usd, principal=principal) if principal else known_spike(minute, usd))
    ledger.committed_until = to_time(LIVE)
    one = Lookout(AlertSettings(min_excess_usd=1.5), ledger, to_all(channel))
    for minute in range(LIVE, LIVE + 40):
        now = ledger.committed_until = to_time(minute) + 50 * SECOND
        one.step(now, wait_s=5)
    one.step(to_time(LIVE + 40), wait_s=5)
    decided = from_table(ledger.incident_rows)
    return Counter((event.signal, event.event) for event in decided if event.channel is None), channel


def known_spike(minute: int, usd: float) -> pa.Table:
    """Spent by those who always do, at the usual price."""
    return usage_of(minute, np.array([usd]), feature="chat")


@pytest.mark.long
def test_what_a_loop_spends_is_written_down_beside_it_and_told_to_nobody():
    decided, channel = looping(range(LIVE, LIVE + 10), {LIVE + 5: 10.0})

    assert decided["spend", OPENED] == 1
    assert decided["spend", RESOLVED] == 1
    assert [(event.signal, event.event) for event in channel.events] == [(STEPS, OPENED), (STEPS, RESOLVED)]


@pytest.mark.long
def test_what_a_loop_spends_is_told_once_it_is_critical():
    _, channel = looping(range(LIVE, LIVE + 10), {LIVE + 5: 10.0, LIVE + 7: 40.0})

    told = [(event.signal, event.event) for event in channel.events]
    assert told[0] == (STEPS, OPENED)
    assert ("spend", ESCALATED) in told
    assert ("spend", OPENED) not in told


@pytest.mark.long
def test_a_new_key_that_spends_beside_a_loop_is_told():
    _, channel = looping(range(LIVE, LIVE + 10), {LIVE + 5: 10.0}, "key-7")

    assert ("spend", OPENED) in [(event.signal, event.event) for event in channel.events]


@pytest.mark.long
def test_a_loop_is_not_told_beside_the_spend_that_was_told_first():
    _, channel = looping(range(LIVE + 5, LIVE + 15), {LIVE: 10.0})

    assert {event.signal for event in channel.events} == {"spend"}
