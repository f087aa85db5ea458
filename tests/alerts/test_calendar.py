"""The calendar of a worker that runs."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.calendar import CalendarFile
from alerts.channels import MemoryChannel
from alerts.errors import BadCalendar
from alerts.lookout import Lookout
from alerts.routing.routes import to_all
from alerts.settings import AlertSettings
from tests.alerts.test_lookout import LIVE, LIVE_MINUTE, hours, ledger_of, spike, told

LAUNCH = """[[event]]
kind = "launch"
starts_at = 2026-03-02T23:00:00Z
ends_at = 2026-03-03T04:00:00Z
tenant = "acme"
"""


def test_what_is_announced_while_the_worker_runs_is_heeded(tmp_path: Path) -> None:
    file = tmp_path / "calendar.toml"
    file.write_text("")
    ledger = ledger_of(hours())
    one = Lookout(AlertSettings(min_excess_usd=0.5, calendar=str(file)), ledger, to_all(MemoryChannel()))
    one.step(LIVE)

    file.write_text(LAUNCH)
    ledger.add_usage(spike(LIVE_MINUTE + 5, 9))

    assert told([one.step(LIVE + timedelta(minutes=5, seconds=30))]) == []
    file.write_text("")
    assert told([one.step(LIVE + timedelta(minutes=6, seconds=30))]) == ["opened"]


def test_one_that_becomes_unreadable_is_told_once_and_its_last_events_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "calendar.toml"
    file.write_text(LAUNCH)
    calendar = CalendarFile(file)

    with caplog.at_level(logging.ERROR):
        file.write_text(LAUNCH + "x")
        kept = [calendar.events() for _ in range(3)]
        file.unlink()
        kept.append(calendar.events())

    assert [len(events) for events in kept] == [1, 1, 1, 1]
    assert [str(file) in one.getMessage() for one in caplog.records] == [True, True]


def test_at_start_it_must_be_readable(tmp_path: Path) -> None:
    with pytest.raises(BadCalendar):
        CalendarFile(tmp_path / "none.toml")
    assert CalendarFile(None).events() == ()
