"""Error budgets that burn too fast: what is on, what is calm, and a lake whose objective opens an incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alerts.burns import cases_of
from alerts.channels import MemoryChannel
from alerts.health.table import FAST_BURN, SLOW_BURN
from alerts.incidents import OPENED, RESOLVED, UPDATED, Event, from_table, incidents_of, to_table
from alerts.ledger import MemoryLedger
from alerts.lookout import Lookout
from alerts.people import say
from alerts.routing.routes import to_all
from alerts.settings import AlertSettings
from alerts.watch import Watcher
from ingest.settings import KafkaSettings
from processors.run import run_worker
from processors.settings import WorkerSettings
from tests.alerts.test_health_lake import NOON, USED, Writer
from tests.warehouse.samples import rows, usage
from warehouse.errors import BadPlans
from warehouse.planning import Plans
from warehouse.planning.burning import FAST, LEAST_BAD, SLOW, Burn, Pace, paces
from warehouse.planning.objectives import Objective
from warehouse.planning.slo import Seen
from warehouse.questions.dimensions import Filter
from warehouse.reader import ALL, Scope, Warehouse
from warehouse.settings import LakeSettings, SettleSettings

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ACME: Filter = (("tenant", frozenset({"acme"})), ("feature", frozenset({"search"})))
CALLS = 10_000


def objective(name: str = "answers", of: Filter = ACME, window: str = "28d", **told: Any) -> Objective:
    """One call of a thousand may fail."""
    length = int(window[:-1]) * (DAY if window.endswith("d") else HOUR)
    usual = {"signal": "availability", "limit_ms": None, "target": Decimal("0.999")}
    return Objective(name=name, of=of, window=length, said=window, **usual | told)


def seen(times: float) -> Seen:
    """So many times the calls that may be bad."""
    bad = round(times * CALLS / 1000)
    return Seen(calls=CALLS, good=CALLS - bad, of=CALLS)


def burn(rate: float, length: timedelta, long: float, short: float) -> Burn:
    allowed = Decimal("0.001")
    return Burn(rate=rate, length=length, long=seen(long), short_length=length / 12, short=seen(short), allowed=allowed)


def pace(fast: tuple[float, float] = (0, 0), slow: tuple[float, float] = (0, 0)) -> Pace:
    """Burns of the shortest and the longest windows, at these times the even pace: long, short."""
    told = {FAST: [burn(14.4, HOUR, *fast), burn(6, 6 * HOUR, 0, 0)], SLOW: [burn(1, 3 * DAY, *slow)]}
    return Pace(objective=objective(), end=NOW, burns=told)


class Watch:
    """A lookout over a ledger in memory, every minute."""

    def __init__(self) -> None:
        self.ledger, self.channel, self.now = MemoryLedger(), MemoryChannel(), NOW
        self.lookout = Lookout(AlertSettings(), self.ledger, to_all(self.channel))

    def look(self, *told: Pace, after: timedelta = MINUTE) -> list[tuple[str, str]]:
        self.now += after
        self.ledger.burning = [replace(one, end=self.now) for one in told]
        report = self.lookout.step(self.now, wait_s=2)
        return [(event["signal"], event["event"]) for event in report.events]

    def events(self) -> Sequence[Event]:
        return sorted(from_table(self.ledger.incident_rows), key=lambda one: (one.recorded_at, one.sequence))

    def say(self, kind: str, **told: Any) -> None:
        """What somebody says of the one incident."""
        (incident,) = incidents_of(self.events()).values()
        version = self.ledger.last_version()
        assert version is not None
        self.ledger.append(to_table([say(incident, kind, who="ann", now=self.now, **told)]), version + 1)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_both_windows_must_burn(watch: Watch):
    assert watch.look(pace((20, 10)), after=MINUTE) == []  # it is over
    assert watch.look(pace((10, 20)), after=MINUTE) == []  # it has just begun
    assert watch.look(pace((15, 20)), after=MINUTE) == [(FAST_BURN, OPENED)]
    assert watch.look(pace((20, 20)), after=MINUTE) == []


def test_it_says_how_fast_what_is_allowed_and_whose_it_is(watch: Watch):
    watch.look(pace((20, 30)))

    (event,) = (one for one in watch.events() if one.event == OPENED)

    assert (event.severity, event.budget) == ("critical", "answers")
    assert event.scope.as_dict() == {"tenant": "acme", "feature": "search"}
    assert (event.measured, event.usual, event.affected) == (0.02, 0.001, 200)
    assert event.summary == (
        "objective answers: its error budget burns at 20.0 times the even pace (limit 14.4): 200 of 10,000 calls fail "
        "in 1 h (2 %, allowed 0.1 %), 3 % in the last 5 min"
    )
    assert event.window_end - event.window_start == HOUR


def test_a_slow_burn_is_a_warning(watch: Watch):
    assert watch.look(pace(slow=(1.5, 1.2))) == [(SLOW_BURN, OPENED)]
    assert watch.events()[-1].severity == "warning"


def test_what_burns_fast_is_not_told_as_a_slow_burn_as_well(watch: Watch):
    assert watch.look(pace((15, 20), (2, 4))) == [(FAST_BURN, OPENED)]
    assert watch.look(pace((15, 0), (2, 4))) == [(FAST_BURN, RESOLVED)]
    assert watch.look(pace((0, 0), (2, 4)), after=HOUR) == []
    assert watch.look(pace((0, 0), (2, 4)), after=6 * HOUR) == [(SLOW_BURN, OPENED)]


def test_it_is_over_when_the_short_windows_are_calm_and_goes_on_within_three_hours(watch: Watch):
    told = [watch.look(pace(at)) for at in ((20, 20), (20, 13.5), (20, 12), (20, 20), (20, 5))]
    later = watch.look(pace((20, 20)), after=4 * HOUR)

    assert told == [[(FAST_BURN, OPENED)], [], [(FAST_BURN, RESOLVED)], [(FAST_BURN, UPDATED)], [(FAST_BURN, RESOLVED)]]
    assert later == [(FAST_BURN, OPENED)]


def test_twice_as_fast_is_told_again_but_not_to_who_has_it(watch: Watch):
    assert watch.look(pace((15, 20))) == [(FAST_BURN, OPENED)]
    assert watch.look(pace((30, 40))) == [(FAST_BURN, UPDATED)]
    watch.say("acknowledged")
    assert watch.look(pace((60, 80))) == []
    assert watch.look(pace((60, 0))) == [(FAST_BURN, RESOLVED)]


def test_what_is_silenced_opens_nothing(watch: Watch):
    watch.look(pace((15, 20)))
    watch.say("silenced", until=NOW + DAY)

    assert watch.look(pace((15, 0))) == [(FAST_BURN, RESOLVED)]
    assert watch.look(pace((15, 20)), after=4 * HOUR) == []
    assert watch.look(pace((15, 20)), after=DAY) == [(FAST_BURN, OPENED)]


def test_an_objective_that_is_gone_ends_its_incident(watch: Watch):
    watch.look(pace((15, 20)))

    assert watch.look() == [(FAST_BURN, RESOLVED)]


def test_a_few_bad_calls_of_a_quiet_hour_are_no_burn():
    few, many = (
        Burn(
            rate=14.4,
            length=HOUR,
            long=Seen(calls=20, good=20 - bad, of=20),
            short_length=5 * MINUTE,
            short=Seen(calls=2, good=1, of=2),
            allowed=Decimal("0.001"),
        )
        for bad in (LEAST_BAD - 1, LEAST_BAD)
    )

    assert (few.is_on, many.is_on) == (False, True)


def test_two_workers_tell_it_once(watch: Watch):
    other = Lookout(AlertSettings(), watch.ledger, to_all(watch.channel))

    assert watch.look(pace((15, 20))) == [(FAST_BURN, OPENED)]
    assert other.step(watch.now, wait_s=2).events == ()


def calls(minute: datetime, bad: int, of: int = 100, **told: Any) -> list[dict[str, Any]]:
    plain = USED | told
    failed = usage(minute=minute, calls=bad, status="error", error_class="timeout", cost_usd=None, **plain)
    return [usage(minute=minute, calls=of - bad, **plain), *([failed] if bad else [])]


def test_a_worker_reads_the_file_of_objectives_before_it_starts(tmp_path: Path):
    file = tmp_path / "slos.toml"
    file.write_text("[[slos]]\nname = 'answers'\nsignal = 'luck'\n")

    with pytest.raises(BadPlans, match="luck"):
        run_worker(
            kafka=KafkaSettings(bootstrap="127.0.0.1:1"),
            worker=WorkerSettings(),
            lake=LakeSettings(url=str(tmp_path / "lake")),
            alerts=AlertSettings(),
            data=tmp_path / "data",
            metrics_port=0,
            settle=SettleSettings(slos=str(file)),
        )


def test_windows_are_counted_from_the_lake_and_those_beyond_the_objective_are_left_out(tmp_path: Path):
    writer = Writer(tmp_path)
    told = [row for n in range(1, 120) for row in calls(NOON - n * MINUTE, 10 if n <= 4 else 0)]
    early = calls(NOON - 2 * DAY, 50)
    other = calls(NOON - MINUTE, 100, tenant="beta")
    writer.flush(NOON, usage=rows("usage", *told, *early, *other))
    plans = Plans(objectives=(objective(), objective("short", window="6h")))

    one, short = paces(Warehouse(writer.settings).snapshot(), plans, NOON)

    (hour, six), (days,) = one.burns[FAST], one.burns[SLOW]
    assert [(b.long.bad, b.long.calls, b.short.bad, b.short.calls) for b in (hour, six, days)] == [
        (40, 6000, 40, 500),
        (40, 11_900, 40, 3000),
        (90, 12_000, 40, 11_900),
    ]
    assert (len(short.burns[FAST]), len(short.burns[SLOW])) == (2, 0)
    assert [case.subject.signal for case in cases_of([short])] == [FAST_BURN]


@pytest.mark.long
def test_a_lake_whose_calls_fail_opens_an_incident_that_resolves_and_its_tenant_sees_it(tmp_path: Path):
    writer = Writer(tmp_path)
    hours = (row for n in range(6, 72) for row in calls(NOON - (n + 1) * HOUR, 0, of=6000))
    minutes = (row for n in range(1, 360) for row in calls(NOON - n * MINUTE, 0))
    writer.flush(NOON, usage=rows("usage", *hours, *minutes))
    both: Filter = (("tenant", frozenset({"acme", "beta"})),)
    plans = Plans(objectives=(objective(), objective("both", of=both)))
    channel, told = MemoryChannel(), []
    one = Watcher(AlertSettings(health=False), writer.lake, Warehouse(writer.settings), [channel], plans)
    came: list[dict[str, Any]] = []
    for minute in range(50):
        at, now = NOON + minute * MINUTE, NOON + (minute + 5 / 6) * MINUTE
        came += calls(at, 50 if minute < 6 else 0)
        if minute < 3 or minute >= 30 or minute % 5 == 4:
            writer.flush(now, usage=rows("usage", *came))
            came.clear()
            told += [(event["budget"], event["event"], minute) for event in one.step(now, wait_s=5).events]

    mine = [(event, minute) for name, event, minute in told if name == "answers"]
    assert (mine[0][0], mine[-1][0]) == (OPENED, RESOLVED)
    assert {event for event, _ in mine[1:-1]} <= {UPDATED}
    assert mine[0][1] <= 2
    assert 30 <= mine[-1][1] <= 40
    assert {event.signal for event in channel.events if event.budget} == {FAST_BURN}
    shown: dict[Scope, set[str]] = {
        scope: {row["budget"] for row in Warehouse(writer.settings).ask("incidents", scope, state="all").to_pylist()}
        - {None}
        for scope in (ALL, frozenset({"acme"}), frozenset({"beta"}))
    }
    assert list(shown.values()) == [{"answers", "both"}, {"answers"}, set()]
