"""The watcher over a real lake, telling a webhook and the real Alertmanager."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from alerts.channels import MemoryChannel
from alerts.minutes import to_minute
from alerts.settings import AlertSettings
from alerts.watch import StepReport, Watcher
from tests.alerts.ledgers import lake_bench
from tests.alerts.servers import RunningAlertmanager, receive, run_alertmanager
from tests.alerts.workload import Spent, spend_of, usage_of, usage_table
from warehouse.lake import Lake
from warehouse.reader import ALL, Warehouse
from warehouse.settings import LakeSettings

WAIT_S = 20.0
SECOND = timedelta(seconds=1)


def history(until: int) -> pa.Table:
    """Three hours of normal load."""
    rng = np.random.default_rng(1)
    return usage_of(until - 180, spend_of(rng, np.full(180, 8.0)))


def watcher(directory: Path, settings: AlertSettings, *channels: MemoryChannel) -> Watcher:
    lake = LakeSettings(url=str(directory / "lake"))
    return Watcher(settings, Lake.open(lake), Warehouse(lake), channels)


def look(one: Watcher, since: datetime, manager: RunningAlertmanager, status: str) -> list[StepReport]:
    """Look as a worker does, again and again, until Alertmanager has notified and all deliveries are noted."""
    reports: list[StepReport] = []
    started = time.monotonic()
    while time.monotonic() - started < WAIT_S:
        reports.append(one.step(since + timedelta(seconds=time.monotonic() - started)))
        if status in manager.statuses() and not reports[-1].outbox:
            break
        time.sleep(0.1)
    return reports


def test_a_spike_in_the_lake_reaches_webhook_and_alertmanager_and_ends_there(tmp_path: Path) -> None:
    bench = lake_bench(tmp_path)
    over_at = datetime.now(UTC)
    opened_at = over_at - timedelta(minutes=2)
    minute = to_minute(opened_at) - 4
    bench.add_usage(history(minute), opened_at)
    bench.add_usage(usage_table([Spent(minute=minute, usd=20, principal="key-7", calls=1000)]), opened_at)
    with receive() as hook, run_alertmanager(tmp_path) as manager:
        settings = AlertSettings(webhook_url=hook.url, alertmanager_url=manager.url, calm_minutes=1)
        one = watcher(tmp_path, settings)

        steps = [*look(one, opened_at, manager, "firing"), *look(one, over_at, manager, "resolved")]

        told = [body["data"]["event"] for body in hook.bodies]
        assert [event["event"] for report in steps for event in report.events] == told == ["opened", "resolved"]
        assert manager.statuses() == ["firing", "resolved"], manager.account()
    incident = Warehouse(LakeSettings(url=str(tmp_path / "lake"))).ask("incidents", ALL).to_pylist()
    assert [(one["state"], one["notified"]) for one in incident] == [("resolved", ["alertmanager", "webhook"])]


@pytest.mark.long
def test_two_watchers_on_one_lake_decide_once(tmp_path: Path) -> None:
    bench = lake_bench(tmp_path)
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    bench.add_usage(history(to_minute(now)), now)
    bench.add_usage(usage_table([Spent(minute=to_minute(now), usd=20)]), now)
    channel = MemoryChannel()
    pair = [watcher(tmp_path, AlertSettings(), channel) for _ in range(2)]

    reports = [one.step(now + i * SECOND, wait_s=WAIT_S) for i in range(3) for one in pair]

    assert [event["event"] for report in reports for event in report.events] == ["opened"]
    assert len(channel.events) == 1


def test_an_empty_lake_is_watched_in_peace(tmp_path: Path) -> None:
    report = watcher(tmp_path, AlertSettings()).step(datetime.now(UTC))

    assert (report.events, report.judged_until) == ((), None)
