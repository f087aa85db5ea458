"""Nobody settled for three weeks: one settlement closes all hours, and the books are those of one after each day."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from tests.warehouse.settling import HOW, World, outcome
from tests.warehouse.test_settle_scenario import BOOK, FAILED, GPT, HOUSE, NOVEMBER, at
from tests.warehouse.told import span, tool

pytestmark = pytest.mark.long

DAYS = 21
END = NOVEMBER + dt.timedelta(days=DAYS + 2)
SMALL = dataclasses.replace(HOW, chunk_spans=30)
"""Less than four days have."""
CALLS = 5 * DAYS
COST = DAYS * (Decimal("0.0035") * 2 + Decimal("0.00315")) + 9 * Decimal("0.0012") + (DAYS - 9) * Decimal("0.0034")
"""Of a day: what failed and was tried again, what is told twice, beta's at its discount, the house's by its dates."""


@dataclasses.dataclass(frozen=True)
class Arrival:
    """What a partition brings, so many days into November."""

    day: float
    partition: int
    rows: list[dict[str, Any]]
    outcomes: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def of_day(day: int) -> list[Arrival]:
    """An agent whose trace comes in three parts, the last a day late; a gateway's copy; a session of all days."""
    task, moment = f"t{day:02}", NOVEMBER + dt.timedelta(days=day)
    response = f"chatcmpl-{day:02}27fc3e19b"
    house = span("h", "agent", trace=task, at=3_600_000 * 2, ms=40, **HOUSE)
    first = [
        span("a1", "agent", trace=task, at=10, ms=20, attempt=1, **FAILED),
        span("a2", "agent", trace=task, at=50, ms=40, attempt=2, response_id=response, **GPT),
    ]
    agent = tool("agent", trace=task, operation="invoke_agent", tenant="acme", feature="chat", task_id=task, ms=200)
    copied = span("gw", trace=f"g{day:02}", at=52, ms=36, service="gateway", response_id=response, **GPT)
    talk = span("s", trace=f"s{day:02}", at=60_000, ms=9, tenant="beta", session_id="talk", user_id="u", **GPT)
    again = span("h2", trace=f"h{day:02}", at=90_000, ms=9, tenant="acme", feature="batch", **GPT)
    about = {"task_id": task, "tenant": "acme"}
    said = outcome("success", "success" if day % 3 else "failure", observed_at=moment + dt.timedelta(days=2), **about)
    arrivals = [(day, 0, first, []), (day, 1, [copied], []), (day, 0, [house, talk], [])]
    arrivals += [(day + 0.5, 1, [again], []), (day + 0.5, 0, [again], [])]
    arrivals += [(day + 1, 0, [agent], []), (day + 2, 2, [], [said])]
    return [Arrival(when, place, [at(row, day) for row in rows], outcomes) for when, place, rows, outcomes in arrivals]


ARRIVALS = sorted((one for day in range(DAYS) for one in of_day(day)), key=lambda one: one.day)


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], World]:
    directory = tmp_path_factory.mktemp("pause")
    file = directory / "book.toml"
    file.write_text(BOOK)
    return lambda name: World(directory / name, book=PriceBook.from_settings({}, str(file)))


@pytest.fixture(scope="module")
def daily(make: Callable[[str], World]) -> dict[str, Any]:
    """The books where each day was settled once it was over."""
    world = bring(make("daily"), settled=True)
    world.settle(END)
    assert world.total()[:2] == (CALLS, COST)
    return books(world)


def books(world: World) -> dict[str, Any]:
    """What the ledger, the tasks and the days of users say in the end."""
    last = "FROM tasks QUALIFY row_number() OVER (PARTITION BY hour, tenant, task, kind ORDER BY settlement DESC) = 1"
    tasks = f"SELECT * EXCLUDE (day, settlement, close_id) FROM ({last}) WHERE spans > 0 ORDER BY ALL"  # noqa: S608 - our own text
    ledger = (
        "SELECT hour, period, tenant, feature, service, model, status, price_version, outcome, sum(calls), "
        "sum(retries), sum(cost_usd), sum(failed_cost_usd), sum(retry_cost_usd), sum(superseded_cost_usd) "
        "FROM ledger GROUP BY ALL HAVING sum(calls) <> 0 OR sum(cost_usd) <> 0 ORDER BY ALL"
    )
    users = (
        "SELECT hour, tenant, user_id, sum(calls), sum(cost_usd) FROM user_days "
        "GROUP BY ALL HAVING sum(calls) <> 0 ORDER BY ALL"
    )
    return {
        "ledger": world.sql(ledger, "ledger"),
        "tasks": world.sql(tasks, "tasks"),
        "users": world.sql(users, "user_days"),
    }


def bring(world: World, *, settled: bool) -> World:
    """All that arrives in time; ``settled``: after each day."""
    for number, one in enumerate(ARRIVALS):
        world.flush(one.rows, one.outcomes, partition=one.partition)
        following = ARRIVALS[number + 1].day if number + 1 < len(ARRIVALS) else None
        if settled and following is not None and following >= int(one.day) + 1:
            world.settle(NOVEMBER + dt.timedelta(days=int(one.day) + 1))
    return world


def test_one_settlement_after_three_weeks_is_what_one_after_each_day_was(
    make: Callable[[str], World], daily: dict[str, Any]
):
    paused = bring(make("paused"), settled=False)
    steps: list[str] = []

    done = paused.settle(END, SMALL, on_step=steps.append)

    assert books(paused) == daily
    assert (done.number, done.closed_to, done.late_spans, done.late_alone) == (1, END - dt.timedelta(hours=1), 0, 0)
    assert sum(step.startswith("booked ") for step in steps) >= DAYS
    assert paused.settle(END, SMALL).number == 0


def test_what_a_worker_brings_after_three_weeks_is_settled_as_if_it_had_never_stopped(
    make: Callable[[str], World], daily: dict[str, Any]
):
    stopped = make("stopped")
    first = [one for one in ARRIVALS if one.day < 1]
    for one in first:
        stopped.flush(one.rows, one.outcomes, partition=one.partition)
    stopped.settle(NOVEMBER + dt.timedelta(days=1))
    for partition in (2, 1, 0):
        rest = [one for one in ARRIVALS if one.day >= 1 and one.partition == partition]
        outcomes = [each for one in rest for each in one.outcomes]
        stopped.flush([row for one in rest for row in one.rows], outcomes, partition=partition)

    stopped.settle(END, SMALL)

    assert books(stopped) == daily
