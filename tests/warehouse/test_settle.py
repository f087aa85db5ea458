"""Settlement: final numbers, whatever the order in which spans arrived, and however often it is asked for."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.settling import HOW, LATER, World, outcome
from tests.warehouse.told import START, span, tool
from warehouse.settle import MonthOpen, Overtaken, Settled

USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
COST = Decimal("0.0035")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@dataclasses.dataclass(frozen=True)
class Closed:
    """A world and its settlements: when the hour was over, at once again, and when more had come."""

    world: World
    first: Settled
    again: Settled
    late: Settled


VERDICTS: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "a score of one": ({"name": "success", "label": None, "score": 1.0}, ("success", "unknown")),
    "a score of nothing": ({"name": "success", "label": None, "score": 0.0}, ("failure", "unknown")),
    "capitals": ({"name": "Success", "label": "Success"}, ("success", "unknown")),
    "not safe": ({"name": "safe", "label": None, "score": 0.0}, ("unknown", "unsafe")),
    "in between": ({"name": "success", "label": None, "score": 0.7}, ("unknown", "unknown")),
    "something else": ({"name": "helpful", "label": None, "score": 1.0}, ("unknown", "unknown")),
}
"""By task what an outcome says, and what became of the task and whether it is safe."""


def in_time(world: World) -> None:
    """What came before the hour was closed; a tenant, or a feature, for each test."""
    twice = span("a", trace="twice", tenant="twice", **USED)
    world.flush(
        [
            span("a", trace="alone", tenant="alone", **USED),
            twice,
            span("leaf", "outer", trace="wrapped", at=10, ms=50, response_id="chatcmpl-12345678", **USED),
            span("leaf", "outer", trace="late", at=10, ms=50, **USED),
            span("a", trace="task", tenant="task", task_id="t1", **USED),
            tool("b", "a", trace="task", tenant="task", task_id="t1"),
            span("first", trace="first", user_id="u1", tenant="user", **USED),
            *(span("a", trace=task, tenant="judged", task_id=task, **USED) for task in VERDICTS),
        ]
    )
    told = [outcome("success", "success", task_id=task, tenant="judged") | of for task, (of, _) in VERDICTS.items()]
    outer = span("outer", trace="wrapped", tenant="wrapper", feature="chat", ms=100, **USED)
    world.flush([twice, outer], told, partition=1)


def late(world: World) -> None:
    """What came after it."""
    world.flush(
        [
            span("outer", trace="late", tenant="late", ms=100, **USED),
            span("more", trace="more", tenant="late", **USED),
            span("late", trace="later", user_id="u1", tenant="user", **USED),
        ],
        [outcome("success", "success", task_id="t1", tenant="task")],
        partition=1,
    )


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Closed:
    world = World(tmp_path_factory.mktemp("closed"))
    in_time(world)
    first, again = world.settle(), world.settle()
    late(world)
    return Closed(world, first, again, world.settle(now=LATER + dt.timedelta(hours=6)))


def test_hours_that_are_over_are_closed_and_settling_again_adds_nothing(closed: Closed):
    assert (closed.first.number, closed.first.hours, closed.first.settled_usd) == (1, 1, 12 * COST)
    assert closed.again.number == 0
    assert closed.world.totals()["alone"] == (1, COST, 1000, 100)


def test_an_hour_that_is_not_over_stays_open(world: World):
    world.flush([span("a", **USED)])

    assert world.settle(now=START + dt.timedelta(minutes=70)).hours == 0
    assert world.total()[0] == 0


def test_a_wrapper_in_another_flush_is_not_billed_and_hands_its_tenant_down(closed: Closed):
    assert closed.world.totals()["wrapper"] == (1, COST, 1000, 100)
    assert closed.first.suppressed == 2  # with what came twice
    found = closed.world.sql(
        "SELECT tenant, feature, sum(calls), sum(suppressed_calls) FROM ledger WHERE feature = 'chat' GROUP BY ALL",
        "ledger",
    )
    assert found == [("wrapper", "chat", 1, 1)]


def test_what_comes_late_reopens_its_hour_with_lines_of_its_own(closed: Closed):
    done = closed.late
    assert (done.number, done.late_spans, done.adjusted_usd) == (2, 3, 2 * COST)
    assert done.reopened == {START}
    assert (None in closed.world.totals(), closed.world.totals()["late"]) == (False, (2, 2 * COST, 2000, 200))
    lines = closed.world.sql(
        "SELECT settlement, entry, tenant, calls, cost_usd, suppressed_calls FROM ledger "
        "WHERE tenant = 'late' OR tenant IS NULL ORDER BY ALL",
        "ledger",
    )
    assert lines == [
        (1, "settled", None, 1, COST, 0),
        (2, "late", "late", 0, 0, 1),
        (2, "late", "late", 2, 2 * COST, 0),
        (2, "late", None, -1, -COST, 0),
    ]


def test_a_record_that_comes_again_is_counted_once(closed: Closed):
    assert closed.world.totals()["twice"] == (1, COST, 1000, 100)


def test_tasks_are_decided_by_outcomes_that_come_later(closed: Closed):
    before = closed.world.sql(
        "SELECT task, kind, calls, outcome, tool_calls FROM tasks WHERE tenant = 'task' AND settlement = 1", "tasks"
    )
    found = closed.world.sql(
        "SELECT entry, outcome, calls, cost_usd FROM ledger WHERE tenant = 'task' ORDER BY ALL", "ledger"
    )

    assert before == [("t1", "task", 1, "unknown", 1)]
    assert found == [
        ("late", "success", 1, COST),
        ("late", "unknown", -1, -COST),
        ("settled", "unknown", 1, COST),
    ]
    assert closed.world.totals()["task"] == (1, COST, 1000, 100)


def test_a_verdict_is_read_from_its_score_too_however_old_the_row_is(closed: Closed):
    found = closed.world.sql("SELECT task, outcome, safe FROM tasks WHERE tenant = 'judged'", "tasks")

    assert len(found) == len(VERDICTS)
    assert {task: became for task, *became in found} == {task: list(became) for task, (_, became) in VERDICTS.items()}


def test_what_a_user_used_is_counted_once_however_often_the_hour_is_reopened(closed: Closed):
    assert closed.world.sql("SELECT user_id, sum(calls) FROM user_days GROUP BY ALL", "user_days") == [("u1", 2)]


class Died(Exception):
    """What a kill is to the test."""


def fill(world: World) -> None:
    world.flush([span("leaf", "outer", at=10, ms=50, **USED), span("other", trace="u", **USED)])
    world.flush([span("outer", tenant="acme", ms=100, **USED)], partition=1)


STEPS = ("looked", "judged", "corrected", "booked 20", "booked", "closed")


def die(world: World, at: str) -> int:
    """Calls that count when a settlement has died at a step."""

    def fall(step: str) -> None:
        if step.startswith(at):
            raise Died

    with pytest.raises(Died):
        world.settle(on_step=fall)
    return world.total()[0]


DEATHS = [step for step in STEPS if not step.startswith("booked ")]


@pytest.mark.long
def test_settlements_that_die_one_after_the_other_leave_nothing_that_counts_until_one_is_closed(world: World):
    fill(world)

    assert {at: die(world, at) for at in DEATHS} == dict.fromkeys(DEATHS, 0) | {"closed": 2}
    assert world.settle().number == 0
    assert world.total() == (2, 2 * COST, 2000, 200)


@pytest.mark.long
@pytest.mark.parametrize("at", DEATHS)
def test_a_settlement_that_dies_leaves_nothing_that_counts_and_the_next_one_does_it_all(at: str, world: World):
    fill(world)

    seen = die(world, at)
    done = world.settle()

    assert (seen, done.number) == ((2, 0) if at == "closed" else (0, 1))
    assert world.total() == (2, 2 * COST, 2000, 200)


@pytest.mark.long
@pytest.mark.parametrize(
    "at", [pytest.param("looked", marks=pytest.mark.long), pytest.param("corrected", marks=pytest.mark.long), "booked"]
)
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


@dataclasses.dataclass(frozen=True)
class Busy:
    """A world where a worker goes on while hours are closed, and settlement does so again; the steps of the first."""

    world: World
    steps: list[str]
    first: Settled
    second: Settled


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Busy:
    world = World(tmp_path_factory.mktemp("busy"))
    fill(world)
    steps: list[str] = []

    def go_on(step: str) -> None:
        steps.append(step)
        if step == "corrected":
            world.flush([span("late", trace="v", **USED)], partition=2)

    return Busy(world, steps, world.settle(on_step=go_on), world.settle())


def test_the_steps_of_a_settlement_are_those_that_the_tests_interrupt(busy: Busy):
    assert all(any(step.startswith(at) for step in busy.steps) for at in STEPS)


def test_a_worker_that_goes_on_while_hours_are_closed_loses_nothing(busy: Busy):
    assert (busy.first.late_spans, busy.second.late_spans) == (0, 1)
    assert busy.world.total() == (3, 3 * COST, 3000, 300)


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


def test_what_comes_later_than_the_lookback_takes_no_task_of_its_hour_back(world: World):
    old = START - dt.timedelta(days=30)
    past = {"started_at": old, "ended_at": old}
    world.flush([span("a", trace="a", tenant="acme", task_id="a", **USED) | past])
    world.settle()
    world.flush([span("b", trace="b", tenant="acme", task_id="b", **USED) | past])

    world.settle()

    assert world.sql("SELECT task, spans FROM tasks", "tasks") == [("a", 1)]


@pytest.mark.long
@pytest.mark.parametrize("traces", [1, 3])
def test_traces_larger_than_a_part_settle_as_they_would_in_one(traces: int, tmp_path: Path):
    """There are more parts than traces, so some part has none."""
    spans, how = 20, dataclasses.replace(HOW, chunk_spans=10)
    calls = [
        span(f"{number}", "root", trace=f"t{trace}", at=number * 10, ms=5, **USED)
        for trace in range(traces)
        for number in range(spans)
    ]
    roots = [tool("root", trace=f"t{trace}", ms=300, tenant="acme") for trace in range(traces)]
    whole, parts = World(tmp_path / "whole"), World(tmp_path / "parts")
    for world in (whole, parts):
        world.flush(calls)
        world.flush(roots, partition=1)

    whole.settle()
    parts.settle(how=how)

    assert parts.totals() == whole.totals()
    assert parts.totals()["acme"][0] == traces * spans
    assert parts.settle(how=how).number == 0


def close(world: World, month: dt.date) -> Settled:
    return world.close(month, LATER)


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


def test_a_month_with_hours_that_are_not_settled_cannot_be_closed(busy: Busy):
    with pytest.raises(MonthOpen, match=r"2026-11 cannot be closed: hours are settled up to 2026-11-20 14:00Z"):
        close(busy.world, dt.date(2026, 11, 1))
