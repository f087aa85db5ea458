"""Model servers that are full, or that nobody asks: rules over what a lake has of them, and who sees the incidents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from alerts.channels import MemoryChannel
from alerts.gpus import DAY, cases_of
from alerts.health.table import IDLE, SATURATED
from alerts.incidents import OPENED, RESOLVED
from alerts.settings import AlertSettings
from alerts.watch import Watcher
from tests.alerts.test_health_lake import NOON, Writer
from tests.warehouse.samples import rows
from warehouse.reader import ALL, Scope, Warehouse

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SETTINGS = AlertSettings(budgets_every_s=60)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def sample(at: datetime, running: float, waiting: float = 0, kv: float = 0.3, **told: Any) -> dict[str, Any]:
    plain = {"source": "vllm", "model": "llama", "model_server": "node-1:8000", "engine": "0", "tenant": "platform"}
    load = {"requests_running": running, "requests_waiting": waiting, "kv_cache_utilisation": kv}
    return plain | {"sampled_at": at} | load | told


def minutes(first: datetime, last: datetime, *load: float, **told: Any) -> list[dict[str, Any]]:
    """A sample a minute."""
    return [sample(first + n * MINUTE, *load, **told) for n in range(int((last - first) / MINUTE))]


def gpu_rows(told: Iterable[dict[str, Any]]) -> pa.Table:
    return rows("gpu_samples", *told)


def signals(writer: Writer, now: datetime) -> dict[str, tuple[bool, bool]]:
    """What is on, and what is calm."""
    loads = writer.ledger().gpu_load(now - DAY, now - 10 * MINUTE, now)
    return {case.subject.signal: (case.is_on, case.is_calm) for case in cases_of(loads, now)}


@pytest.mark.parametrize(
    ("before", "late", "on", "calm"),
    [
        ((4, 0, 0.3), (8, 3, 0.6), True, False),  # requests wait
        ((4, 0, 0.3), (8, 0, 0.97), True, False),  # the cache is full
        ((4, 0, 0.3), (8, 0, 0.9), False, True),
        ((8, 3, 1.0), (8, 3, 1.0), False, True),  # always: it is meant to be
    ],
)
def test_servers_are_full_when_they_were_not(
    writer: Writer, before: tuple[float, ...], late: tuple[float, ...], on: bool, calm: bool
):
    told = minutes(NOON - DAY, NOON - 10 * MINUTE, *before) + minutes(NOON - 10 * MINUTE, NOON, *late)
    writer.flush(NOON, gpu_samples=gpu_rows(told))

    assert signals(writer, NOON)[SATURATED] == (on, calm)


def test_what_no_server_tells_is_not_said_to_be_nothing(writer: Writer):
    late = minutes(NOON - 10 * MINUTE, NOON, 8, 3, kv_cache_utilisation=None)
    writer.flush(NOON, gpu_samples=gpu_rows(minutes(NOON - HOUR, NOON - 10 * MINUTE, 4) + late))

    (said,) = (
        case.said
        for case in cases_of(writer.ledger().gpu_load(NOON - DAY, NOON - 10 * MINUTE, NOON), NOON)
        if case.subject.signal == SATURATED
    )

    assert said.endswith("1 server, 3.0 requests wait for each")


def test_few_samples_and_other_tables_say_nothing(writer: Writer):
    dcgm = {"source": "dcgm", "sampled_at": NOON - MINUTE, "gpu_uuid": "GPU-1", "host": "node-1", "utilisation": 1.0}
    told = minutes(NOON - 9 * MINUTE, NOON, 8, 3)
    writer.flush(NOON, gpu_samples=gpu_rows([dcgm, *told]))

    assert signals(writer, NOON) == {SATURATED: (False, False), IDLE: (False, True)}


@pytest.mark.parametrize(("since", "asked", "on"), [(24, 0, True), (20, 0, False), (24, 1, False)])
def test_servers_are_idle_after_a_day_without_a_request(writer: Writer, since: int, asked: int, on: bool):
    told = minutes(NOON - since * HOUR, NOON, 0)
    told[30]["requests_running"] = asked
    writer.flush(NOON, gpu_samples=gpu_rows(told))

    assert signals(writer, NOON)[IDLE][0] == on


@pytest.mark.long
def test_full_servers_in_a_lake_open_an_incident_that_resolves_and_no_tenant_sees(writer: Writer):
    other = minutes(NOON - DAY, NOON, 0, model="quiet", model_server="node-2:8000")
    writer.flush(NOON, gpu_samples=gpu_rows([*minutes(NOON - DAY, NOON, 4), *other]))
    channel, told = MemoryChannel(), []
    one = Watcher(SETTINGS, writer.lake, Warehouse(writer.settings), [channel])
    came: list[dict[str, Any]] = []
    for minute in range(40):
        at, now = NOON + minute * MINUTE, NOON + (minute + 5 / 6) * MINUTE
        busy = sample(at, 8, 5, 0.99) if minute < 15 else sample(at, 4)
        idle = sample(at, float(minute == 30), model="quiet", model_server="node-2:8000")
        came += [busy, idle]
        if minute < 10 or minute % 3 == 0:
            writer.flush(now, gpu_samples=gpu_rows(came))
            came.clear()
            told += [(event["signal"], event["event"], minute) for event in one.step(now, wait_s=5).events]

    assert [event for *event, _ in told] == [
        [IDLE, OPENED],
        [SATURATED, OPENED],
        [SATURATED, RESOLVED],
        [IDLE, RESOLVED],
    ]
    _, opened, resolved, asked = (minute for *_, minute in told)
    assert opened <= 9
    assert resolved <= 22
    assert asked == 30
    (full,) = (event for event in channel.events if (event.signal, event.event) == (SATURATED, OPENED))
    assert full.scope.as_dict() == {"model": "llama"}
    assert full.summary is not None
    assert full.summary.startswith("servers of model llama are full: requests wait or the KV cache is full in 80 % of ")
    house = Warehouse(writer.settings)
    shown: dict[Scope, int] = {
        scope: house.ask("incidents", scope, state="all").num_rows
        for scope in (ALL, frozenset({"acme"}), frozenset({"platform"}))
    }
    assert list(shown.values()) == [2, 0, 0]
