"""What has no price is told as unknown: by the books where they are settled, by the stream after them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.pricing.book import PriceBook
from processors.pricing.settled import pricing_of
from tests.warehouse.nonsense import nonsense
from tests.warehouse.planned import DAY, FIRST, Books, line
from tests.warehouse.settling import HOW, LATER, World
from tests.warehouse.sparks import assert_alike, spark
from tests.warehouse.told import START, span
from warehouse.reader import ALL, Scope, Warehouse
from warehouse.settings import LakeSettings
from warehouse.settle import reprice

UNKNOWN = {"provider": "house", "request_model": "mystery-9", "input_tokens": 1000, "output_tokens": 100}
KNOWN = {"provider": "openai", "request_model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
PRICED = PriceBook.from_settings({"house/mystery-9": {"input": 1.0, "output": 1.0}})
HOUR = dt.timedelta(hours=1)
HOUR_MS = 3_600_000
NAMES = ("calls", "share", "input_tokens", "tenants", "provisional")
Row = dict[str, Any]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def ask(world: World, question: str = "unpriced", scope: Scope = ALL, **params: object) -> list[Row]:
    rows: list[Row] = Warehouse(world.settings).ask(question, scope, **params).to_pylist()
    return rows


def pick(rows: list[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def call(name: str, **values: Any) -> Row:
    return span(name, trace=name, **{"tenant": "acme", **UNKNOWN, **values})


def give_price(world: World, prices: PriceBook = PRICED) -> None:
    window = (START - DAY, START + DAY)
    reprice(world.lake, world.settings, HOW, pricing_of(prices), now=LATER + HOUR, window=window)


def test_what_settlement_found_told_twice_is_no_call_without_a_price(world: World):
    world.flush([span("leaf", "outer", at=10, ms=50, response_id="chatcmpl-12345678", **UNKNOWN)])
    world.flush([span("outer", tenant="acme", ms=100, **UNKNOWN)], partition=1)
    before = ask(world)
    world.settle()

    after = ask(world)

    assert pick(before, *NAMES, "settled_to") == [(2, 1.0, 2000, 1, True, None)]
    assert pick(after, *NAMES) == [(1, 1.0, 1000, 1, False)]
    assert after[0]["settled_to"] > START


def test_what_was_priced_since_is_listed_no_more_and_again_when_it_is_taken_back(world: World):
    world.flush([call("a"), call("b"), call("c", input_tokens=None, output_tokens=None)])
    world.settle()
    before = ask(world)
    give_price(world)

    after = ask(world)
    give_price(world, PriceBook.from_settings({}))

    assert pick(before, "price_status", "calls", "input_tokens") == [
        ("unpriced_model", 2, 2000),
        ("usage_missing", 1, None),
    ]
    assert pick(after, "price_status", "calls", "share", "input_tokens") == [("usage_missing", 1, 1 / 3, None)]
    assert ask(world) == before
    assert ask(world, as_of_settlement=1) == before
    assert ask(world, as_of_settlement=2) == after
    assert ask(world, as_of_settlement=0) == []


def test_hours_that_are_not_settled_are_told_by_the_stream(world: World):
    world.flush([call("a"), call("b")])
    world.settle()
    world.flush([call("later", at=3 * HOUR_MS), call("late")])

    (row,) = ask(world)

    assert (row["calls"], row["provisional"]) == (3, True)  # what came late for a settled hour is not settled yet
    assert pick(ask(world, as_of_settlement=1), "calls", "provisional") == [(2, False)]
    world.settle()
    assert pick(ask(world), "calls", "provisional") == [(4, True)]


def test_calls_and_tokens_are_those_of_settled_spend(world: World):
    world.flush([call("a"), call("b", tenant="beta", service_tier="odd"), call("c", **KNOWN)])
    world.flush([span("leaf", "outer", at=10, ms=50, **UNKNOWN)], partition=1)
    world.flush([span("outer", tenant="gamma", ms=100, **UNKNOWN)], partition=2)
    world.settle()
    names = ("provider", "model", "service_tier", "price_status")

    listed = {row[:4]: row[4:] for row in pick(ask(world), *names, "calls", "input_tokens", "output_tokens")}
    booked = ask(world, "settled-spend", by=",".join(names))

    assert listed == {
        row[:4]: row[4:]
        for row in pick(booked, *names, "calls", "input_tokens", "output_tokens")
        if row[4] and row[3] != "priced"
    }
    assert len(listed) == 2


def test_a_tenant_is_told_of_calls_that_settlement_found_to_be_its_own(world: World):
    world.flush([span("leaf", "outer", at=10, ms=50, **UNKNOWN)])
    world.flush([span("outer", tenant="acme", operation="task", _role="other", ms=100)], partition=1)
    world.settle()

    told = {name: pick(ask(world, scope=frozenset({name})), "calls") for name in ("acme", "beta", None)}

    assert told == {"acme": [(1,)], "beta": [], None: []}


def test_a_window_that_cuts_a_settled_hour_takes_its_rest_from_the_stream(world: World):
    world.flush([call("a"), call("b", at=30 * 60_000), call("c", at=HOUR_MS)])
    world.settle()
    half = START + HOUR / 4

    (row,) = ask(world, start=half)

    assert (row["calls"], row["provisional"]) == (2, True)
    assert pick(ask(world, start=half, as_of_settlement=1), "calls", "provisional") == [(1, False)]
    assert pick(ask(world, start=START + HOUR), "calls", "provisional") == [(1, False)]
    assert pick(ask(world, end=START + HOUR), "calls", "provisional") == [(2, False)]


def test_what_spans_claim_is_told_of_settled_hours_too(world: World):
    claims = {"reported_cost_usd": Decimal("0.25")}
    world.flush([call("a", **claims), call("b", at=3 * HOUR_MS, **claims)])
    world.flush([span("leaf", "outer", at=10, ms=50, response_id="chatcmpl-12345678", **UNKNOWN, **claims)])
    world.flush([span("outer", tenant="acme", ms=100, **UNKNOWN, **claims)], partition=1)
    world.settle()

    (row,) = ask(world)

    assert (row["price_status"], row["calls"], row["reported_cost_usd"]) == ("reported_only", 3, Decimal("0.75"))
    assert (row["first_at"] < START + HOUR, row["last_at"] > START + 3 * HOUR) == (True, True)


SUMS = (
    "provisional_usd",
    "settled_usd",
    "difference_usd",
    "suppressed_usd",
    "inherited_usd",
    "repriced_usd",
    "late_usd",
)


def test_of_a_model_without_a_price_stream_and_books_name_no_cost(world: World):
    world.flush([call("a"), call("b"), call("known", **KNOWN)])
    world.settle()

    found = {row["model"]: row for row in ask(world, "provisional-vs-settled")}

    assert [found["mystery-9"][name] for name in SUMS] == [None] * len(SUMS)
    assert pick(list(found.values()), "model", "settled_calls", "provisional_priced_share", "priced_share") == [
        ("gpt-4o", 1, 1.0, 1.0),
        ("mystery-9", 2, 0.0, 0.0),
    ]
    assert found["gpt-4o"]["settled_usd"] == found["gpt-4o"]["provisional_usd"] == Decimal("0.0035")


def test_a_price_that_came_later_is_the_difference_to_a_stream_that_knew_none(world: World):
    world.flush([call("a"), call("known", **KNOWN)])
    world.settle()
    give_price(world)

    found = {row["model"]: row for row in ask(world, "provisional-vs-settled")}
    (all_,) = ask(world, "provisional-vs-settled", by="")

    cost = Decimal("0.0011")
    priced = found["mystery-9"]
    assert [priced[name] for name in SUMS] == [None, cost, cost, 0, 0, cost, 0]
    assert (priced["provisional_priced_share"], priced["priced_share"], priced["unexplained_usd"]) == (0, 1, 0)
    assert (all_["provisional_usd"], all_["settled_usd"]) == (Decimal("0.0035"), Decimal("0.0046"))
    assert (all_["provisional_priced_share"], all_["priced_share"]) == (0.5, 1)


def test_a_day_whose_calls_were_all_told_elsewhere_is_no_price(tmp_path: Path):
    books = Books(tmp_path)
    unpriced = {"model": "mystery-9", "price_status": "unpriced_model", "priced_calls": 0}
    days = [FIRST + n * DAY for n in range(30)]
    moved = [line(day, 0, calls=sign, **unpriced) for day in days[:10] for sign in (1, -1)]
    books.settle([*moved, *(line(day, 0, **unpriced) for day in days[10:])], days[-1] + DAY)

    (row,) = books.report("forecast", now=days[-1] + DAY / 2, end=days[-1] + 10 * DAY)

    assert (row["history_days"], row["priced_share"]) == (0, 0)
    assert {row[name] for name in ("rest_usd", "forecast_usd", "low_80_usd", "coverage_80", "wape")} == {None}


@pytest.mark.long
@pytest.mark.parametrize("params", [{}, {"as_of_settlement": 2}, {"start": "2026-10-24T22:30:00Z"}], ids=str)
def test_both_engines_tell_books_and_stream_alike(params: dict[str, Any], tmp_path: Path):
    settings = LakeSettings(url=str(tmp_path / "lake"))
    nonsense(settings, rows=60)
    here = Warehouse(settings).snapshot()

    answer = here.ask("unpriced", ALL, **params)

    assert answer.num_rows > 0
    assert_alike(answer, dataclasses.replace(here, engine=spark()).ask("unpriced", ALL, **params))
