"""Settlement: final numbers, whatever the order in which spans arrived, and however often it is asked for."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.settled import pricing_of
from tests.warehouse.settling import HOW, LATER, World, book, outcome
from tests.warehouse.told import START, span, tool
from warehouse.settle import MonthOpen, Overtaken, Settled, close_month

USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
COST = Decimal("0.0035")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_hours_that_are_over_are_closed_and_settling_again_adds_nothing(world: World):
    world.flush([span("a", tenant="acme", **USED)])

    first, again = world.settle(), world.settle()

    assert (first.number, first.hours, first.settled_usd) == (1, 1, COST)
    assert again.number == 0
    assert world.total() == (1, COST, 1000, 100)


def test_an_hour_that_is_not_over_stays_open(world: World):
    world.flush([span("a", **USED)])

    assert world.settle(now=START + dt.timedelta(minutes=70)).hours == 0
    assert world.total()[0] == 0


def test_a_wrapper_in_another_flush_is_not_billed_and_hands_its_tenant_down(world: World):
    world.flush([span("leaf", "outer", at=10, ms=50, response_id="chatcmpl-12345678", **USED)])
    world.flush([span("outer", tenant="acme", feature="chat", ms=100, **USED)], partition=1)

    done = world.settle()

    assert world.total() == (1, COST, 1000, 100)
    assert done.suppressed == 1
    found = world.sql(
        "SELECT tenant, feature, sum(calls), sum(suppressed_calls) FROM ledger GROUP BY ALL ORDER BY ALL", "ledger"
    )
    assert found == [("acme", "chat", 1, 1)]


def test_what_comes_late_reopens_its_hour_with_lines_of_its_own(world: World):
    world.flush([span("leaf", "outer", at=10, ms=50, **USED)])
    world.settle()
    world.flush(
        [span("outer", tenant="acme", ms=100, **USED), span("more", trace="u", tenant="acme", **USED)], partition=1
    )

    done = world.settle()

    assert (done.number, done.late_spans, done.adjusted_usd) == (2, 2, COST)
    assert done.reopened == {START}
    assert world.total() == (2, 2 * COST, 2000, 200)
    lines = world.sql(
        "SELECT settlement, entry, tenant, calls, cost_usd, suppressed_calls FROM ledger ORDER BY ALL", "ledger"
    )
    assert lines == [
        (1, "settled", None, 1, COST, 0),
        (2, "late", "acme", 0, 0, 1),
        (2, "late", "acme", 2, 2 * COST, 0),
        (2, "late", None, -1, -COST, 0),
    ]


def test_a_record_that_comes_again_is_counted_once(world: World):
    call = span("a", tenant="acme", **USED)
    world.flush([call])
    world.flush([call], partition=1)

    world.settle()

    assert world.total() == (1, COST, 1000, 100)


def test_tasks_are_decided_by_outcomes_that_come_later(world: World):
    world.flush([span("a", tenant="acme", task_id="t1", **USED), tool("b", "a", tenant="acme", task_id="t1")])
    world.settle()
    before = world.sql("SELECT task, kind, calls, outcome, tool_calls FROM tasks", "tasks")

    world.flush([], [outcome("success", "success", task_id="t1", tenant="acme")], partition=1)
    done = world.settle(now=LATER + dt.timedelta(hours=6))

    assert before == [("t1", "task", 1, "unknown", 1)]
    assert done.adjusted_usd == 0
    found = world.sql("SELECT entry, outcome, calls, cost_usd FROM ledger ORDER BY ALL", "ledger")
    assert found == [
        ("late", "success", 1, COST),
        ("late", "unknown", -1, -COST),
        ("settled", "unknown", 1, COST),
    ]
    assert world.total() == (1, COST, 1000, 100)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"name": "success", "label": None, "score": 1.0}, ("success", "unknown")),
        ({"name": "success", "label": None, "score": 0.0}, ("failure", "unknown")),
        ({"name": "Success", "label": "Success"}, ("success", "unknown")),
        ({"name": "safe", "label": None, "score": 0.0}, ("unknown", "unsafe")),
        ({"name": "success", "label": None, "score": 0.7}, ("unknown", "unknown")),
        ({"name": "helpful", "label": None, "score": 1.0}, ("unknown", "unknown")),
    ],
)
def test_a_verdict_is_read_from_its_score_too_however_old_the_row_is(
    world: World, told: dict[str, Any], expected: tuple[str, str]
):
    world.flush([span("a", tenant="acme", task_id="t1", **USED)])
    world.flush([], [outcome("success", "success", task_id="t1", tenant="acme") | told], partition=1)

    world.settle()

    assert world.sql("SELECT outcome, safe FROM tasks", "tasks") == [expected]


class Died(Exception):
    """What a kill is to the test."""


def steps_of(world: World) -> list[str]:
    steps: list[str] = []
    world.settle(on_step=steps.append)
    return steps


def fill(world: World) -> None:
    world.flush([span("leaf", "outer", at=10, ms=50, **USED), span("other", trace="u", **USED)])
    world.flush([span("outer", tenant="acme", ms=100, **USED)], partition=1)


STEPS = ("looked", "judged", "corrected", "booked 20", "booked", "closed")


@pytest.mark.parametrize("at", [step for step in STEPS if not step.startswith("booked ")])
def test_a_settlement_that_dies_leaves_nothing_that_counts_and_the_next_one_does_it_all(at: str, world: World):
    fill(world)

    def die(step: str) -> None:
        if step.startswith(at):
            raise Died

    with pytest.raises(Died):
        world.settle(on_step=die)
    seen = world.total()[0]
    done = world.settle()

    assert (seen, done.number) == ((2, 0) if at == "closed" else (0, 1))
    assert world.total() == (2, 2 * COST, 2000, 200)


@pytest.mark.parametrize("at", ["looked", "corrected", "booked"])
def test_of_two_settlements_at_once_one_counts(at: str, world: World):
    fill(world)
    others: list[Settled] = []

    def meet(step: str) -> None:
        if step.startswith(at) and not others:
            others.append(world.settle())

    with pytest.raises(Overtaken, match="settlement 1"):
        world.settle(on_step=meet)

    assert [one.number for one in others] == [1]
    assert world.settle().number == 0
    assert world.total() == (2, 2 * COST, 2000, 200)


def test_the_steps_of_a_settlement_are_those_that_the_tests_interrupt(world: World):
    fill(world)

    steps = steps_of(world)

    assert all(any(step.startswith(at) for step in steps) for at in STEPS)


def test_a_worker_that_goes_on_while_hours_are_closed_loses_nothing(world: World):
    fill(world)

    def go_on(step: str) -> None:
        if step == "corrected":
            world.flush([span("late", trace="v", **USED)], partition=2)

    first = world.settle(on_step=go_on)
    second = world.settle()

    assert (first.late_spans, second.late_spans) == (0, 1)
    assert world.total() == (3, 3 * COST, 3000, 300)


def test_what_comes_later_than_the_lookback_is_booked_alone_and_counted(world: World):
    old = START - dt.timedelta(days=30)
    fill(world)
    world.flush([span("past", trace="p", tenant="acme", **USED) | {"started_at": old, "ended_at": old}], partition=2)
    world.settle()
    late = span("late", trace="p", tenant="acme", **USED) | {"started_at": old, "ended_at": old}
    world.flush([late], partition=3)

    done = world.settle(how=HOW)

    assert (done.late_spans, done.late_alone) == (1, 1)
    assert world.total() == (4, 4 * COST, 4000, 400)
    assert world.settle().number == 0


def close(world: World, month: dt.date) -> Settled:
    return close_month(world.lake, world.settings, HOW, pricing_of(book()), month=month, now=LATER)


def test_a_closed_month_is_never_rewritten_what_comes_later_is_booked_in_the_next_one(world: World):
    october = dt.timedelta(days=25)
    early = {"at": -october.total_seconds() * 1000}
    fill(world)
    world.flush([span("old", trace="o", **early, **USED)], partition=2)
    world.settle()
    closed, again = close(world, dt.date(2026, 10, 1)), close(world, dt.date(2026, 10, 1))
    world.flush([span("late", trace="p", **early, **USED)], partition=2)

    world.settle(how=dataclasses.replace(HOW, lookback_days=60))

    assert (closed.number, closed.months_closed_to, again.number) == (2, dt.date(2026, 11, 1), 0)
    found = world.sql(
        "SELECT strftime(hour, '%Y-%m'), strftime(period, '%Y-%m'), entry, sum(calls) FROM ledger "
        "GROUP BY ALL ORDER BY ALL",
        "ledger",
    )
    assert found == [
        ("2026-10", "2026-10", "settled", 1),
        ("2026-10", "2026-11", "late", 1),
        ("2026-11", "2026-11", "settled", 2),
    ]


def test_a_month_with_hours_that_are_not_settled_cannot_be_closed(world: World):
    fill(world)
    world.settle()

    with pytest.raises(MonthOpen, match=r"2026-11 cannot be closed: hours are settled up to 2026-11-20 14:00Z"):
        close(world, dt.date(2026, 11, 1))


def test_what_a_user_used_is_counted_once_however_often_the_hour_is_reopened(world: World):
    for name in ("first", "late"):
        world.flush([span(name, trace=name, user_id="u1", tenant="acme", **USED)])
        world.settle()

    assert world.sql("SELECT user_id, sum(calls) FROM user_days GROUP BY ALL", "user_days") == [("u1", 2)]
