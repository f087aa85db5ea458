"""The lookout over a ledger in memory, minute by minute: who is told what, and that nobody is told twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels import Channel, MemoryChannel
from alerts.incidents import (
    ACKNOWLEDGED,
    ESCALATED,
    NOTIFIED,
    OPENED,
    RESOLVED,
    SILENCED,
    TOLD,
    UPDATED,
    Event,
    from_table,
)
from alerts.journal import Journal
from alerts.ledger import MemoryLedger
from alerts.lookout import Lookout, StepReport
from alerts.outbox import HOLD
from alerts.people import say
from alerts.routing.routes import Route, Subscription, to_all
from alerts.settings import AlertSettings
from alerts.text import details
from tests.alerts.workload import DAY, FIRST, START, Spent, diurnal, spend_of, usage_of, usage_table
from warehouse.errors import LakeUnavailable

CALLS_PER_MINUTE = 8.0
LIVE = START + timedelta(days=1)
LIVE_MINUTE = FIRST + DAY
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SETTINGS = AlertSettings(min_excess_usd=0.5)
WAIT_S = 5.0


@cache
def day() -> pa.Table:
    """A day of normal load of two features."""
    rng = np.random.default_rng(11)
    return pa.concat_tables(
        usage_of(FIRST, spend_of(rng, CALLS_PER_MINUTE * diurnal(DAY)), feature=feature)
        for feature in ("chat", "search")
    )


@cache
def hours() -> pa.Table:
    """The last three hours of such a day: enough to know the features by, and quickly trained."""
    rng = np.random.default_rng(12)
    first = LIVE_MINUTE - 180
    return pa.concat_tables(
        usage_of(first, spend_of(rng, np.full(180, CALLS_PER_MINUTE)), feature=feature)
        for feature in ("chat", "search")
    )


def spike(minute: int, usd: float, feature: str = "chat", principal: str = "key-7") -> pa.Table:
    """Spend of a leaked key within a minute."""
    return usage_table([Spent(minute=minute, usd=usd, feature=feature, model="opus", principal=principal, calls=50)])


def ledger_of(*tables: pa.Table) -> MemoryLedger:
    ledger = MemoryLedger()
    for table in tables:
        ledger.add_usage(table)
    return ledger


def lookout(ledger: MemoryLedger, *channels: Channel) -> Lookout:
    return Lookout(SETTINGS, ledger, to_all(*channels))


def told(reports: Sequence[StepReport]) -> list[str]:
    return [event["event"] for report in reports for event in report.events]


def watch(one: Lookout, now: datetime, minutes: int) -> list[StepReport]:
    """A look every half minute."""
    return [one.step(now + 30 * SECOND * i, wait_s=WAIT_S) for i in range(2 * minutes)]


def test_a_day_of_normal_load_tells_nothing() -> None:
    ledger, channel = ledger_of(day()), MemoryChannel()

    report = lookout(ledger, channel).step(LIVE)

    assert report.events == ()
    assert report.judged_until == LIVE


def test_a_spike_is_opened_updated_and_resolved_once_each_and_told_in_order() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel()
    one = lookout(ledger, channel)

    reports = watch(one, LIVE + 20 * SECOND, 1)
    ledger.add_usage(spike(LIVE_MINUTE + 1, 18))
    reports += watch(one, LIVE + MINUTE, 20)

    assert told(reports) == [OPENED, UPDATED, RESOLVED]
    assert [event.event for event in channel.events] == [OPENED, UPDATED, RESOLVED]
    assert reports[-1].outbox == 0


def test_it_is_told_within_the_minute_that_is_still_filling() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel()

    report = lookout(ledger, channel).step(LIVE + 15 * SECOND)

    (event,) = report.events
    assert event["event"] == OPENED
    assert event["window_end"] == "2026-03-03T00:00:15Z"


def test_it_says_who_what_and_why_in_money() -> None:
    ledger = ledger_of(hours(), spike(LIVE_MINUTE, 30))

    (event,) = lookout(ledger).step(LIVE + 59 * SECOND).events

    assert (event["tenant"], event["feature"], event["severity"]) == ("acme", "chat", "critical")
    assert event["scoped_by"] == ["tenant", "feature", "model", "principal"]
    assert event["summary"] == (
        "acme / chat, model opus, principal key-7: $30.00 in 5 min, expected $0.00 (+$30.00, $1,800/h); "
        "all of it new: 50 calls, where none are usual"
    )
    assert {one["factor"]: one["excess_usd"] for one in event["factors"]} == {"calls": event["excess_usd"]}
    new = {(one["dimension"], one["value"], one["first_seen_at"]) for one in event["changes"]}
    assert new == {("model", "opus", "2026-03-03T00:00:00Z"), ("principal", "key-7", "2026-03-03T00:00:00Z")}
    causes = {(part["dimension"], part["value"]): part for part in event["contributors"]}
    assert causes["model", "opus"]["observed_usd"] == "30.000000000000"
    assert causes["principal", "key-7"]["calls"] == 50


@pytest.mark.long
def test_a_warning_that_becomes_critical_escalates_once_and_stays_critical_to_its_end() -> None:
    ledger, everybody, oncall = ledger_of(hours(), spike(LIVE_MINUTE, 3)), MemoryChannel(), MemoryChannel("oncall")
    critical = Subscription(channel=oncall, route=Route(severities=frozenset({"critical"})))
    one = Lookout(SETTINGS, ledger, (*to_all(everybody), critical))

    watch(one, LIVE + 20 * SECOND, 1)
    ledger.add_usage(spike(LIVE_MINUTE + 1, 9))
    watch(one, LIVE + MINUTE, 20)

    assert [(event.event, event.severity) for event in everybody.events] == [
        (OPENED, "warning"),
        (ESCALATED, "critical"),
        (RESOLVED, "critical"),
    ]
    assert [event.event for event in oncall.events] == [ESCALATED, RESOLVED]
    assert len({event.event_id for event in everybody.events}) == 3
    assert sum(one.excess_usd for one in everybody.events[1].factors) == everybody.events[1].excess_usd


def test_what_was_new_when_it_opened_is_told_of_its_escalation_too() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 3)), MemoryChannel()
    one = lookout(ledger, channel)

    watch(one, LIVE + 20 * SECOND, 1)
    ledger.add_usage(spike(LIVE_MINUTE + 1, 9))
    watch(one, LIVE + MINUTE, 2)

    opened, escalated = channel.events
    assert escalated.changes == opened.changes != ()


def test_back_dated_spend_trains_and_tells_nobody() -> None:
    ledger, channel = ledger_of(), MemoryChannel()
    one = lookout(ledger, channel)
    early = one.step(LIVE)

    ledger.add_usage(day())
    ledger.add_usage(spike(LIVE_MINUTE - 90, 500))
    late = one.step(LIVE + SECOND)
    ledger.add_usage(spike(LIVE_MINUTE, 9, feature="search", principal="key-8"))
    live = one.step(LIVE + 30 * SECOND)

    assert (early.events, late.events) == ((), ())
    assert told([live]) == [OPENED]


def test_a_minute_that_changes_within_the_hour_is_judged_again() -> None:
    ledger = ledger_of(hours())
    one = lookout(ledger)
    before = one.step(LIVE)

    ledger.add_usage(spike(LIVE_MINUTE - 40, 20))
    after = one.step(LIVE + SECOND)

    assert told([before, after]) == [OPENED, RESOLVED]


def test_where_nothing_has_changed_nothing_is_judged() -> None:
    one = lookout(ledger_of(hours()))

    reports = [one.step(LIVE), one.step(LIVE + SECOND), one.step(LIVE + MINUTE)]

    assert [report.judged_until is not None for report in reports] == [True, False, True]


def test_looking_again_tells_nothing_again() -> None:
    ledger = ledger_of(hours(), spike(LIVE_MINUTE, 9))

    reports = [lookout(ledger).step(LIVE + 30 * SECOND) for _ in range(3)]

    assert told(reports) == [OPENED]


def test_a_restarted_worker_goes_on_with_the_incident() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel()
    first = watch(lookout(ledger, channel), LIVE + 20 * SECOND, 1)

    second = watch(lookout(ledger, channel), LIVE + MINUTE, 20)

    assert told(first + second) == [OPENED, RESOLVED]
    assert [event.event for event in channel.events] == [OPENED, RESOLVED]
    assert len({event.incident_id for event in channel.events}) == 1


@pytest.mark.long
def test_two_workers_tell_everything_once() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel()
    workers = [lookout(ledger, channel) for _ in range(2)]

    reports = [one.step(LIVE + 30 * SECOND * i, wait_s=WAIT_S) for i in range(1, 40) for one in workers]

    assert told(reports) == [OPENED, RESOLVED]
    assert [event.event for event in channel.events] == [OPENED, RESOLVED]


class RacedLedger(MemoryLedger):
    """Lets another worker act just before the next commit."""

    def __init__(self) -> None:
        super().__init__()
        self.rival: Lookout | None = None

    def append(self, rows: pa.Table, version: int) -> bool:
        """See ``Ledger``."""
        if (rival := self.rival) is not None:
            self.rival = None
            rival.step(LIVE + 30 * SECOND)
        return super().append(rows, version)


def test_who_loses_the_race_judges_again_and_finds_nothing_left_to_tell() -> None:
    ledger = RacedLedger()
    ledger.add_usage(pa.concat_tables([hours(), spike(LIVE_MINUTE, 9)]))
    ledger.rival = lookout(ledger)

    report = lookout(ledger).step(LIVE + 30 * SECOND)

    assert report.events == ()
    assert [event.event for event in from_table(ledger.events())] == [OPENED]


def test_who_loses_the_race_tells_what_the_other_did_not_see() -> None:
    ledger = RacedLedger()
    ledger.add_usage(pa.concat_tables([hours(), spike(LIVE_MINUTE, 9)]))
    ledger.rival = lookout(ledger)
    one = lookout(ledger)
    ledger.add_usage(spike(LIVE_MINUTE, 9, feature="search", principal="key-8"))

    one.step(LIVE + 30 * SECOND)

    events = from_table(ledger.events())
    assert sorted((event.feature, event.principal) for event in events) == [("chat", "key-7"), ("search", "key-8")]
    assert len({event.event_id for event in events}) == 2


@pytest.mark.long
def test_a_channel_that_is_down_delays_its_own_notices_and_nothing_else() -> None:
    ledger, up, down = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel("up"), MemoryChannel("down")
    down.down = True
    one = lookout(ledger, up, down)

    during = watch(one, LIVE + 20 * SECOND, 20)
    waiting = [event.event for event in up.events], [event.event for event in down.events], during[-1].outbox
    down.down = False
    after = watch(one, LIVE + 21 * MINUTE, 10)

    assert waiting == ([OPENED, RESOLVED], [], 2)
    assert [event.event for event in down.events] == [OPENED, RESOLVED]
    assert (told(during), told(after), after[-1].outbox) == ([OPENED, RESOLVED], [], 0)


@pytest.mark.parametrize("delivered", [False, True], ids=["before sending", "before noting"])
def test_a_worker_that_dies_after_its_decision_loses_nothing_and_doubles_no_id(*, delivered: bool) -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel()
    doomed = lookout(ledger, *([channel] if delivered else []))
    doomed.step(LIVE + 30 * SECOND)
    heir = lookout(ledger, channel)

    soon = [heir.step(LIVE + 40 * SECOND, wait_s=WAIT_S) for _ in range(2)]
    later = [heir.step(LIVE + 40 * SECOND + HOLD + i * SECOND, wait_s=WAIT_S) for i in range(2)]

    assert [report.delivered for report in soon] == [0, 0]
    assert [report.delivered for report in later] == [0, 1]
    assert len({event.event_id for event in channel.events}) == 1
    assert [event.event for event in from_table(ledger.events()) if event.event == NOTIFIED] == [NOTIFIED]


class FullDisk(MemoryLedger):
    """Refuses commits while it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.full = True

    def append(self, rows: pa.Table, version: int) -> bool:
        """See ``Ledger``."""
        if self.full:
            raise LakeUnavailable("no space left")
        return super().append(rows, version)


def test_nobody_is_told_what_could_not_be_committed() -> None:
    ledger, channel = FullDisk(), MemoryChannel()
    ledger.add_usage(pa.concat_tables([hours(), spike(LIVE_MINUTE, 9)]))
    one = lookout(ledger, channel)
    with pytest.raises(LakeUnavailable):
        one.step(LIVE + 30 * SECOND)
    before = list(channel.events)

    ledger.full = False
    reports = [one.step(LIVE + (31 + i) * SECOND, wait_s=WAIT_S) for i in range(2)]

    assert before == []
    assert told(reports) == [OPENED]
    assert [event.event for event in channel.events] == [OPENED]


@pytest.mark.long
def test_what_is_open_is_refreshed_until_it_is_resolved_and_as_ended_for_a_while() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel(refresh_s=60)

    watch(lookout(ledger, channel), LIVE + 20 * SECOND, 45)

    last = [event.event for event in channel.refreshed]
    assert 10 <= last.index(RESOLVED) <= 20
    assert last[last.index(RESOLVED) :] == [RESOLVED] * 15
    assert {event.principal for event in channel.refreshed} == {"key-7"}


class SlowLedger(MemoryLedger):
    """Does not say what its last day held before ``gate`` is open, and ``waited`` for that if it is not in time."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self.gate, self.waited = gate, 0

    def usage(self, start: datetime, end: datetime, by: Sequence[str]) -> pa.Table:
        """See ``Ledger``."""
        self.waited += start >= START and not self.gate.wait(WAIT_S)
        return super().usage(start, end, by)


class Pager(MemoryChannel):
    """Notes when it hears again of what is open."""

    def __init__(self) -> None:
        super().__init__(refresh_s=60)
        self.heard = threading.Event()

    def refresh(self, active: Sequence[Event], now: datetime) -> None:
        """See ``Channel``."""
        super().refresh(active, now)
        self.heard.set()


def test_who_starts_anew_says_what_is_open_before_all_days_are_learnt() -> None:
    pager = Pager()
    ledger = SlowLedger(pager.heard)
    for rows in (usage_table([Spent(minute=FIRST - 60, usd=0.2)]), hours(), spike(LIVE_MINUTE, 9)):
        ledger.add_usage(rows)
    pager.heard.set()
    lookout(ledger).step(LIVE + 20 * SECOND)
    pager.heard.clear()

    again = lookout(ledger, pager).step(LIVE + 2 * MINUTE)

    assert (told([again]), ledger.waited) == ([], 0)
    assert [event.principal for event in pager.refreshed] == ["key-7"]


def test_an_hour_of_nothing_but_silence_is_no_incident() -> None:
    ledger = ledger_of(hours())

    reports = [lookout(ledger).step(LIVE + timedelta(hours=h)) for h in range(3)]

    assert told(reports) == []


@given(seed=st.integers(0, 2**32), parts=st.integers(min_value=1, max_value=4))
@settings(max_examples=3, deadline=None)
def test_neither_the_order_of_rows_nor_the_cut_of_flushes_changes_what_is_told(seed: int, parts: int) -> None:
    rows = pa.concat_tables([hours(), spike(LIVE_MINUTE - 5, 9), spike(LIVE_MINUTE, 9, "search", "key-8")])
    indices = list(range(rows.num_rows))
    random.Random(seed).shuffle(indices)
    shuffled = [rows.take(indices[part::parts]) for part in range(parts)]

    plain, other = ledger_of(rows), ledger_of(*shuffled)
    lookout(plain).step(LIVE + 30 * SECOND)
    lookout(other).step(LIVE + 30 * SECOND)

    events = [
        sorted((e.event_id, e.excess_usd, e.summary) for e in from_table(ledger.events()) if e.event in TOLD)
        for ledger in (plain, other)
    ]
    assert events[0] == events[1]
    assert len(events[0]) == 2


def said(ledger: MemoryLedger, kind: str, at: datetime, **more: datetime) -> None:
    """Somebody says something of the only incident."""
    journal = Journal(ledger)
    journal.refresh()
    (incident,) = journal.incidents.values()
    assert journal.commit([say(incident, kind, who="ada", now=at, **more)])


@pytest.mark.parametrize("kind", [ACKNOWLEDGED, SILENCED])
def test_who_has_it_or_silenced_it_is_not_told_that_it_goes_on_after_its_end(kind: str) -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 3)), MemoryChannel()
    one = Lookout(AlertSettings(min_excess_usd=1), ledger, to_all(channel))
    one.step(LIVE + 30 * SECOND, wait_s=WAIT_S)
    until = LIVE + 120 * MINUTE
    said(ledger, kind, LIVE + MINUTE, **({"until": until} if kind == SILENCED else {}))
    reports = [one.step(LIVE + 22 * MINUTE, wait_s=WAIT_S)]

    ledger.add_usage(spike(LIVE_MINUTE + 40, 3))
    reports += [one.step(LIVE + (40.5 + after) * MINUTE, wait_s=WAIT_S) for after in (0, 1, 2)]

    assert told(reports) == [RESOLVED, UPDATED]
    assert one.step(LIVE + 44 * MINUTE, wait_s=WAIT_S).outbox == 0
    assert [event.event for event in channel.events] == [OPENED, RESOLVED]
    over = [one.step(LIVE + minutes * MINUTE, wait_s=WAIT_S) for minutes in (80, 81)]
    assert told(over) == [RESOLVED]
    assert [event.event for event in channel.events] == [OPENED, RESOLVED]


def test_when_the_silence_ends_it_is_told_that_it_still_goes_on() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 3)), MemoryChannel()
    one = Lookout(AlertSettings(min_excess_usd=1), ledger, to_all(channel))
    one.step(LIVE + 30 * SECOND, wait_s=WAIT_S)
    said(ledger, SILENCED, LIVE + MINUTE, until=LIVE + 42 * MINUTE)
    one.step(LIVE + 22 * MINUTE, wait_s=WAIT_S)
    ledger.add_usage(spike(LIVE_MINUTE + 40, 3))
    one.step(LIVE + 40.5 * MINUTE, wait_s=WAIT_S)

    reports = [one.step(LIVE + minutes * MINUTE, wait_s=WAIT_S) for minutes in (42.5, 43.5, 44.5)]

    assert told(reports) == [UPDATED]
    assert [event.event for event in channel.events] == [OPENED, RESOLVED, UPDATED]


def test_an_incident_says_how_complete_its_data_is() -> None:
    ledger, channel = ledger_of(hours(), spike(LIVE_MINUTE, 9)), MemoryChannel()
    ledger.committed_until = LIVE + 20 * SECOND
    one = lookout(ledger, channel)

    (event,) = one.step(LIVE + 50 * SECOND, wait_s=WAIT_S).events
    one.step(LIVE + 51 * SECOND, wait_s=WAIT_S)

    assert event["complete_until"] == "2026-03-03T00:00:20Z"
    assert details(channel.events[0])["data"] == "complete until 00:00:20 UTC, 30 s before it was judged"
    assert from_table(ledger.incident_rows)[0].complete_until == LIVE + 20 * SECOND


@pytest.mark.long
def test_a_spike_while_no_worker_looked_opens_if_its_minutes_come_within_the_hour_and_trains_only_later() -> None:
    later = LIVE + 3 * 60 * MINUTE
    since = [usage_table([Spent(minute=LIVE_MINUTE + at, usd=0.2, principal="key-1")]) for at in range(180)]
    for before, openings in ((30, 1), (150, 0)):
        ledger = ledger_of(hours(), *since, spike(LIVE_MINUTE + 180 - before, 30))
        one = lookout(ledger)
        found = [event for minute in range(3) for event in one.step(later + (minute + 0.5) * MINUTE).events]
        of_spike = [event for event in found if event["event"] == OPENED and event["signal"] == "spend"]
        assert len(of_spike) == openings


def test_what_it_burns_an_hour_is_told_from_the_onset_on() -> None:
    ledger = ledger_of(hours())
    one = lookout(ledger)
    one.step(LIVE)

    ledger.add_usage(pa.concat_tables(spike(LIVE_MINUTE + minute, 10) for minute in (4, 5)))
    (opened, *_) = one.step(LIVE + timedelta(minutes=6)).events

    assert opened["event"] == "opened"
    assert 550 < float(opened["excess_usd_per_hour"]) < 650
