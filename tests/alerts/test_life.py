"""When incidents open, get worse and end, by verdicts made by hand: one line of spend, one USD expected a minute."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.incidents import OPENED, RESOLVED, UPDATED
from alerts.life import MAX_UPDATES, Decision, Rules, Timeline, Told, decide
from tests.alerts.workload import FIRST

CALM_MINUTES = 3


def line(spend: list[float]) -> Timeline:
    """A minute of more than 5 USD is hot (window of one minute), of more than 2 USD restless."""
    usd = np.array(spend, dtype=np.float64)
    return Timeline(
        first_minute=FIRST,
        spend=usd,
        expected=np.ones(len(spend)),
        hot=(usd > 5).astype(np.int16),
        calm=usd <= 2,
    )


def rules(spend: list[float], *, notify_from: int = 0, filling: int = 1) -> Rules:
    return Rules(notify_from=FIRST + notify_from, full_until=FIRST + len(spend) - filling, calm_minutes=CALM_MINUTES)


def decide_all(known: Told | None, spend: list[float], *, notify_from: int = 0, filling: int = 1) -> list[Decision]:
    return list(decide(known, line(spend), rules(spend, notify_from=notify_from, filling=filling)))


def at(event: str, opened: int, start: int, end: int) -> Decision:
    return Decision(event=event, opened=FIRST + opened, start=FIRST + start, end=FIRST + end)


def open_since(opened: int, *, excess_usd: float, updates: int = 0) -> Told:
    return Told(opened=FIRST + opened, start=FIRST + opened, end=None, excess_usd=excess_usd, updates=updates)


def closed(opened: int, end: int) -> Told:
    return Told(opened=FIRST + opened, start=FIRST + opened, end=FIRST + end, excess_usd=9, updates=0)


def test_calm_minutes_tell_nothing() -> None:
    assert decide_all(None, [1, 1, 2, 1]) == []


def test_a_hot_minute_opens_an_incident() -> None:
    assert decide_all(None, [1, 1, 9]) == [at(OPENED, 2, 2, 3)]


def test_the_window_told_is_the_stretch_of_the_largest_excess() -> None:
    spend = [1.0, 4.0, 1.0, 9.0, 4.0, 0.5]
    made = line(spend)
    made.hot[3] = 4  # a window of four minutes

    assert list(decide(None, made, rules(spend))) == [at(OPENED, 3, 1, 5)]


def test_a_minute_too_old_to_notify_of_opens_nothing() -> None:
    assert decide_all(None, [1, 9, 1, 1, 1, 1], notify_from=2) == []


def test_an_open_incident_is_not_opened_again() -> None:
    assert decide_all(open_since(1, excess_usd=16), [1, 9, 9, 1]) == []


def test_it_is_updated_when_the_excess_has_doubled() -> None:
    assert decide_all(open_since(1, excess_usd=8), [1, 9, 9]) == [at(UPDATED, 1, 1, 3)]


def test_it_is_not_updated_for_less() -> None:
    assert decide_all(open_since(1, excess_usd=8), [1, 9, 4]) == []


def test_updates_are_bounded() -> None:
    assert decide_all(open_since(1, excess_usd=8, updates=MAX_UPDATES), [1, 9, 900]) == []


def test_it_is_resolved_after_enough_calm_full_minutes() -> None:
    assert decide_all(open_since(1, excess_usd=8), [1, 9, 1, 1, 1, 1]) == [at(RESOLVED, 1, 1, 2)]


def test_the_minute_that_still_fills_is_not_calm() -> None:
    assert decide_all(open_since(1, excess_usd=8), [1, 9, 1, 1, 1]) == []


def test_restless_minutes_put_the_end_off() -> None:
    assert decide_all(open_since(1, excess_usd=8), [1, 9, 1, 1, 3, 1, 1, 1]) == []


def test_what_began_and_ended_since_the_last_look_is_opened_and_resolved() -> None:
    assert decide_all(None, [1, 9, 1, 1, 1, 1]) == [at(OPENED, 1, 1, 2), at(RESOLVED, 1, 1, 2)]


def test_two_spikes_far_apart_are_two_incidents() -> None:
    assert decide_all(None, [9, 1, 1, 1, 9]) == [at(OPENED, 0, 0, 1), at(RESOLVED, 0, 0, 1), at(OPENED, 4, 4, 5)]


def test_a_window_that_reaches_back_into_a_resolved_incident_opens_nothing() -> None:
    spend = [9.0, 1.0, 1.0, 1.0, 6.0]
    made = line(spend)
    made.hot[4] = 5

    assert list(decide(closed(0, 1), made, rules(spend))) == []


def test_after_a_resolved_incident_the_next_one_opens() -> None:
    assert decide_all(closed(0, 1), [9, 1, 1, 1, 9]) == [at(OPENED, 4, 4, 5)]


def test_an_incident_whose_beginning_is_no_longer_judged_goes_on() -> None:
    known = open_since(-30, excess_usd=100)

    assert decide_all(known, [9, 9, 1, 1]) == []
    assert decide_all(known, [9, 9, 1, 1, 1, 1]) == [at(RESOLVED, -30, -30, 2)]


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 3.0, 9.0, 40.0]), min_size=1, max_size=40), st.integers(0, 3))
def test_what_has_been_told_is_not_told_again(spend: list[float], filling: int) -> None:
    decisions = decide_all(None, spend, filling=filling)
    known: Told | None = None
    for decision in decisions:
        known = Told(
            opened=decision.opened,
            start=decision.start,
            end=decision.end if decision.event == RESOLVED else None,
            excess_usd=line(spend).excess(decision.start, decision.end),
            updates=0,
        )

    assert decide_all(known, spend, filling=filling) == []


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 3.0, 9.0, 40.0]), min_size=2, max_size=40))
def test_events_of_a_series_come_in_order_and_in_pairs(spend: list[float]) -> None:
    decisions = decide_all(None, spend)

    kinds = [decision.event for decision in decisions]
    assert kinds == [OPENED, RESOLVED] * (len(kinds) // 2) + [OPENED] * (len(kinds) % 2)
    assert all(decision.start <= decision.opened < decision.end for decision in decisions)
    assert all(a.end <= b.start for a, b in zip(decisions[1::2], decisions[2::2], strict=False))
