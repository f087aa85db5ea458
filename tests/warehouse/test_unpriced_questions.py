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
from warehouse.errors import BadQuestion
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


@dataclasses.dataclass(frozen=True)
class Told:
    """A world, and what was unpriced in it before the last thing that happened to it."""

    world: World
    before: list[Row]


CUT, CLAIMING, TWICE, NONE = ({"request_model": f"{name}-9"} for name in ("cut", "claiming", "twice", "none"))
CLAIM = {"reported_cost_usd": Decimal("0.25")} | CLAIMING


def wrapped(model: dict[str, Any], **outer: Any) -> tuple[Row, Row]:
    """A call and what wraps it, which comes in another flush."""
    trace = model.get("request_model", "plain")
    used = UNKNOWN | model
    leaf = {"response_id": f"chatcmpl-{trace}-12345678"} if outer.pop("copied", False) else {}
    return (
        span("leaf", "outer", trace=trace, at=10, ms=50, **used | leaf),
        span("outer", trace=trace, ms=100, **used | outer),
    )


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Books of several models without a price, one or two for each test; and what was said before they were closed."""
    world = World(tmp_path_factory.mktemp("settled"))
    no_call = {"operation": "task", "_role": "other", "input_tokens": None, "output_tokens": None}
    pairs = [
        wrapped(TWICE, tenant="acme", copied=True),
        wrapped(CLAIM, tenant="acme", copied=True),
        wrapped({"request_model": "own-9"}, tenant="gamma"),
        wrapped({"request_model": "moved-9"}, tenant="moved", **no_call),
    ]
    world.flush(
        [
            *(leaf for leaf, _ in pairs),
            *(call("a"), call("b", tenant="beta", service_tier="odd"), call("known", **KNOWN)),
            *(call("cut a", **CUT), call("cut b", at=30 * 60_000, **CUT), call("cut c", at=HOUR_MS, **CUT)),
            *(call("claim a", **CLAIM), call("claim b", at=3 * HOUR_MS, **CLAIM)),
            *(call("none a", **NONE), call("none b", **NONE)),
        ]
    )
    world.flush([outer for _, outer in pairs], partition=1)
    before = ask(world)
    world.settle()
    return Told(world, before)


def of(model: dict[str, Any], rows: list[Row]) -> list[Row]:
    """The rows of a model."""
    return [row for row in rows if row["model"] == model["request_model"]]


def test_what_settlement_found_told_twice_is_no_call_without_a_price(settled: Told):
    after = of(TWICE, ask(settled.world))

    assert pick(of(TWICE, settled.before), "calls", "input_tokens", "tenants", "provisional", "settled_to") == [
        (2, 2000, 1, True, None)
    ]
    assert pick(after, "calls", "input_tokens", "tenants", "provisional") == [(1, 1000, 1, False)]
    assert after[0]["settled_to"] > START


def test_calls_and_tokens_are_those_of_settled_spend(settled: Told):
    names = ("provider", "model", "service_tier", "price_status")
    end = START + 2 * HOUR  # what comes after it is not settled

    rows = ask(settled.world, end=end)
    listed = {row[:4]: row[4:] for row in pick(rows, *names, "calls", "input_tokens", "output_tokens")}
    booked = ask(settled.world, "settled-spend", by=",".join(names), end=end)

    assert listed == {
        row[:4]: row[4:]
        for row in pick(booked, *names, "calls", "input_tokens", "output_tokens")
        if row[4] and row[3] != "priced"
    }
    assert len(listed) == 8


@pytest.mark.parametrize("by", ["", "tenant", "feature,environment", "operation", "tenant,provider,model", "tags"])
def test_any_grouping_has_all_calls_once(settled: Told, by: str):
    sums = ("calls", "input_tokens", "output_tokens", "reported_cost_usd")

    def totals(rows: list[Row]) -> dict[str, tuple[Any, ...]]:
        found: dict[str, list[Any]] = {}
        for row in rows:
            told = found.setdefault(row["price_status"], [0] * len(sums))
            found[row["price_status"]] = [one + (row[name] or 0) for one, name in zip(told, sums, strict=True)]
        return {status: tuple(one) for status, one in found.items()}

    assert totals(ask(settled.world, by=by)) == totals(ask(settled.world))


def test_calls_of_tenants_are_those_of_settled_spend(settled: Told):
    end = START + 2 * HOUR
    names = ("tenant", "service_tier", "price_status", "calls")

    rows = ask(settled.world, by="tenant", end=end)
    booked = ask(settled.world, "settled-spend", by="tenant,service_tier,price_status", end=end)

    assert sorted(pick(rows, *names), key=str) == sorted(
        (row for row in pick(booked, *names) if row[-1] and row[-2] != "priced"), key=str
    )
    assert {row["tenant"] for row in rows} == {"acme", "beta", "gamma", "moved"}


def test_grouping_by_the_tier_is_what_it_does_anyway(settled: Told):
    with pytest.raises(BadQuestion, match="unpriced has no service_tier; it always groups by it"):
        ask(settled.world, by="service_tier")


def test_a_tenant_is_told_of_calls_that_settlement_found_to_be_its_own(settled: Told):
    told = {name: pick(ask(settled.world, scope=frozenset({name})), "calls") for name in ("moved", "nobody", None)}

    assert told == {"moved": [(1,)], "nobody": [], None: []}


def test_a_window_that_cuts_a_settled_hour_takes_its_rest_from_the_stream(settled: Told):
    half = START + HOUR / 4

    def cut(**params: object) -> list[tuple[Any, ...]]:
        return pick(of(CUT, ask(settled.world, **params)), "calls", "provisional")

    assert cut(start=half) == [(2, True)]
    assert cut(start=half, as_of_settlement=1) == [(1, False)]
    assert cut(start=START + HOUR) == [(1, False)]
    assert cut(end=START + HOUR) == [(2, False)]


def test_what_spans_claim_is_told_of_settled_hours_too(settled: Told):
    (row,) = of(CLAIM, ask(settled.world))

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


def test_of_a_model_without_a_price_stream_and_books_name_no_cost(settled: Told):
    found = {row["model"]: row for row in ask(settled.world, "provisional-vs-settled", by="model")}

    assert [found["none-9"][name] for name in SUMS] == [None] * len(SUMS)
    told = [found[model] for model in ("gpt-4o", "none-9")]
    assert pick(told, "model", "settled_calls", "provisional_priced_share", "priced_share") == [
        ("gpt-4o", 1, 1.0, 1.0),
        ("none-9", 2, 0.0, 0.0),
    ]
    assert found["gpt-4o"]["settled_usd"] == found["gpt-4o"]["provisional_usd"] == Decimal("0.0035")


def test_hours_that_are_not_settled_are_told_by_the_stream(world: World):
    world.flush([call("a"), call("b")])
    assert pick(ask(world), *NAMES, "settled_to") == [(2, 1.0, 2000, 1, True, None)]
    world.settle()
    assert pick(ask(world), *NAMES) == [(2, 1.0, 2000, 1, False)]
    world.flush([call("later", at=3 * HOUR_MS), call("late")])

    (row,) = ask(world)

    assert (row["calls"], row["provisional"]) == (3, True)  # what came late for a settled hour is not settled yet
    assert pick(ask(world, as_of_settlement=1), "calls", "provisional") == [(2, False)]
    world.settle()
    assert pick(ask(world), "calls", "provisional") == [(4, True)]


@pytest.mark.long
@pytest.mark.parametrize("stream", ["otlp_spans/0", None], ids=["stream told", "older version"])
def test_what_was_said_as_of_a_settlement_is_the_same_whatever_comes_later(stream: str | None, world: World):
    def claim(name: str, usd: str, at: float = 10, came: dt.timedelta = HOUR) -> Row:
        told = {"source_app_id": stream and f"{world.topic}/0", "received_at": START + came}
        return call(name, at=at, reported_cost_usd=Decimal(usd), **told)

    world.flush([claim("a", "1"), claim("b", "2")])
    world.settle(now=LATER)
    before = ask(world, as_of_settlement=1)
    assert pick(before, "calls", "reported_cost_usd") == [(2, Decimal(3))]
    came = LATER - START + HOUR
    world.flush([claim("late", "4", at=1, came=came)])
    assert ask(world, as_of_settlement=1) == before
    world.settle(now=LATER + 2 * HOUR)

    after = ask(world, as_of_settlement=2)
    world.flush([claim("later still", "8", came=came + 2 * HOUR)])

    assert pick(after, "calls", "reported_cost_usd") == [(3, Decimal(7))]
    assert (ask(world, as_of_settlement=1), ask(world, as_of_settlement=2)) == (before, after)
    assert pick(ask(world), "reported_cost_usd") == [(Decimal(15),)]  # without a number, late ones too


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
@pytest.mark.parametrize(
    "params", [{}, {"as_of_settlement": 2}, {"start": "2026-10-24T22:30:00Z"}, {"by": "tenant,tags.team"}], ids=str
)
def test_both_engines_tell_books_and_stream_alike(params: dict[str, Any], tmp_path: Path):
    settings = LakeSettings(url=str(tmp_path / "lake"))
    nonsense(settings, rows=60)
    here = Warehouse(settings).snapshot()

    answer = here.ask("unpriced", ALL, **params)

    assert answer.num_rows > 0
    assert_alike(answer, dataclasses.replace(here, engine=spark()).ask("unpriced", ALL, **params))
