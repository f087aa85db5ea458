"""Settlement: final numbers, whatever the order in which spans arrived, and however often it is asked for."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.warehouse.settling import LATER, World, outcome
from tests.warehouse.told import START, span, tool

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
