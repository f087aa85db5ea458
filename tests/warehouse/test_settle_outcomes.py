"""Outcomes find their tasks however far back the spans lie that they name, and what is decided stays decided."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from tests.warehouse.settling import HOW, LATER, World, outcome
from tests.warehouse.told import START, span, tool
from warehouse.reader import ALL, Warehouse
from warehouse.settle import reprice

USED = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100, "tenant": "acme"}
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
NEXT_HOUR_MS = 3_600_000
BRIEFLY = dataclasses.replace(HOW, lookback_days=1)
DEAR = PriceBook.from_settings({"openai/gpt-4o": {"input": 5.0, "output": 20.0}})
BY_A_PERSON = {"source": "human", "review_minutes": 3.0}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def session(world: World) -> None:
    """Two turns of a session, an hour apart, and a success that names the first one's trace."""
    turns = [
        span("first", trace="t1", session_id="S", at=0, **USED),
        span("second", trace="t2", session_id="S", at=NEXT_HOUR_MS, **USED),
    ]
    thumbs_up = outcome("success", "success", trace_id=turns[0]["trace_id"], tenant="acme", **BY_A_PERSON)
    world.flush(turns, [thumbs_up])


def economics(world: World) -> tuple[Any, ...]:
    """Tasks, successes and minutes of review."""
    (row,) = Warehouse(world.settings).ask("cost-per-successful-task", ALL, by=()).to_pylist()
    return (row["tasks"], row["successful_tasks"], row["review_minutes"])


def test_a_session_stays_a_success_when_only_its_last_turn_is_young_enough_to_be_made_anew(world: World):
    session(world)
    world.settle(how=BRIEFLY)

    later = [world.settle(now=LATER + DAY + hours * HOUR, how=BRIEFLY) for hours in range(-3, 2)]

    assert economics(world) == (1, 1, 3.0)
    assert {(done.adjusted_usd, len(done.reopened)) for done in later} == {(0, 0)}


def test_repricing_from_the_middle_of_a_session_decides_nothing_otherwise(world: World):
    session(world)
    world.settle()
    window = (START + HOUR, START + DAY)

    there = reprice(world.lake, world.settings, HOW, pricing_of(DEAR), now=LATER, window=window)
    decided = economics(world)
    back = reprice(world.lake, world.settings, HOW, pricing_of(world.book), now=LATER, window=window)

    assert (there.settled.repriced, back.settled.repriced) == (1, 1)
    assert decided == economics(world) == (1, 1, 3.0)
    assert world.sql("SELECT DISTINCT outcome FROM ledger", "ledger") == [("success",)]


def test_what_a_person_says_weeks_later_counts_from_the_next_hour_on(world: World):
    world.flush([span("a", trace="t1", **USED)])
    world.settle(how=BRIEFLY)
    weeks = LATER + 20 * DAY
    world.settle(now=weeks, how=BRIEFLY)
    late = outcome("success", "failure", trace_id=b"t1".ljust(16, b"\0"), **BY_A_PERSON)
    world.flush([], [late | {"received_at": weeks, "observed_at": weeks}], partition=1)

    done = world.settle(now=weeks + HOUR, how=BRIEFLY)

    assert (done.adjusted_usd, done.reopened) == (0, {START})
    assert economics(world) == (1, 0, 3.0)
    assert world.sql("SELECT outcome, sum(calls) FROM ledger GROUP BY ALL HAVING sum(calls) <> 0", "ledger") == [
        ("failure", 1)
    ]
    assert not world.settle(now=weeks + 2 * HOUR, how=BRIEFLY).reopened


def test_a_copy_in_a_trace_of_its_own_is_no_task(world: World):
    told = {"response_id": "chatcmpl-12345678", **USED}
    world.flush([span("client", trace="c", **told), tool("search", "client", trace="c", tenant="acme")])
    world.flush([span("gateway", trace="g", convention="litellm", **told)], partition=1)

    done = world.settle()

    assert (done.suppressed, economics(world)[0]) == (1, 1)
    assert world.sql("SELECT calls, tool_calls FROM tasks WHERE spans > 0", "tasks") == [(1, 1)]


def became(world: World) -> dict[str, str]:
    """By task what became of it, as the last settlement has it."""
    return dict(world.sql("SELECT task, arg_max(outcome, settlement) FROM tasks GROUP BY task", "tasks"))


ABOUT: dict[str, dict[str, Any]] = {
    "task": {"task_id": "T"},
    "session": {"session_id": "S"},
    "trace": {"trace_id": b"x".ljust(16, b"\0")},
    "response": {"response_id": "chatcmpl-12345678"},
}


def test_weeks_later_an_outcome_finds_its_task_by_any_name_also_where_its_record_has_waited_for_hours(world: World):
    named = {"response": {"trace": "r", "response_id": "chatcmpl-12345678"}, "trace": {"trace": "x"}}
    world.flush([span(name, **{"trace": name} | named.get(name, ABOUT[name]), **USED) for name in ABOUT])
    world.settle(how=BRIEFLY)
    weeks = LATER + 20 * DAY
    world.settle(now=weeks, how=BRIEFLY)
    waited = {"received_at": weeks - 6 * HOUR, "observed_at": weeks - 6 * HOUR, "tenant": "acme"}
    world.flush([], [outcome("success", "success", **about, **waited) for about in ABOUT.values()], partition=1)

    done = world.settle(now=weeks + HOUR, how=BRIEFLY)

    assert (done.reopened, done.homeless_outcomes) == ({START}, 0)
    assert sorted(became(world).values()) == ["success"] * len(ABOUT)
    assert not world.settle(now=weeks + 2 * HOUR, how=BRIEFLY).reopened


def test_an_outcome_is_about_the_task_of_what_it_names_and_one_about_nothing_is_counted(world: World):
    turns = [
        span("b", trace="B", task_id="B1", session_id="S1", **USED),
        span("c", trace="C", task_id="C1", session_id="S2", **USED),
        span("d", trace="D", task_id="D1", session_id="S1", **USED),
    ]
    told = [{"trace_id": turns[0]["trace_id"], "session_id": "S1"}, {"session_id": "S2"}, {"session_id": "S3"}]
    world.flush(turns, [outcome("success", "success", tenant="acme", **about) for about in told])

    done = world.settle()

    assert became(world) == {"B1": "success", "C1": "success", "D1": "unknown"}
    assert done.homeless_outcomes == 1
    assert [row["homeless_outcomes"] for row in Warehouse(world.settings).ask("settlements", ALL).to_pylist()] == [1]


def test_the_minutes_that_a_person_spent_on_several_tasks_are_shared_among_them(world: World):
    world.flush(
        [span(task, trace="t1", task_id=task, **USED) for task in ("A", "B", "C")],
        [outcome("done", "", trace_id=b"t1".ljust(16, b"\0"), tenant="acme", source="human", review_minutes=10.0)],
    )

    world.settle()

    assert economics(world) == (3, 0, 10.0)
    shares = world.sql("SELECT task, review_minutes FROM tasks ORDER BY task", "tasks")
    assert shares == [("A", 3.333334), ("B", 3.333333), ("C", 3.333333)]
