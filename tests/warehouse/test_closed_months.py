"""Closed months stand: whatever comes later, every report of one says what it said, and months add up to the books."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from tests.warehouse.settling import HOW, World, book, outcome
from tests.warehouse.told import START, span
from warehouse.allocation import Dimensions, charge_back
from warehouse.planning import REPORTS, Plans
from warehouse.reader import ALL, Warehouse, WarehouseSnapshot
from warehouse.settle import reprice

UTC = dt.UTC
OCTOBER, NOVEMBER, DECEMBER, JANUARY = (dt.datetime(2026 + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(9, 13))
MONTHS = ((OCTOBER, NOVEMBER), (NOVEMBER, DECEMBER), (DECEMBER, JANUARY))
LONG = dataclasses.replace(HOW, lookback_days=90, outcome_days=90)
DEAR = PriceBook.from_settings(
    {"openai/gpt-4o": {"input": 5.0, "output": 20.0}, "house/h": {"input": 1.0, "output": 1.0}}
)
SUMS = {
    "settled-spend": ("calls", "priced_calls", "input_tokens", "cached_input_tokens", "cost_usd", "input_cost_usd"),
    "cost-per-successful-task": (
        *("tasks", "successful_tasks", "failed_tasks", "unknown_tasks", "priced_tasks", "safe_successful_tasks"),
        *("review_minutes", "total_cost_usd", "calls", "cost_usd", "waste_usd"),
    ),
    "unit-economics": ("tasks", "successful_tasks", "calls", "output_tokens", "total_cost_usd", "waste_usd"),
    "waste": ("calls", "cost_usd", "waste_usd", "failed_usd", "superseded_usd", "failed_tasks_usd", "retry_cost_usd"),
    "cache": ("calls", "cached_input_tokens", "cost_usd", "cached_cost_usd", "savings_usd"),
    "chargeback": ("calls", "input_tokens", "cost_usd"),
    "settled-errors": ("errors", "cost_usd"),
    "forecast": ("spent_usd",),
    "variance": ("usd", "calls"),
}
"""By report what adds up."""
BY = ("", "tenant", "feature", "outcome", "tenant,feature", "model")
SEEDS = range(2)


def ms(moment: dt.datetime) -> float:
    """Milliseconds after START."""
    return (moment - START).total_seconds() * 1000


def call(dice: random.Random, number: int, since: dt.datetime, until: dt.datetime) -> dict[str, Any]:
    tokens = 10 * dice.randrange(1, 500)
    return span(
        f"s{number}",
        trace=f"t{number}",
        at=dice.uniform(ms(since), ms(until) - 10_000),
        tenant=dice.choice(("acme", "beta", None)),
        feature=dice.choice(("chat", "search")),
        task_id=f"T{dice.randrange(8)}",
        user_id=dice.choice(("61" * 16, "62" * 16)),
        status=dice.choice(("ok", "ok", "error")),
        attempt=dice.choice((None, 1, 2)),
        input_tokens=tokens,
        cached_input_tokens=dice.randrange(tokens),
        output_tokens=dice.randrange(500),
        **dice.choice(
            (
                {"provider": "openai", "request_model": "gpt-4o"},
                {"provider": "openai", "request_model": "gpt-4o-mini"},
                {"provider": "house", "request_model": "h"},
            )
        ),
    )


def verdicts(dice: random.Random, moment: dt.datetime) -> list[dict[str, Any]]:
    return [
        outcome(
            dice.choice(("success", "success", "safe")),
            "failure" if dice.random() < 0.3 else "success",
            task_id=f"T{dice.randrange(8)}",
            tenant=dice.choice(("acme", "beta")),
            review_minutes=float(dice.randrange(9)),
            observed_at=moment + dt.timedelta(seconds=dice.randrange(3600)),
        )
        for _ in range(5)
    ]


def look(world: World) -> WarehouseSnapshot:
    """The lake as it is now."""
    return Warehouse(world.settings).snapshot()


def report(snapshot: WarehouseSnapshot, name: str, **params: Any) -> list[dict[str, Any]]:
    """What `spanledger report NAME` says."""
    if name == "chargeback":
        return charge_back(snapshot, ALL, Dimensions(), **params | {"by": "tenant"}).to_pylist()
    if name in REPORTS:
        return REPORTS[name](snapshot, ALL, Plans(), **params).to_pylist()
    rows: list[dict[str, Any]] = snapshot.ask(name, ALL, **params).to_pylist()
    return rows


def months(snapshot: WarehouseSnapshot, name: str, by: str, stretches: Sequence[Any]) -> list[list[dict[str, Any]]]:
    rows = [report(snapshot, name, by=by, start=start, end=end) for start, end in stretches]
    if name == "forecast":  # how much history there is, and of whom, goes on
        names = ["spent_usd", *filter(None, by.split(","))]
        return [[{key: row[key] for key in names} for row in some if row["spent_usd"]] for some in rows]
    return rows


def stories(seed: int, world: World) -> Iterator[int]:
    """Closes October, later November; gives how many months are closed each time that more has come for them."""
    dice = random.Random(seed)
    number = 0

    def flush(count: int, since: dt.datetime, until: dt.datetime, now: dt.datetime) -> None:
        nonlocal number
        told = [call(dice, number + one, since, until) for one in range(count)]
        number += count
        world.flush(told, verdicts(dice, now), partition=number)
        world.settle(now=now, how=LONG)

    def price(prices: PriceBook, now: dt.datetime) -> None:
        reprice(world.lake, world.settings, LONG, pricing_of(prices), window=(OCTOBER, JANUARY), now=now)

    flush(20, OCTOBER, DECEMBER, DECEMBER + dt.timedelta(hours=2))
    yield 0
    for closed, month in enumerate((OCTOBER, NOVEMBER), start=1):
        now = DECEMBER + dt.timedelta(days=3 * closed)
        world.close(month.date(), now, LONG)
        yield closed
        flush(6, OCTOBER, DECEMBER, now + dt.timedelta(hours=2))
        price(DEAR if closed == 1 else book(), now + dt.timedelta(hours=3))
        flush(3, OCTOBER, now, now + dt.timedelta(hours=9))
        yield closed


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_reports_of_a_closed_month_say_what_they_said_whatever_comes_later(seed: int, tmp_path: Path):
    world = World(tmp_path)
    said: dict[str, list[Any]] = {}
    was_closed = 0
    for closed in stories(seed, world):
        snapshot = look(world)
        for place, name in enumerate(SUMS, start=3 * seed):
            by = BY[place % len(BY)]
            now = months(snapshot, name, by, MONTHS)
            before = said.get(name)
            if before is not None and closed == was_closed:
                assert now[:closed] == before[:closed], name
            said[name] = now
        was_closed = closed


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_months_add_up_to_the_books_whatever_was_closed(seed: int, tmp_path: Path):
    world = World(tmp_path)
    for _ in stories(seed, world):
        pass

    snapshot = look(world)
    for place, (name, measures) in enumerate(SUMS.items(), start=3 * seed):
        by = BY[place % (len(BY) - 1)]
        if name == "forecast" or (name == "variance" and by):
            continue
        rows = [row for month in months(snapshot, name, by, MONTHS) for row in month]
        (whole,) = months(snapshot, name, by, [(OCTOBER, JANUARY)])
        for measure in measures:
            assert total(rows, measure) == total(whole, measure), (name, measure)
    assert total(months(snapshot, "settled-spend", "", [(None, None)])[0], "cost_usd") == world.total()[1]


def total(rows: Sequence[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows if row[name] is not None), Decimal(0))


def test_a_late_outcome_of_a_closed_month_counts_in_the_open_one(tmp_path: Path):
    world = World(tmp_path)
    used = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
    world.flush([span("a", trace="a", at=ms(OCTOBER) + 3_600_000, task_id="T", tenant="acme", **used)])
    world.settle(now=NOVEMBER + dt.timedelta(days=2), how=LONG)
    world.close(OCTOBER.date(), NOVEMBER, LONG)
    world.flush([], [outcome("success", "success", task_id="T", tenant="acme", observed_at=NOVEMBER)])
    world.settle(now=NOVEMBER + dt.timedelta(days=9), how=LONG)
    names = ("tasks", "successful_tasks", "unknown_tasks", "calls", "cost_usd")

    october, november, both = (
        [
            tuple(row[name] for name in names)
            for row in report(look(world), "cost-per-successful-task", start=start, end=end)
        ]
        for start, end in (MONTHS[0], MONTHS[1], (OCTOBER, DECEMBER))
    )

    assert october == [(1, 0, 1, 1, Decimal("0.0035"))]
    assert november == [(0, 1, -1, 0, 0)]
    assert both == [(1, 1, 0, 1, Decimal("0.0035"))]


def test_what_a_late_failure_of_a_closed_month_wasted_adds_up_by_group_and_month(tmp_path: Path):
    world = World(tmp_path)
    used = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
    world.flush([span("a", trace="a", at=ms(OCTOBER) + 3_600_000, task_id="T", tenant="acme", **used)])
    world.settle(now=NOVEMBER + dt.timedelta(days=2), how=LONG)
    world.close(OCTOBER.date(), NOVEMBER, LONG)
    unpriced = {
        "tenant": "acme",
        "provider": "house",
        "request_model": "unheard-of",
        "input_tokens": 10,
        "task_id": "U",
    }
    failed = span("b", trace="b", at=ms(NOVEMBER) + 3_600_000, tenant="beta", status="error", **used)
    late = [outcome("success", "failure", task_id="T", tenant="acme", observed_at=NOVEMBER)]
    world.flush([failed, span("c", trace="c", at=ms(NOVEMBER), **unpriced)], late)
    world.settle(now=NOVEMBER + dt.timedelta(days=9), how=LONG)
    cost = Decimal("0.0035")

    for name in ("waste", "cost-per-successful-task"):
        whole, groups = (report(look(world), name, by=by, start=NOVEMBER, end=DECEMBER) for by in ("", "tenant"))
        wasted = {row["tenant"]: row["waste_usd"] for row in groups}
        assert (total(whole, "waste_usd"), wasted) == (2 * cost, {"acme": cost, "beta": cost}), name
        assert {row["tenant"]: (row["calls"], row["cost_usd"]) for row in groups} == {
            "acme": (1, None),
            "beta": (1, cost),
        }, name
        assert [total(rows, "waste_usd") for rows in months(look(world), name, "", MONTHS)] == [0, 2 * cost, 0]
