"""The calendar of a worker that runs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.announced import MORE, NAMEABLE
from alerts.calendar import CalendarFile, parse_calendar
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


NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
ENTRY = {"starts_at": NOON - timedelta(hours=1), "ends_at": NOON + timedelta(hours=1), "tenant": "acme"}


def of(signal: str) -> dict[str, str | None]:
    return {"tenant": "acme", "feature": "chat", "signal": signal}


@pytest.mark.parametrize("kind", ["launch", "campaign", "backfill", "onboarding", "any other word"])
def test_announced_usage_explains_usage_and_no_leak_attack_or_outage(kind: str) -> None:
    (event,) = parse_calendar({"event": [{**ENTRY, "kind": kind}]})

    explained = {one for one in NAMEABLE if event.explains(NOON, of(one))}

    assert explained == MORE
    assert not explained & {"pii", "injections", "safety_blocks", "errors_provider", "errors_auth", "silence"}


def test_an_entry_explains_the_signals_that_it_names_as_well() -> None:
    (event,) = parse_calendar({"event": [{**ENTRY, "kind": "launch", "signals": ["duration_p95", "silence"]}]})

    assert {one for one in NAMEABLE if event.explains(NOON, of(one))} == MORE | {"duration_p95", "silence"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("pii", "must be a list"),
        (["piii"], "did you mean 'pii'"),
        ([3], "there are spend, calls"),
        (["budget_exceeded"], "there is no 'budget_exceeded'"),
    ],
)
def test_a_signal_that_no_calendar_explains_is_refused(given: object, said: str) -> None:
    with pytest.raises(BadCalendar, match=said):
        parse_calendar({"event": [{**ENTRY, "kind": "launch", "signals": given}]})


@pytest.mark.parametrize("kind", ["decommission", "Decommission", "DECOMMISSIONING", "decommissioned"])
def test_what_leaves_explains_silence_for_good_and_no_excess(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    (event,) = parse_calendar({"event": [{**ENTRY, "kind": kind}]})

    assert not any(event.explains(NOON, of(one)) for one in NAMEABLE)
    assert event.explains_absence(NOON + timedelta(days=9), of("silence"))
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("kind", "said"), [("decomission", "did you mean 'decommission'"), ("outage", "known are launch")]
)
def test_an_unknown_kind_explains_usage_and_is_warned_of(
    kind: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    (event,) = parse_calendar({"event": [{**ENTRY, "kind": kind}]})

    assert event.explains(NOON, of("spend"))
    assert ["event 1" in one and said in one for one in caplog.messages] == [True]
