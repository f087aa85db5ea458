"""The lookout over health: errors, speed and silence open incidents in words, once, and resolve."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from alerts.calendar import Event as Announced
from alerts.channels import MemoryChannel
from alerts.events import Signature
from alerts.health.drafts import LEFT
from alerts.health.table import SILENCE, WATCHED
from alerts.health.watch import Watch
from alerts.incidents import (
    ESCALATED,
    EXPECTED,
    FEEDBACK,
    OPENED,
    RESOLVED,
    UPDATED,
    Event,
    from_table,
    incidents_of,
    to_table,
)
from alerts.ledger import MemoryLedger, Total
from alerts.lookout import Lookout, StepReport
from alerts.minutes import to_time
from alerts.people import say
from alerts.routing.routes import Route, Subscription, to_all
from alerts.settings import AlertSettings
from tests.alerts.calls import CHAT, Leaf, minute_rows, steady
from tests.alerts.workload import DAY, FIRST

LIVE = FIRST + DAY
OTHER: Leaf = ("beta", "chat", "openai", "gpt-4o")
MINI: Leaf = ("acme", "search", "openai", "gpt-4o-mini")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
RATE_LIMIT, OVERLOADED = "error rate_limit", "error overloaded"


@cache
def day(leaf: Leaf = CHAT, calls: float = 20) -> pa.Table:
    """A day in which one call of 250 runs into a rate limit."""
    return steady(np.random.default_rng(5), range(FIRST, LIVE), calls=calls, shares={RATE_LIMIT: 0.004}, leaf=leaf)


def burst(minutes: int, share: float = 0.31, error: str = RATE_LIMIT, leaf: Leaf = CHAT, start: int = LIVE) -> pa.Table:
    return steady(np.random.default_rng(6), range(start, start + minutes), calls=20, shares={error: share}, leaf=leaf)


def ledger_of(*tables: pa.Table) -> MemoryLedger:
    ledger = MemoryLedger()
    ledger.committed_until = to_time(LIVE)
    for table in tables:
        ledger.add_health(table)
    return ledger


class Filling(MemoryLedger):
    """A ledger whose days hold what health has of them."""

    def days(self, start: datetime, end: datetime) -> dict[date, Total]:
        rows = self.health(start, end, every_s=60).to_pylist()
        calls: dict[date, int] = {}
        for row in rows:
            if row["measure"] == "calls":
                calls[row["slot"].date()] = calls.get(row["slot"].date(), 0) + int(row["amount"])
        return {day: Total(calls=count, cost_usd=Decimal(0)) for day, count in calls.items()}


def look(one: Lookout, ledger: MemoryLedger, minute: int, second: int = 50) -> StepReport:
    now = to_time(minute) + second * SECOND
    ledger.committed_until = now
    return one.step(now, wait_s=5)


def watch(one: Lookout, ledger: MemoryLedger, minutes: range) -> list[tuple[str, str]]:
    reports = [look(one, ledger, minute) for minute in minutes]
    return [(event["signal"], event["event"]) for report in reports for event in report.events]


def lookout(ledger: MemoryLedger, **told: object) -> Lookout:
    return Lookout(AlertSettings(**told), ledger, to_all(MemoryChannel()))  # type: ignore[arg-type]


def events_of(ledger: MemoryLedger) -> Sequence[Event]:
    return sorted(from_table(ledger.incident_rows), key=lambda one: (one.opened_at, one.sequence))


@pytest.mark.long
def test_an_error_burst_is_told_in_words_and_resolves_when_it_is_calm():
    calm = steady(np.random.default_rng(7), range(LIVE + 20, LIVE + 60), shares={RATE_LIMIT: 0.004})
    ledger = ledger_of(day(), burst(20), calm)

    told = watch(lookout(ledger), ledger, range(LIVE - 5, LIVE + 60))

    assert told == [("errors_rate_limit", OPENED), ("errors_rate_limit", RESOLVED)]
    opened, *_, resolved = (one for one in events_of(ledger) if one.event in (OPENED, RESOLVED))
    assert opened.opened_at - to_time(LIVE) < 3 * MINUTE
    assert opened.window_start == to_time(LIVE)
    assert opened.summary is not None
    told = (
        r"\d\d % of calls of acme/search to openai gpt-4o fail with rate_limit \(usually 0\.3\d %\) since 00:00 UTC; "
    )
    assert re.match(told + rf"{opened.affected} of \d+", opened.summary)
    assert opened.usual == pytest.approx(0.004, abs=0.002)
    assert opened.scope.as_dict() == dict(zip(("tenant", "feature", "provider", "model"), CHAT, strict=True))
    assert timedelta(minutes=20) <= resolved.window_end - resolved.window_start < timedelta(minutes=30)


def test_a_day_as_usual_tells_nothing():
    ledger = ledger_of(day(), day(OTHER, 3), burst(30, 0.004))

    assert watch(lookout(ledger), ledger, range(LIVE - 5, LIVE + 30)) == []


def test_two_of_three_calls_at_night_are_no_incident():
    few = pa.Table.from_pylist(minute_rows(LIVE, {"calls": 3, RATE_LIMIT: 2}), schema=day().schema)
    ledger = ledger_of(steady(np.random.default_rng(5), range(FIRST, LIVE), calls=0.1), few)

    assert watch(lookout(ledger), ledger, range(LIVE, LIVE + 5)) == []


def test_an_outage_of_a_provider_is_one_incident_that_names_no_tenant():
    late = [burst(10, 0.8, OVERLOADED, leaf) for leaf in (CHAT, OTHER)]
    ledger = ledger_of(day(), day(OTHER), *late)

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 10))

    assert told == [("errors_provider", OPENED)]
    (opened,) = (one for one in events_of(ledger) if one.event == OPENED)
    assert opened.scope.as_dict() == {"provider": "openai"} or opened.scope.as_dict() == {
        "provider": "openai",
        "model": "gpt-4o",
    }
    assert (opened.severity, opened.tenant) == ("critical", None)


def test_what_opens_as_a_warning_escalates_once_when_half_of_all_calls_fail():
    grows = burst(3, 0.3, OVERLOADED), burst(15, 1.0, OVERLOADED, start=LIVE + 3)
    ledger = ledger_of(day(), *grows)
    oncall = MemoryChannel()
    critical = Subscription(channel=oncall, route=Route(severities=frozenset({"critical"})))
    one = Lookout(AlertSettings(), ledger, (critical,))

    told = watch(one, ledger, range(LIVE, LIVE + 18))

    assert told[:2] == [("errors_provider", OPENED), ("errors_provider", ESCALATED)]
    assert [event for _, event in told].count(ESCALATED) == 1
    first, second = events_of(ledger)[0], next(one for one in events_of(ledger) if one.event == ESCALATED)
    assert (first.severity, second.severity) == ("warning", "critical")
    assert (second.measured or 0) >= 0.5
    assert [event.severity for event in oncall.events] == ["critical"]


def test_what_is_silenced_does_not_escalate():
    ledger = ledger_of(day(), burst(3, 0.3, OVERLOADED), burst(15, 1.0, OVERLOADED, start=LIVE + 3))
    one = Watch(AlertSettings(), ledger)
    sign = Signature(actor="me", recorded_at=to_time(LIVE + 3), critical_usd=1)
    (opened, *_) = one.draft(to_time(LIVE + 3), to_time(LIVE + 3), {}, sign)
    known = incidents_of([opened])
    values = {"tenant": "acme"}
    hush = Announced(
        kind="silence", starts_at=to_time(LIVE), ends_at=to_time(LIVE + 60), values=values, signals=WATCHED
    )
    later = to_time(LIVE + 12)
    sign = Signature(actor="me", recorded_at=later, critical_usd=1)

    assert [event.event for event in one.draft(later, later, known, sign)] == [ESCALATED]
    assert one.draft(later, later, known, sign, silences=(hush,)) == []


def test_a_providers_incident_takes_in_what_was_told_of_a_tenants_feature_before():
    mini, other_mini = (*CHAT[:3], "gpt-4o-mini"), (*OTHER[:3], "gpt-4o-mini")
    first, second = (CHAT, mini), (OTHER, other_mini)
    ledger = ledger_of(
        *(day(leaf) for leaf in (*first, *second)),
        *(burst(20, 0.8, OVERLOADED, leaf) for leaf in first),
        *(burst(5, 0.004, OVERLOADED, leaf) for leaf in second),
        *(burst(15, 0.8, OVERLOADED, leaf, start=LIVE + 5) for leaf in second),
    )

    watch(lookout(ledger), ledger, range(LIVE, LIVE + 20))

    narrow, wide = incidents_of(events_of(ledger)).values()
    assert narrow.opened.scope.as_dict() == {"tenant": "acme", "feature": "search", "provider": "openai"}
    assert (wide.opened.scope.as_dict(), wide.is_open) == ({"provider": "openai"}, True)
    assert (narrow.last.event, narrow.last.note) == (RESOLVED, "part of provider openai")


def test_one_tenants_trouble_is_not_its_models():
    ledger = ledger_of(day(), day(OTHER), burst(10), burst(10, 0.004, leaf=OTHER))

    watch(lookout(ledger), ledger, range(LIVE, LIVE + 10))

    (opened,) = (one for one in events_of(ledger) if one.event == OPENED)
    assert opened.tenant == "acme"


@pytest.mark.long
def test_two_workers_tell_it_once_and_one_that_starts_anew_goes_on():
    ledger = ledger_of(day(), burst(20))
    first, second = lookout(ledger), lookout(ledger)

    told = [
        event
        for minute in range(LIVE, LIVE + 10)
        for one in (first, second)
        for event in look(one, ledger, minute).events
    ]
    told += [event for minute in range(LIVE + 10, LIVE + 20) for event in look(lookout(ledger), ledger, minute).events]

    assert [event["event"] for event in told] == [OPENED]


@pytest.mark.long
def test_what_is_odd_again_goes_on_with_the_incident():
    calm = steady(np.random.default_rng(7), range(LIVE + 10, LIVE + 40), shares={RATE_LIMIT: 0.004})
    ledger = ledger_of(day(), burst(10), calm, burst(10, start=LIVE + 40))

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 50))

    assert [event for _, event in told] == [OPENED, RESOLVED, UPDATED]
    assert len({one.incident_id for one in events_of(ledger)}) == 1


def test_retries_yield_to_the_errors_that_cause_them():
    both = steady(np.random.default_rng(8), range(LIVE, LIVE + 10), shares={RATE_LIMIT: 0.4, "retries": 0.4})
    ledger = ledger_of(day(), both)

    assert watch(lookout(ledger), ledger, range(LIVE, LIVE + 10)) == [("errors_rate_limit", OPENED)]


def test_slower_first_tokens_are_told_with_both_times():
    rng = np.random.default_rng(9)
    usual = steady(rng, range(FIRST - DAY, LIVE), calls=10, shares={"ttft 16": 0.6, "ttft 17": 0.35, "ttft 18": 0.05})
    slow = steady(rng, range(LIVE, LIVE + 30), calls=10, shares={"ttft 18": 0.6, "ttft 19": 0.35})
    ledger = ledger_of(usual, slow)

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 15))

    assert told == [("ttft_p95", OPENED)]
    (opened,) = (one for one in events_of(ledger) if one.event == OPENED)
    assert opened.summary is not None
    assert "p95 of the time to first token of acme/search" in opened.summary
    assert opened.measured is not None
    assert opened.usual is not None
    assert 1.5 < opened.measured / opened.usual < 3


@pytest.mark.long
def test_a_cache_that_is_no_longer_hit_is_told():
    rng = np.random.default_rng(10)
    usual = steady(rng, range(FIRST - DAY, LIVE), calls=10, shares={"prompted": 1, "cached": 0.6})
    cold = steady(rng, range(LIVE, LIVE + 30), calls=10, shares={"prompted": 1, "cached": 0.02})
    ledger = ledger_of(usual, cold)

    assert watch(lookout(ledger), ledger, range(LIVE, LIVE + 30)) == [("cache_share", OPENED)]
    said = r"only \S+ % of the input of acme/search to openai gpt-4o comes from the cache \(usually 60 %\) since "
    opened = events_of(ledger)[0]
    assert re.match(said, opened.summary or "")
    calls = int(re.search(r"; ([\d,]+) calls", opened.summary or "")[1])
    assert 0.9 * calls < (opened.affected or 0) <= calls  # those that miss it


def test_injections_and_tools_are_judged_by_their_checks_and_calls():
    rng = np.random.default_rng(11)
    guard, tool = ("acme", "search", None, "gpt-4o"), ("acme", "search", None, None)
    tables = [day()]
    for leaf, whole, part, usual, odd in (
        (guard, "injection_checks", "injections", 0.005, 0.3),
        (tool, "tool_calls", "tool_failures", 0.02, 0.5),
    ):
        rows = []
        for minute in range(FIRST, LIVE + 10):
            wrong = rng.binomial(10, odd if minute >= LIVE else usual)
            rows += minute_rows(minute, {whole: 10, part: wrong}, leaf)
        tables.append(pa.Table.from_pylist(rows, schema=day().schema))
    ledger = ledger_of(*tables)

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 10))

    assert sorted(told) == [("injections", OPENED), ("tool_failures", OPENED)]


@pytest.mark.long
def test_who_always_speaks_and_has_stopped_is_told_after_a_week_of_knowing():
    rng = np.random.default_rng(12)
    start = LIVE - 9 * DAY
    rows = pa.concat_tables(
        [steady(rng, range(start, LIVE), calls=5), steady(rng, range(start, LIVE + 40), calls=5, leaf=OTHER)]
    )
    ledger = ledger_of(rows)

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 30))

    assert told == [(SILENCE, OPENED)]
    (opened,) = (one for one in events_of(ledger) if one.event == OPENED)
    assert opened.scope.as_dict() == {"tenant": "acme"}
    assert opened.summary is not None
    assert opened.summary.startswith("no calls of acme since 00:00 UTC; some ")


@pytest.mark.long
def test_who_says_nothing_for_two_days_has_left_and_every_worker_comes_to_that():
    rng = np.random.default_rng(12)
    start, end = LIVE - 9 * DAY, LIVE + 2 * DAY + 60
    ledger = ledger_of(
        steady(rng, range(start, LIVE, 5), calls=25), steady(rng, range(start, end, 5), calls=25, leaf=OTHER)
    )

    def draft(one: Watch, minute: int, told: list[Event]) -> list[Event]:
        signature = Signature(actor="me", recorded_at=to_time(minute), critical_usd=1)
        return one.draft(to_time(minute), to_time(minute), incidents_of(told), signature)

    old = Watch(AlertSettings(), ledger)
    opened = draft(old, LIVE + 30, [])
    still = draft(old, LIVE + 2 * DAY - 60, opened)
    by_old, by_new = (draft(one, LIVE + 2 * DAY + 50, opened) for one in (old, Watch(AlertSettings(), ledger)))

    assert [event.signal for event in opened] == [SILENCE]
    assert still == []
    assert [(event.event, event.note) for event in by_old] == [(RESOLVED, LEFT)]
    assert by_new == by_old
    for one in (old, Watch(AlertSettings(), ledger)):
        assert draft(one, LIVE + 2 * DAY + 55, [*opened, *by_old]) == []


def test_an_outage_opens_during_a_launch_unless_the_entry_names_it():
    ledger = ledger_of(day(), burst(10))
    launch = Announced(kind="launch", starts_at=to_time(LIVE), ends_at=to_time(LIVE + 60), values={"tenant": "acme"})
    (opened, *_) = _drafted(ledger, ())

    assert [one.signal for one in _drafted(ledger, (launch,))] == [opened.signal]
    assert _drafted(ledger, (replace(launch, signals=(opened.signal,)),)) == []


def _drafted(ledger: MemoryLedger, calendar: Sequence[Announced]) -> Sequence[Event]:
    signature = Signature(actor="me", recorded_at=to_time(LIVE + 9), critical_usd=1)
    return Watch(AlertSettings(), ledger).draft(to_time(LIVE + 9), to_time(LIVE + 9), {}, signature, calendar=calendar)


def test_what_people_expect_of_a_signal_must_be_odder_the_next_time():
    ledger = ledger_of(day(), burst(3, 0.31))
    one = Watch(AlertSettings(), ledger)
    signature = Signature(actor="me", recorded_at=to_time(LIVE + 3), critical_usd=1)
    (opened, *_) = one.draft(to_time(LIVE + 3), to_time(LIVE + 3), {}, signature)
    ledger.incident_rows = to_table(
        [
            opened,
            say(incidents_of([opened])[opened.incident_id], FEEDBACK, who="ann", now=to_time(LIVE + 4), note=EXPECTED),
        ]
    )
    (incident,) = incidents_of(from_table(ledger.incident_rows)).values()

    assert incident.verdict == EXPECTED
    from alerts.health.watch import troubles_of

    leaf = CHAT
    before = troubles_of({}, LIVE, ()).times("errors_rate_limit", leaf, LIVE)
    after = troubles_of({incident.opened.incident_id: incident}, LIVE, ())
    assert after.times("errors_rate_limit", leaf, LIVE + 4) > 1.5 * before
    assert after.times("errors_auth", leaf, LIVE + 4) < 1.3 * before


def test_health_can_be_switched_off():
    ledger = ledger_of(day(), burst(10))

    assert watch(lookout(ledger, health=False), ledger, range(LIVE, LIVE + 10)) == []


@pytest.mark.long
def test_a_history_that_is_still_being_loaded_is_learnt_anew_and_opens_nothing():
    ledger, odd = Filling(), {"unpriced": 1.0}
    ledger.add_health(steady(np.random.default_rng(5), range(FIRST, FIRST + 60), calls=20))
    one = lookout(ledger)
    first = watch(one, ledger, range(LIVE, LIVE + 1))
    ledger.add_health(steady(np.random.default_rng(5), range(FIRST + 60, LIVE + 60), calls=20))
    ledger.add_health(steady(np.random.default_rng(7), range(FIRST, LIVE + 60), calls=3, shares=odd, leaf=MINI))

    told = watch(one, ledger, range(LIVE + 1, LIVE + 30))

    assert (first, told) == ([], [])
    ledger.add_health(burst(8, start=LIVE + 60))
    assert (f"errors_{RATE_LIMIT.removeprefix('error ')}", OPENED) in watch(one, ledger, range(LIVE + 60, LIVE + 69))


@pytest.mark.long
def test_a_feed_that_is_silent_is_one_incident_whose_end_comes_with_the_first_calls():
    rng = np.random.default_rng(13)
    start = LIVE - 9 * DAY
    leaves = [(f"t{number}", "chat", "openai", "gpt-4o") for number in range(4)]
    rates = (12, 6, 4, 3)
    before = [steady(rng, range(start, LIVE), calls=rate, leaf=leaf) for leaf, rate in zip(leaves, rates, strict=True)]
    after = [steady(rng, range(LIVE + 60, LIVE + 90), calls=6, leaf=leaf) for leaf in leaves]
    ledger = ledger_of(*before, *after)

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 90, 2))

    assert told == [(SILENCE, OPENED), (SILENCE, RESOLVED)]
    opened, over = (one for one in events_of(ledger) if one.event in (OPENED, RESOLVED))
    assert opened.scope.as_dict() == {}
    assert opened.summary is not None
    assert opened.summary.startswith("no calls of all tenants since ")
    assert {one.value for one in opened.contributors} == {"t0", "t1", "t2"}
    assert over.note is None


@pytest.mark.long
def test_who_is_silent_still_when_the_feed_is_back_is_told_of():
    rng = np.random.default_rng(13)
    start = LIVE - 9 * DAY
    leaves = [(f"t{number}", "chat", "openai", "gpt-4o") for number in range(4)]
    before = [steady(rng, range(start, LIVE), calls=6, leaf=leaf) for leaf in leaves]
    after = [steady(rng, range(LIVE + 30, LIVE + 80), calls=6, leaf=leaf) for leaf in leaves[1:]]
    ledger = ledger_of(*before, *after)

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 80, 2))

    assert told == [(SILENCE, OPENED), (SILENCE, RESOLVED), (SILENCE, OPENED)]
    feed, alone = (one for one in events_of(ledger) if one.event == OPENED)
    assert (feed.scope.as_dict(), alone.scope.as_dict()) == ({}, {"tenant": "t0"})
    assert alone.opened_at < to_time(LIVE + 60)


def test_an_incident_lasted_as_long_as_its_data_said():
    ledger = ledger_of(day(), burst(6))

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 60, 2))

    assert told == [("errors_rate_limit", OPENED), ("errors_rate_limit", RESOLVED)]
    over = next(one for one in events_of(ledger) if one.event == RESOLVED)
    assert (over.summary or "").endswith("over, it lasted 6 min")
    assert over.window_end == to_time(LIVE + 6)


def test_nothing_is_over_while_nothing_comes_of_anybody():
    rng = np.random.default_rng(13)
    before = steady(rng, range(LIVE - 9 * DAY, LIVE), calls=20, shares={RATE_LIMIT: 0.004})
    after = steady(rng, range(LIVE + 70, LIVE + 90), calls=20, shares={RATE_LIMIT: 0.004})
    ledger = ledger_of(before, burst(6), after)

    told = watch(lookout(ledger), ledger, range(LIVE, LIVE + 90, 3))

    of_errors = [event for signal, event in told if signal != SILENCE]
    assert of_errors == [OPENED, RESOLVED]
    over = next(one for one in events_of(ledger) if one.event == RESOLVED and one.signal != SILENCE)
    assert over.recorded_at >= to_time(LIVE + 79)
